/** A chain that begins with the state of others: all of it, or nothing that could be taken for a chain. */
import { describe, expect, it } from 'vitest';
import type { StoreOperation } from '../../../src/ports/store.js';
import { toHex } from '../../../src/protocol/bytes.js';
import { ProtocolError } from '../../../src/protocol/errors.js';
import { decodeSealedHeader, splitBlock } from '../../../src/protocol/sealed-header.js';
import { StateTree } from '../../../src/protocol/state-tree.js';
import { ChainStore } from '../../../src/storage/chain-store.js';
import { bringUpToDate } from '../../../src/storage/format.js';
import { EVERYTHING } from '../../../src/storage/keys.js';
import { MemoryStore } from '../../../src/storage/memory-store.js';
import { SnapshotLoader } from '../../../src/storage/snapshot-loader.js';
import { busyChain, fakeAddress } from './fake-chain.js';

const chain = busyChain(8, 20, 4);
const keys = new Map(chain.commits.flatMap(({ newKeys }) => [...newKeys]));
const BASE = 10;
const base = chain.commits[BASE - 2] as (typeof chain.commits)[number];

async function load(store: MemoryStore): Promise<void> {
  const loader = await SnapshotLoader.begin(store, chain.genesis, BASE);
  const entries = [...(chain.states[BASE] ?? [])].map(([address, account]) => ({
    address,
    account,
    publicKey: account.nonce > 0 ? (keys.get(address) ?? null) : null,
  }));
  const half = Math.ceil(entries.length / 2);
  await loader.add(entries.slice(half));
  await loader.add(entries.slice(0, half));
  expect(loader.supply).toBe(base.supply);
  const [sealed] = splitBlock(base.block.wire);
  await loader.finish(decodeSealedHeader(sealed), base.certificate?.wire ?? new Uint8Array());
}

/** Fails at the write of that number, and is dead then. */
class Failing extends MemoryStore {
  #left: number;

  constructor(writes: number) {
    super();
    this.#left = writes;
  }

  override async write(operations: readonly StoreOperation[], options: { sync: boolean }): Promise<void> {
    if (this.#left === 0) throw new Error('power cut');
    this.#left--;
    await super.write(operations, options);
  }

  revive(): void {
    this.#left = Number.POSITIVE_INFINITY;
  }
}

/** Whether each of its writes was synced. */
class Watched extends MemoryStore {
  readonly syncs: boolean[] = [];

  override async write(operations: readonly StoreOperation[], options: { sync: boolean }): Promise<void> {
    this.syncs.push(options.sync);
    await super.write(operations, options);
  }
}

describe('a chain that begins with a snapshot', () => {
  it('has the accounts, keys and supply of its block, and goes on with the next', async () => {
    const store = new MemoryStore();
    await load(store);
    const opened = (await ChainStore.open(store, chain.genesisId)) as ChainStore;
    expect(opened.head).toMatchObject({ number: BASE, id: base.block.id, supply: base.supply });
    expect(opened.base).toMatchObject({ number: BASE, lowestHeader: BASE });
    const tree = await StateTree.buildAsync(opened.records());
    expect(tree.root).toBe(StateTree.build(chain.states[BASE] ?? []).root);
    for (const commit of chain.commits.slice(BASE - 1)) await opened.commit(commit);
    const last = (await ChainStore.open(store)) as ChainStore;
    expect(last.head.number).toBe(chain.commits.length + 1);
    for (const number of [BASE, BASE + 1, last.head.number]) {
      const state = chain.states[number];
      for (const [address, account] of state ?? []) {
        expect(await last.accountAt(address, number)).toEqual(account);
        if (account.nonce > 0) expect(last.publicKey(address)).toBeDefined();
      }
    }
  });

  it('says PRUNED of what was before, instead of leaving it out', async () => {
    const store = new MemoryStore();
    await load(store);
    const opened = (await ChainStore.open(store)) as ChainStore;
    const [sender] = [...(chain.states[BASE] ?? [])].find(([, { nonce }]) => nonce > 0) ?? [fakeAddress(0)];
    const pruned = expect.objectContaining({ code: 'PRUNED' });
    await expect(opened.accountAt(sender, BASE - 1)).rejects.toEqual(pruned);
    await expect(opened.accountTransactions(sender, undefined, 10)).rejects.toEqual(pruned);
    await expect(opened.transactionPlaces(undefined, 10)).rejects.toBeInstanceOf(ProtocolError);
    expect(opened.header(BASE - 1)).toBeUndefined();
    expect(opened.blockBytes(BASE)).toBeUndefined();
    expect(toHex(opened.blockBytes(1)?.block ?? new Uint8Array())).toBe(toHex(chain.genesis.block.wire));
  });

  it('is no chain until all is there, whatever was written before a crash, and can then be begun anew', async () => {
    for (let writes = 0; writes < 5; writes++) {
      const store = new Failing(writes);
      await expect(load(store)).rejects.toThrow('power cut');
      store.revive();
      const found = await ChainStore.open(store);
      // The genesis block alone is a chain.
      expect(found?.head.number ?? 1).toBe(1);
      if (writes >= 2) {
        expect(found).toBeUndefined();
        expect(await count(store)).toBe(1);
      }
      await load(store);
      expect((await ChainStore.open(store))?.head.number).toBe(BASE);
    }
  });

  it('is refused on a chain that has blocks', async () => {
    const store = new MemoryStore();
    const opened = await ChainStore.initialise(store, chain.genesis);
    await opened.commit(chain.commits[0] as (typeof chain.commits)[number]);
    await expect(SnapshotLoader.begin(store, chain.genesis, BASE)).rejects.toThrow('blocks already');
    expect((await ChainStore.open(store))?.head.number).toBe(2);
  });

  it('syncs each write that clears what a crash left, as the next one may go to another log', async () => {
    const store = new Watched();
    const loader = await SnapshotLoader.begin(store, chain.genesis, BASE);
    const account = { nonce: 0, balance: 1, stake: 0 };
    await loader.add(
      Array.from({ length: 12_000 }, (_, i) => ({ address: fakeAddress(i), account, publicKey: null })),
    );
    store.syncs.length = 0;
    expect(await bringUpToDate(store)).toBe(false);
    expect(store.syncs.length).toBeGreaterThan(1);
    expect(store.syncs).not.toContain(false);
    expect(await count(store)).toBe(1);
  });

  it('keeps evidence when what a crash left is cleared', async () => {
    const store = new MemoryStore();
    const loader = await SnapshotLoader.begin(store, chain.genesis, BASE);
    await loader.add([]);
    const evidence = { key: Uint8Array.of(8, ...new Uint8Array(29)), value: Uint8Array.of(1) };
    await store.write([evidence], { sync: true });
    expect(await bringUpToDate(store)).toBe(false);
    expect(store.get(evidence.key)).toEqual(evidence.value);
    expect(await count(store)).toBe(2);
  });
});

async function count(store: MemoryStore): Promise<number> {
  let entries = 0;
  for await (const _ of store.entries(EVERYTHING)) entries++;
  return entries;
}
