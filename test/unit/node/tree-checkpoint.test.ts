/** Starting on a copy of the state tree: when it is used, when not, and what is noticed of damaged accounts then. */
import { beforeAll, expect, it } from 'vitest';
import { rulesOf } from '../../../src/ledger/rules.js';
import { Chain } from '../../../src/node/chain.js';
import { inlineWorker } from '../../../src/node/inline-worker.js';
import { openChain } from '../../../src/node/open-stores.js';
import { SignatureCache } from '../../../src/node/signature-cache.js';
import { CHECKPOINT_EVERY, TREE_FILE, TreeCheckpoint } from '../../../src/node/tree-checkpoint.js';
import type { KeyRange, Store } from '../../../src/ports/store.js';
import { StateTree } from '../../../src/protocol/state-tree.js';
import { ChainStore } from '../../../src/storage/chain-store.js';
import { ACCOUNT, accountKey } from '../../../src/storage/keys.js';
import { MemoryFiles } from '../../../src/storage/memory-files.js';
import { MemoryStore } from '../../../src/storage/memory-store.js';
import { ChainTables, present, putAccount } from '../../../src/storage/tables.js';
import { readTree, writeTree } from '../../../src/storage/tree-file.js';
import { expectRecords } from '../../support/account-records.js';
import { BlockMaker } from '../../support/block-maker.js';
import { copyOf, growTo } from '../../support/chain-directory.js';
import { type TestGenesis, testGenesis } from '../../support/genesis.js';
import { keyOf } from '../../support/running-nodes.js';
import { busyChain } from '../storage/fake-chain.js';

const noLog = () => {};
let genesis: TestGenesis;
let maker: BlockMaker;
/** With a copy of the tree of block 5. */
let files: MemoryFiles;

beforeAll(async () => {
  genesis = testGenesis(4);
  maker = await BlockMaker.on(genesis);
  await growTo(maker, 5);
  files = new MemoryFiles();
  const { store, ...opened } = await openChain(maker.stores.chain, genesis.wire);
  await new TreeCheckpoint(files, store, opened, noLog).close();
  await growTo(maker, 9);
});

/** The store, and how often all accounts were read. */
function counting(store: Store): { readonly store: Store; scans: number } {
  const counted = {
    scans: 0,
    store: {
      get: (key: Uint8Array) => store.get(key),
      getMany: (keys: readonly Uint8Array[]) => store.getMany(keys),
      entries: (range: KeyRange) => {
        if (range.from[0] === ACCOUNT) counted.scans++;
        return store.entries(range);
      },
      write: (...args: Parameters<Store['write']>) => store.write(...args),
      close: () => store.close(),
    },
  };
  return counted;
}

it('takes up the copy and what the blocks since did, without reading all accounts', async () => {
  const counted = counting(maker.stores.chain);
  const { tree, copied } = await openChain(counted.store, genesis.wire, files);
  expect(copied).toBe(5);
  expect(counted.scans).toBe(0);
  expect(tree.root).toBe(maker.tree.root);
  expect(tree.size).toBe(maker.tree.size);
});

it.each<[string, () => Promise<MemoryFiles>]>([
  ['is missing', async () => new MemoryFiles()],
  [
    'is damaged',
    async () => {
      const damaged = new MemoryFiles();
      await damaged.write(TREE_FILE, [new Uint8Array(5_000)]);
      return damaged;
    },
  ],
  [
    'is of another network',
    async () => {
      const other = testGenesis(4, { network_id: 7 });
      return copyFor(await BlockMaker.on(other), other);
    },
  ],
  [
    'is of a block above the head',
    async () => {
      const longer = await BlockMaker.on(genesis);
      await growTo(longer, 12);
      return copyFor(longer, genesis);
    },
  ],
])('builds the tree from the accounts where the copy %s', async (_, filesOf) => {
  const counted = counting(maker.stores.chain);
  const { tree, copied } = await openChain(counted.store, genesis.wire, await filesOf());
  expect(copied).toBe(0);
  expect(counted.scans).toBe(1);
  expect(tree.root).toBe(maker.tree.root);
});

async function copyFor(other: BlockMaker, { wire }: TestGenesis): Promise<MemoryFiles> {
  const made = new MemoryFiles();
  const { store, ...opened } = await openChain(other.stores.chain, wire);
  await new TreeCheckpoint(made, store, opened, noLog).close();
  return made;
}

it.each([
  ['a copy and what the blocks since did', true],
  ['the accounts', false],
])(
  'has the accounts and their trails as their records are, made from %s, and goes on so',
  async (_, isCopied) => {
    const source = await BlockMaker.on(genesis);
    await growTo(source, 5);
    const copy = await copyFor(source, genesis);
    await growTo(source, 9);
    await expectRecords(source.tree, source.stores.chain);
    const database = await copyOf(source.stores.chain);
    const opened = await openChain(database, genesis.wire, isCopied ? copy : undefined);
    expect(opened.copied).toBe(isCopied ? 5 : 0);
    await expectRecords(opened.tree, database);

    const rules = rulesOf(opened.genesis, genesis.id);
    const parts = { ...opened, rules, worker: inlineWorker(), verified: new SignatureCache() };
    const chain = new Chain(parts, () => {});
    for (let number = 10; number < 14; number++) {
      await growTo(source, number);
      const { block, certificate } = present(new ChainTables(source.stores.chain).block(number), 'the block');
      expect(
        await chain.applyCertified(block, present(certificate ?? undefined, 'a certificate')),
      ).toBeNull();
      await expectRecords(opened.tree, database);
    }
  },
);

it('takes up no copy of a chain that began elsewhere: its trails did', async () => {
  const kept = await readTree(files, TREE_FILE);
  if (kept === undefined) throw new Error('there is no copy');
  const image = kept.tree.image();
  const joined = new MemoryFiles();
  await writeTree(joined, TREE_FILE, { ...kept, begin: 4 }, image);
  expect((await openChain(maker.stores.chain, genesis.wire, joined)).copied).toBe(0);
});

it('gives the accounts that the head has, whatever becomes of their records, which a start without a copy notices', async () => {
  const { address } = keyOf(5);
  const stranger = 'ee'.repeat(20);
  const wrong = { nonce: 0, balance: 7, stake: 0, touchedIn: 1, transactedIn: 0, touches: 1 };
  for (const [damage, read] of [
    [{ key: accountKey(address), value: null }, address],
    [putAccount(address, { ...wrong, touchedIn: 9 }), address],
    [putAccount(stranger, wrong), stranger],
  ] as const) {
    const database = await copyOf(maker.stores.chain);
    // Behind the back of what is looked at when it is opened.
    const { store } = await openChain(database, genesis.wire, files);
    await database.write([damage], { sync: true });
    expect(store.account(read)).toEqual(maker.chain.account(read));
    for (const [listed, account] of (await store.accountsPage(undefined, 100)).items)
      expect(account).toEqual(maker.chain.account(listed));
    await expect(openChain(database, genesis.wire)).rejects.toMatchObject({ code: 'DAMAGED' });
  }
});

it('makes a copy every so many blocks, one at a time, and lets a failure pass', async () => {
  const chain = busyChain(3, 2, 1);
  const written: string[] = [];
  const failing = new MemoryFiles();
  failing.write = async (name) => {
    written.push(name);
    throw new Error('full');
  };
  const store = await ChainStore.initialise(new MemoryStore(), chain.genesis);
  const head = { number: 1 };
  const fakeStore = {
    genesisId: store.genesisId,
    get head() {
      return { ...store.head, number: head.number };
    },
    base: store.base,
  } as unknown as ChainStore;
  const tree = {
    image: () => ({ ...new StateTree().image(), release: () => {} }),
  } as unknown as StateTree;
  const warned: string[] = [];
  const checkpoint = new TreeCheckpoint(failing, fakeStore, { tree, copied: 1 }, (level) =>
    warned.push(level),
  );
  for (head.number = 2; head.number <= CHECKPOINT_EVERY; head.number++) checkpoint.headMoved();
  expect(written).toEqual([]);
  for (; head.number <= CHECKPOINT_EVERY + 3; head.number++) checkpoint.headMoved();
  await checkpoint.close();
  expect(written).toEqual([TREE_FILE, TREE_FILE]);
  expect(warned).toEqual(['warn', 'warn']);
});

it('makes none while the first blocks behind a snapshot are taken, but one when the node stops', async () => {
  const written: number[] = [];
  const begin = 5_000;
  const head = { number: begin, id: genesis.id };
  const store = { genesisId: genesis.id, head, base: { number: begin, lowestHeader: begin } } as ChainStore;
  const files = new MemoryFiles();
  files.write = async () => {
    written.push(head.number);
  };
  const checkpoint = new TreeCheckpoint(files, store, { tree: new StateTree(), copied: 0 }, noLog);
  for (; head.number < begin + CHECKPOINT_EVERY; head.number++) checkpoint.headMoved();
  expect(written).toEqual([]);
  checkpoint.headMoved();
  expect(written).toEqual([begin + CHECKPOINT_EVERY]);
  const stopped = new TreeCheckpoint(files, store, { tree: new StateTree(), copied: 0 }, noLog);
  head.number = begin;
  await stopped.close();
  expect(written.at(-1)).toBe(begin);
});
