import { describe, expect, it } from 'vitest';
import type { Store, StoreOperation } from '../../../src/ports/store.js';
import { ChainStore } from '../../../src/storage/chain-store.js';
import { TOUCHES_PER_MILESTONE } from '../../../src/storage/commit-batch.js';
import {
  BASE_KEY,
  BODY,
  CHANGES,
  EVERYTHING,
  MILESTONE,
  numberIn,
  TRANSACTION,
} from '../../../src/storage/keys.js';
import { MemoryStore } from '../../../src/storage/memory-store.js';
import { decodePlace, putBase, putHead } from '../../../src/storage/tables.js';
import { collect, expectAgreement, pages, sorted } from './agreement.js';
import { busyChain, type FakeChain, fakeAddress } from './fake-chain.js';

const ALL_AT_ONCE = Number.MAX_SAFE_INTEGER;
const PRUNED = { code: 'PRUNED' };
const last = TOUCHES_PER_MILESTONE + 12;

async function stored(chain: FakeChain, store: Store): Promise<ChainStore> {
  const chainStore = await ChainStore.initialise(store, chain.genesis);
  for (const commit of chain.commits) await chainStore.commit(commit);
  return chainStore;
}

async function dump(store: Store): Promise<Map<string, Uint8Array>> {
  const entries = await collect(store.entries(EVERYTHING));
  return new Map(entries.map(([key, value]) => [Buffer.from(key).toString('hex'), value]));
}

/** The block that an entry goes with; undefined for one that stays. */
function goesWith(key: Buffer, value: Uint8Array): number | undefined {
  if (key[0] === BODY || key[0] === CHANGES) return numberIn(key, 1);
  if (key[0] === MILESTONE) return numberIn(key, 21);
  if (key[0] === TRANSACTION) return decodePlace(value).blockNumber;
  return undefined;
}

async function expectPruned(store: ChainStore, chain: FakeChain, base: number): Promise<void> {
  const { number: head } = store.head;
  expect(store.base).toEqual({
    number: base,
    lowestHeader: 1,
    transactedIn: base % 3 === 0 ? base - 1 : base,
  });
  for (let n = 2; n <= base; n++) {
    const { block, certificate } = chain.commits[n - 2] as (typeof chain.commits)[0];
    expect(store.isKept(n)).toBe(false);
    expect(store.blockBytes(n)).toBeUndefined();
    expect(store.blockNumber(block.id)).toBe(n);
    expect(
      Buffer.compare(store.header(n)?.certificate ?? Buffer.of(), certificate?.wire ?? Buffer.of()),
    ).toBe(0);
    for (const { id } of block.transactions) expect(store.transactionPlace(id)).toBeUndefined();
    await expect(store.touchedAccounts(n)).rejects.toMatchObject(PRUNED);
    if (n === base) continue;
    expect(() => store.accountsAt(n)).toThrow(expect.objectContaining(PRUNED));
    await expect(store.accountAt(fakeAddress(0), n)).rejects.toMatchObject(PRUNED);
  }
  for (let n = base; n <= head; n++) {
    const state = chain.states[n] ?? new Map();
    expect(await collect(store.accountsAt(n))).toEqual(sorted(state));
    for (const [address, account] of state) expect(await store.accountAt(address, n)).toEqual(account);
    if (n === base) continue;
    expect(Buffer.compare(store.blockBytes(n)?.block ?? Buffer.of(), chain.blockAt(n).wire)).toBe(0);
    for (const [index, { id }] of chain.blockAt(n).transactions.entries())
      expect(store.transactionPlace(id)).toEqual({ blockNumber: n, index });
  }
  expect(store.blockBytes(1)?.block).toBeDefined();
  expect(await store.touchedAccounts(1)).toEqual(sorted(chain.genesis.changes));
}

describe('pruning', () => {
  it('deletes what is not kept of the blocks below the base, and nothing else', async () => {
    const chain = busyChain(6, last, 5);
    const whole = new MemoryStore();
    await stored(chain, whole);
    for (const base of [2, 3, TOUCHES_PER_MILESTONE + 2, last - 1]) {
      const store = new MemoryStore();
      await (await stored(chain, store)).prune(base, ALL_AT_ONCE);
      const expected = await dump(whole);
      const gone = { [BODY]: 0, [CHANGES]: 0, [TRANSACTION]: 0, [MILESTONE]: 0 };
      for (const [hex, value] of expected) {
        const key = Buffer.from(hex, 'hex');
        const number = goesWith(key, value);
        if (number === undefined || number === 1 || number > base) continue;
        expected.delete(hex);
        gone[key[0] as keyof typeof gone]++;
      }
      const transactedIn = base % 3 === 0 ? base - 1 : base;
      const { key, value } = putBase({ number: base, lowestHeader: 1, transactedIn });
      expected.set(Buffer.from(key).toString('hex'), value as Uint8Array);
      expect(await dump(store)).toEqual(new Map([...expected].sort(([a], [b]) => (a < b ? -1 : 1))));
      expect(gone[BODY]).toBe(base - 1);
      expect(gone[CHANGES]).toBe(base - 1);
      expect(gone[TRANSACTION]).toBeGreaterThan(0);
      if (base > TOUCHES_PER_MILESTONE) expect(gone[MILESTONE]).toBeGreaterThan(0);
    }
  });

  it('leaves a chain that says what it has no more, and answers as before for the rest', async () => {
    const chain = busyChain(6, last, 5);
    const store = new MemoryStore();
    const chainStore = await stored(chain, store);
    await chainStore.touchedAccounts(5);
    for (const base of [2, 7, TOUCHES_PER_MILESTONE + 4]) {
      await chainStore.prune(base, ALL_AT_ONCE);
      await expectPruned(chainStore, chain, base);
      const opened = (await ChainStore.open(store, chain.genesisId)) as ChainStore;
      await expectPruned(opened, chain, base);
    }
  });

  it('goes on growing as a whole chain does', async () => {
    const chain = busyChain(6, last, 5);
    const store = new MemoryStore();
    const chainStore = await ChainStore.initialise(store, chain.genesis);
    for (const commit of chain.commits) {
      await chainStore.commit(commit);
      const base = commit.block.header.number - 4;
      if (base > 1) await chainStore.prune(base, ALL_AT_ONCE);
    }
    await expectPruned(chainStore, chain, last - 4);
    const again = new MemoryStore();
    await (await stored(chain, again)).prune(last - 4, ALL_AT_ONCE);
    expect(await dump(store)).toEqual(await dump(again));
  });

  it('ends lists of transactions where nothing is kept', async () => {
    const chain = busyChain(6, 20, 5);
    const chainStore = await stored(chain, new MemoryStore());
    const before = await pages((cursor) => chainStore.transactionPlaces(cursor, 3));
    await chainStore.prune(10, ALL_AT_ONCE);
    const kept = before.filter(({ blockNumber }) => blockNumber > 10);
    const found: unknown[] = [];
    let cursor: string | undefined;
    await expect(async () => {
      for (;;) {
        const page = await chainStore.transactionPlaces(cursor, 3);
        found.push(...page.items);
        cursor = page.next as string;
      }
    }).rejects.toMatchObject(PRUNED);
    expect(found).toEqual(kept);
  });

  it('takes small steps, each one batch that also moves the base, and none where nothing is to go', async () => {
    const chain = busyChain(6, 30, 5);
    const memory = new MemoryStore();
    const writes: { entries: number; sync: boolean; base: boolean }[] = [];
    let watching = false;
    const store: Store = Object.assign(Object.create(memory) as MemoryStore, {
      get: memory.get.bind(memory),
      getMany: memory.getMany.bind(memory),
      entries: memory.entries.bind(memory),
      write: (operations: readonly StoreOperation[], options: { sync: boolean }) => {
        if (watching) {
          const base = operations.some(({ key }) => Buffer.compare(key, BASE_KEY) === 0);
          writes.push({ entries: operations.length, base, ...options });
        }
        return memory.write(operations, options);
      },
    });
    const chainStore = await stored(chain, store);
    watching = true;
    const bases: number[] = [];
    while (chainStore.base.number < 25) {
      await chainStore.prune(25, 12);
      bases.push(chainStore.base.number);
      await expectPruned((await ChainStore.open(memory)) as ChainStore, chain, chainStore.base.number);
    }
    expect(bases.length).toBe(writes.length);
    expect(bases.length).toBeGreaterThan(5);
    for (const { entries, base, sync } of writes) {
      expect(entries).toBeLessThan(12 + 10);
      expect([base, sync]).toEqual([true, false]);
    }
    await chainStore.prune(25, 12);
    await chainStore.prune(10, 12);
    expect(writes.length).toBe(bases.length);
    await expect(chainStore.prune(30, 12)).rejects.toThrow('not below the head');
  });

  it('beside a commit changes nothing of it', async () => {
    const chain = busyChain(6, 30, 5);
    const [early, late] = [chain.commits.slice(0, 20), chain.commits.slice(20)];
    const store = new MemoryStore();
    const chainStore = await ChainStore.initialise(store, chain.genesis);
    await chainStore.commitAll(early);
    await Promise.all([chainStore.commitAll(late), chainStore.prune(15, ALL_AT_ONCE)]);
    await expectPruned(chainStore, chain, 15);
  });

  it('gives a reader that is overtaken PRUNED, not damage', async () => {
    const chain = busyChain(6, 40, 5);
    const chainStore = await stored(chain, new MemoryStore());
    const reading = collect(chainStore.accountsAt(5));
    await chainStore.prune(35, ALL_AT_ONCE);
    await expect(reading).rejects.toMatchObject(PRUNED);
  });

  it('says that a block is damaged rather than leaving parts of it', async () => {
    const chain = busyChain(6, 20, 5);
    const store = new MemoryStore();
    const chainStore = await stored(chain, store);
    await store.write([{ key: Buffer.from([BODY, 0, 0, 0, 4]), value: null }], { sync: true });
    await expect(chainStore.prune(10, ALL_AT_ONCE)).rejects.toMatchObject({ code: 'DAMAGED' });
    expect(chainStore.base.number).toBe(0);
  });

  it('a head below the base is damage', async () => {
    const chain = busyChain(6, 20, 5);
    const store = new MemoryStore();
    const chainStore = await stored(chain, store);
    await chainStore.prune(10, ALL_AT_ONCE);
    const { id, header } = chain.blockAt(9);
    await store.write([putHead({ number: 9, id, timeMs: header.time, supply: 0 })], { sync: true });
    await expect(ChainStore.open(store)).rejects.toThrow('the head is block 9, below the base 10');
  });

  it('is nothing that a whole chain knows of', async () => {
    const chain = busyChain(6, 14, 5);
    const chainStore = await stored(chain, new MemoryStore());
    await chainStore.prune(1, ALL_AT_ONCE);
    await expectAgreement(chainStore, chain);
  });
});
