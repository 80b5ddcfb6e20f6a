/**
 * What a block that changes 2,000 accounts costs to execute and commit, on a small state and on a large one, on the real
 * database: it should follow what the block changes, not what there is. Signatures are no part of it.
 */

import type { Chain } from '../../src/node/chain.js';
import { assembleBlock, type Block, MAX_BLOCK_BYTES } from '../../src/protocol/block.js';
import { type Address, fromHex, toHex } from '../../src/protocol/bytes.js';
import { encodeCertificate } from '../../src/protocol/certificate.js';
import { sha256 } from '../../src/protocol/hash.js';
import {
  decodeTransaction,
  encodePayload,
  encodeTransaction,
  TRANSFER,
  type Transaction,
} from '../../src/protocol/transaction.js';
import { openLevelStore } from '../../src/storage/level-store.js';
import { withDirectory } from '../lib/cache.js';
import { beginChain, headerOf } from '../lib/made-chain.js';
import type { Row, Settings } from '../lib/row.js';
import { median } from '../lib/statistics.js';
import { BUSY, benchWorld, type World } from '../lib/world.js';

/** One account sends, another receives; the coinbase is one of them too few to matter. */
const TRANSFERS = 1_000;
const CHANGED = 2 * TRANSFERS;
/** A thousand accounts cannot have two thousand changed. */
const SMALL = CHANGED;
const LARGE = 100_000;
const WARM_UP = 3;
const PLANS = { full: { blocks: 20 }, quick: { blocks: 5 } };
const NO_SIGNATURE = Buffer.alloc(256);
const BALANCE = 1_000_000;

export const accountsRow: Row = {
  name: 'accounts',
  async run({ quick }: Settings) {
    const { blocks } = quick ? PLANS.quick : PLANS.full;
    const world = await benchWorld(1, BUSY);
    const smallMs = await withDirectory((directory) => measure(directory, world, SMALL, blocks));
    const largeMs = await withDirectory((directory) => measure(directory, world, LARGE, blocks));
    const what = (count: number) =>
      `execute and commit a block that changes ${CHANGED} of ${count} accounts, one value a block`;
    return [
      { name: `accounts ${SMALL}`, what: what(SMALL), unit: 'ms', runs: smallMs },
      {
        name: `accounts ${LARGE}`,
        what: what(LARGE),
        unit: 'ms',
        runs: largeMs,
        limit: { name: `${SMALL} accounts`, value: median(smallMs) },
        goal: { atMost: 2 },
      },
    ];
  },
};

/** Milliseconds of each block. */
async function measure(
  directory: string,
  world: World,
  count: number,
  blocks: number,
): Promise<readonly number[]> {
  const addresses = Array.from({ length: count }, (_, i) =>
    toHex(sha256(Buffer.from(`account ${i}`)).subarray(0, 20)),
  );
  // The nonce is not 0, so that no transfer has to carry a key.
  const further = new Map(addresses.map((address) => [address, { nonce: 1, balance: BALANCE, stake: 0 }]));
  const store = await openLevelStore(directory);
  try {
    const chain = await beginChain(store, world.genesis, further);
    const times: number[] = [];
    for (let block = 0; block < WARM_UP + blocks; block++) {
      const transactions = transfersAmong(world, chain, changedIn(block, addresses));
      const startMs = performance.now();
      await executeAndCommit(chain, world, transactions);
      times.push(performance.now() - startMs);
    }
    return times.slice(WARM_UP);
  } finally {
    await store.close();
  }
}

/** Each block takes the next ones, so that in a large state none has been touched lately. */
function changedIn(block: number, addresses: readonly Address[]): Address[] {
  return Array.from(
    { length: CHANGED },
    (_, i) => addresses[(block * CHANGED + i) % addresses.length] as Address,
  );
}

function transfersAmong({ genesis }: World, chain: Chain, addresses: readonly Address[]): Transaction[] {
  const genesisId = fromHex(genesis.block.id);
  return Array.from({ length: TRANSFERS }, (_, i) => {
    const from = addresses[i] as Address;
    const payload = encodePayload({
      kind: TRANSFER,
      from,
      nonce: chain.account(from)?.nonce ?? 0,
      to: addresses[TRANSFERS + i] as Address,
      amount: 1,
      fee: 0,
      data: null,
      time: 0,
      publicKey: null,
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
  const header = headerOf(chain, draft, miner.address);
  const block: Block = assembleBlock(header, 0, NO_SIGNATURE, draft.transactions);
  chain.adopt(block, draft);
  await chain.commit(block, encodeCertificate(0, []));
}
