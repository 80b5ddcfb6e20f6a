/**
 * What a block that changes 2,000 accounts costs to execute and commit, on a small state and on large ones, on the real
 * database: it should follow what the block changes, not what there is. Signatures are no part of it.
 */

import { join } from 'node:path';
import type { Chain } from '../../src/node/chain.js';
import { assembleBlock, MAX_BLOCK_BYTES } from '../../src/protocol/block.js';
import { type Address, fromHex } from '../../src/protocol/bytes.js';
import { encodeCertificate } from '../../src/protocol/certificate.js';
import {
  decodeTransaction,
  encodePayload,
  encodeTransaction,
  TRANSFER,
  type Transaction,
} from '../../src/protocol/transaction.js';
import { DiskFiles } from '../../src/storage/disk-files.js';
import { openLevelStore } from '../../src/storage/level-store.js';
import { withDirectory } from '../lib/cache.js';
import {
  accountOf,
  copyTables,
  FILES_DIRECTORY,
  type KeptChain,
  keptChains,
  TRANSFERS_PER_BLOCK,
} from '../lib/kept-chain.js';
import { beginChain, headerOf } from '../lib/made-chain.js';
import type { Figure, Row, Settings } from '../lib/row.js';
import { median } from '../lib/statistics.js';
import { BUSY, benchWorld, type World } from '../lib/world.js';

/** Accounts beside the senders. A thousand accounts cannot have two thousand changed: the smallest state is the senders and as many. */
const PLANS = {
  full: { senders: 1_000, accounts: [1_000, 100_000, 1_000_000], blocks: 20, rounds: 3 },
  quick: { senders: 20, accounts: [100, 1_000], blocks: 5, rounds: 1 },
};
const WARM_UP = 3;
/** More than any row's blocks pay to. */
const RECIPIENTS = 100_000;
const NO_SIGNATURE = Buffer.alloc(256);

export const accountsRow: Row = {
  name: 'accounts',
  async run({ quick, say }: Settings) {
    const plan = quick ? PLANS.quick : PLANS.full;
    const world = await benchWorld(plan.senders, BUSY, 1, say);
    const blockCounts = plan.accounts.map((count) => count / TRANSFERS_PER_BLOCK);
    const chains = await keptChains(world, 'accounts', blockCounts, say);
    const times: number[][] = plan.accounts.map(() => []);
    // In turns: whatever else the machine does is then spread over all of them.
    for (let round = 0; round < plan.rounds; round++) {
      for (const [i, count] of plan.accounts.entries()) {
        const ms = await withDirectory(async (directory) => {
          await copyTables((chains[i] as KeptChain).path, directory);
          const recipients = Array.from({ length: Math.min(count, RECIPIENTS) }, (_, i) => accountOf(i));
          return blockTimes(directory, world, recipients, plan.blocks);
        });
        times[i]?.push(...ms);
        say(`  ${count} accounts: ${median(ms).toFixed(1)} ms a block`);
      }
    }
    return plan.accounts.flatMap((count, i) =>
      figuresOf(plan, count, times[i] ?? [], median(times[0] ?? [])),
    );
  },
};

function figuresOf(
  { accounts, senders }: { readonly accounts: readonly number[]; readonly senders: number },
  count: number,
  runs: readonly number[],
  smallMs: number,
): Figure[] {
  const what = `execute and commit a block of ${senders} transfers that changes ${2 * senders} of ${senders + count} accounts`;
  const time = { name: `accounts ${count}`, what, unit: 'ms', runs };
  if (count === accounts[0]) return [time];
  if (count !== accounts.at(-1))
    return [{ ...time, limit: { name: `${accounts[0]} accounts`, value: smallMs } }];
  return [
    { ...time, least: { atMost: 120 }, goal: { atMost: 60 } },
    {
      name: 'accounts ratio',
      what: `the same, against ${accounts[0]}`,
      unit: 'ms',
      runs,
      limit: { name: `${accounts[0]} accounts`, value: smallMs },
      least: { atMost: 2 },
      goal: { atMost: 1.5 },
    },
  ];
}

/**
 * Milliseconds of each block that the chain in `directory` is given: of each sender a transfer to the next of
 * `recipients`, so that of many none has been touched lately.
 */
export async function blockTimes(
  directory: string,
  world: World,
  recipients: readonly Address[],
  blocks: number,
): Promise<readonly number[]> {
  const store = await openLevelStore(directory);
  try {
    const files = new DiskFiles(join(directory, FILES_DIRECTORY));
    const chain = await beginChain(store, world.genesis, files);
    const times: number[] = [];
    for (let block = 0; block < WARM_UP + blocks; block++) {
      const transactions = transfersTo(world, chain, block * world.senders.length, recipients);
      const startMs = performance.now();
      await executeAndCommit(chain, world, transactions);
      times.push(performance.now() - startMs);
    }
    return times.slice(WARM_UP);
  } finally {
    await store.close();
  }
}

function transfersTo(
  { genesis, senders }: World,
  chain: Chain,
  first: number,
  recipients: readonly Address[],
): Transaction[] {
  const genesisId = fromHex(genesis.block.id);
  return senders.map(({ address: from, publicKey }, i) => {
    const nonce = chain.account(from)?.nonce ?? 0;
    const payload = encodePayload({
      kind: TRANSFER,
      from,
      nonce,
      to: recipients[(first + i) % recipients.length] as Address,
      amount: 1,
      fee: 0,
      data: null,
      time: 0,
      publicKey: nonce === 0 ? publicKey : null,
    });
    return decodeTransaction(encodeTransaction(payload, NO_SIGNATURE), genesisId);
  });
}

/** As the leader does it: the block that it built needs no check. */
async function executeAndCommit(
  chain: Chain,
  { validators: [miner] }: World,
  transactions: readonly Transaction[],
): Promise<void> {
  if (miner === undefined) throw new Error('a network without a validator');
  const draft = chain.draft(transactions, miner.address, MAX_BLOCK_BYTES);
  if (draft.transactions.length !== transactions.length) throw new Error('a transfer was left out');
  const block = assembleBlock(headerOf(chain, draft, miner.address), 0, NO_SIGNATURE, draft.transactions);
  chain.adopt(block, draft);
  await chain.commit(block, encodeCertificate(0, []));
}
