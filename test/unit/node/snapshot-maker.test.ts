/** Making snapshots beside everything else: of one moment, of what is true, and no more of them than are kept. */
import { beforeEach, describe, expect, it } from 'vitest';
import { rulesOf } from '../../../src/ledger/rules.js';
import { Chain } from '../../../src/node/chain.js';
import { inlineWorker } from '../../../src/node/inline-worker.js';
import { type OpenedChain, openChain } from '../../../src/node/open-stores.js';
import { SignatureCache } from '../../../src/node/signature-cache.js';
import { KEPT_SNAPSHOTS, SnapshotMaker } from '../../../src/node/snapshot-maker.js';
import { StateAssembly } from '../../../src/protocol/state-assembly.js';
import { decodeAccounts, decodeSubtrees } from '../../../src/protocol/state-part.js';
import { PUBLIC_KEY, table } from '../../../src/storage/keys.js';
import { MemoryFiles } from '../../../src/storage/memory-files.js';
import type { MemoryStore } from '../../../src/storage/memory-store.js';
import { type Snapshot, snapshotNumbers } from '../../../src/storage/snapshot-file.js';
import { BlockMaker } from '../../support/block-maker.js';
import { copyOf, growTo } from '../../support/chain-directory.js';
import { type TestGenesis, testGenesis } from '../../support/genesis.js';
import { ManualClock } from '../../support/manual-clock.js';
import { keyOf } from '../../support/running-nodes.js';

const EVERY = 3;
/** Far longer than any of them takes. */
const LONG_MS = 10_000;

let genesis: TestGenesis;
let maker: BlockMaker;
let clock: ManualClock;
let files: MemoryFiles;
let logs: string[];

beforeEach(async () => {
  genesis = testGenesis(1);
  maker = await BlockMaker.on(genesis);
  clock = new ManualClock();
  files = new MemoryFiles();
  logs = [];
});

interface Member {
  readonly opened: OpenedChain;
  readonly chain: Chain;
  readonly snapshots: SnapshotMaker;
}

/** A chain that makes snapshots, on a copy of the maker's. */
async function member(store?: MemoryStore): Promise<Member> {
  const opened = await openChain(store ?? (await copyOf(maker.stores.chain)), genesis.wire);
  const snapshots = new SnapshotMaker({
    store: opened.store,
    tree: opened.tree,
    files,
    clock,
    log: (level, _, text) => logs.push(`${level} ${text}`),
    everyBlocks: EVERY,
    maxPartAccounts: 2,
  });
  const rules = rulesOf(opened.genesis, genesis.id);
  const parts = { ...opened, rules, worker: inlineWorker(), verified: new SignatureCache() };
  const chain = new Chain(parts, () => snapshots.headMoved());
  await snapshots.open();
  return { opened, chain, snapshots };
}

/** The maker's next blocks. */
async function growing(last: number): Promise<Awaited<ReturnType<BlockMaker['add']>>[]> {
  const made: Awaited<ReturnType<BlockMaker['add']>>[] = [];
  for (let number = maker.chain.head.header.number + 1; number <= last; number++) {
    const nonce = maker.chain.account(keyOf(0).address)?.nonce ?? 0;
    const payment = maker.transfer(keyOf(0), { nonce, to: keyOf(5).address, amount: number });
    made.push(await maker.add({ miner: maker.leader(number), transactions: [payment] }));
  }
  return made;
}

/** The maker's next blocks, on the member's chain too, one by one. */
async function grow({ chain }: Member, last: number): Promise<void> {
  for (const { block, certificate } of await growing(last))
    expect(await chain.applyCertified(block.wire, certificate.wire)).toBeNull();
}

async function rootOf(snapshot: Snapshot | undefined): Promise<string | undefined> {
  if (snapshot === undefined) return undefined;
  const assembly = new StateAssembly(snapshot.head.hashState);
  const queue = [''];
  for (let path = queue.pop(); path !== undefined; path = queue.pop()) {
    const place = assembly.wanted(path);
    const part = await snapshot.answer(path);
    if (place === undefined || part === undefined) return undefined;
    if (part.accounts !== null) assembly.take(place, decodeAccounts(part.accounts));
    else
      for (const each of assembly.split(path, decodeSubtrees(place, part.subtrees ?? new Uint8Array())))
        queue.push(each.path);
  }
  return assembly.finish().root;
}

describe('a node that makes snapshots', () => {
  it('makes one of the state after its block, while later blocks change it', async () => {
    const node = await member();
    await grow(node, EVERY);
    const { hashState } = node.chain.head.header;
    expect(node.snapshots.newest).toBeUndefined();
    await grow(node, EVERY + 2);
    await clock.advance(LONG_MS);
    expect(node.snapshots.newest).toBe(EVERY);
    expect(await rootOf(node.snapshots.of(EVERY))).toBe(hashState);
    expect(node.chain.head.header.hashState).not.toBe(hashState);
  });

  it('keeps the last two, also over a restart', async () => {
    const node = await member();
    for (let number = EVERY; number <= 4 * EVERY; number += EVERY) {
      await grow(node, number);
      await clock.advance(LONG_MS);
      expect(node.snapshots.newest).toBe(number);
    }
    expect(await snapshotNumbers(files)).toEqual([4 * EVERY, 3 * EVERY]);
    expect(KEPT_SNAPSHOTS).toBe(2);
    const again = await member();
    expect(again.snapshots.newest).toBe(4 * EVERY);
    expect(await rootOf(again.snapshots.of(3 * EVERY))).toBeDefined();
  });

  it('takes none for its own that are of another chain', async () => {
    await growTo(maker, EVERY);
    await member();
    await clock.advance(LONG_MS);
    expect(await snapshotNumbers(files)).toEqual([EVERY]);
    genesis = testGenesis(1, { network_id: 9 });
    maker = await BlockMaker.on(genesis);
    const other = await member();
    expect(other.snapshots.newest).toBeUndefined();
    expect(await snapshotNumbers(files)).toEqual([]);
  });

  it('leaves none behind if it is stopped meanwhile', async () => {
    const node = await member();
    await grow(node, EVERY);
    const closed = node.snapshots.close();
    await clock.advance(LONG_MS);
    await closed;
    expect(await snapshotNumbers(files)).toEqual([]);
    expect(logs.filter((line) => line.startsWith('warn'))).toEqual([]);
  });

  it('makes none where a public key is lost, and says so', async () => {
    await growTo(maker, EVERY);
    const damaged = await copyOf(maker.stores.chain);
    const keys: Uint8Array[] = [];
    for await (const [key] of damaged.entries(table(PUBLIC_KEY))) keys.push(key);
    await damaged.write(
      keys.map((key) => ({ key, value: null })),
      { sync: true },
    );
    const node = await member(damaged);
    await clock.advance(LONG_MS);
    expect(node.snapshots.newest).toBeUndefined();
    expect(logs).toEqual(['warn no snapshot could be made']);
  });

  it('makes it of the state as it was, though the chain goes on and the state is pruned meanwhile', async () => {
    const node = await member();
    await grow(node, EVERY);
    await grow(node, EVERY + 2);
    await node.opened.store.prune(EVERY + 1, 1_000);
    await clock.advance(LONG_MS);
    expect(node.snapshots.newest).toBe(EVERY);
    expect(logs).toEqual(['info made a snapshot of block 3']);
  });

  it('says which it leaves out: while another is made, and where the head passes it in one step', async () => {
    const node = await member();
    await grow(node, 2 * EVERY);
    expect(logs).toEqual(['info no snapshot is made']);
    await clock.advance(LONG_MS);
    expect(node.snapshots.newest).toBe(EVERY);

    const later = await growing(3 * EVERY + 1);
    await Promise.all(
      later.map(({ block, certificate }) => node.chain.applyCertified(block.wire, certificate.wire)),
    );
    await clock.advance(LONG_MS);
    expect(node.chain.head.header.number).toBe(3 * EVERY + 1);
    expect(logs.filter((line) => line === 'info no snapshot is made')).toHaveLength(2);
    expect(node.snapshots.newest).toBe(EVERY);
  });
});
