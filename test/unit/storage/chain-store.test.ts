import { describe, expect, it } from 'vitest';
import { blockTrail } from '../../../src/node/block-trail.js';
import type { Store, StoreOperation } from '../../../src/ports/store.js';
import { toHex } from '../../../src/protocol/bytes.js';
import { StateTree } from '../../../src/protocol/state-tree.js';
import { encodeChanges } from '../../../src/storage/block-changes.js';
import { ChainStore } from '../../../src/storage/chain-store.js';
import { TOUCHES_PER_MILESTONE } from '../../../src/storage/commit-batch.js';
import { CHANGES, EVERYTHING } from '../../../src/storage/keys.js';
import { MemoryStore } from '../../../src/storage/memory-store.js';
import { putHead } from '../../../src/storage/tables.js';
import { expectAgreement, pages, sorted } from './agreement.js';
import { busyChain, FakeChain, fakeAddress, START_BALANCE } from './fake-chain.js';

async function stored(chain: FakeChain, store: Store = new MemoryStore()): Promise<ChainStore> {
  const chainStore = await ChainStore.initialise(store, chain.genesis);
  for (const commit of chain.commits) await chainStore.commit(commit);
  return chainStore;
}

describe('a chain', () => {
  it('answers for every block, account, transaction and list what was committed', async () => {
    const chain = busyChain(6, 14, 5);
    await expectAgreement(await stored(chain), chain);
  });

  it('answers the same after it was opened anew', async () => {
    const chain = busyChain(6, 14, 5);
    const store = new MemoryStore();
    await stored(chain, store);
    const opened = await ChainStore.open(store, chain.genesisId);
    expect(opened?.genesisId).toBe(chain.genesisId);
    await expectAgreement(opened as ChainStore, chain);
  });

  it('is undefined in an empty store', async () => {
    expect(await ChainStore.open(new MemoryStore())).toBeUndefined();
  });

  it('begins once, and with a genesis block', async () => {
    const chain = busyChain(3, 2, 1);
    const store = new MemoryStore();
    await stored(chain, store);
    await expect(ChainStore.initialise(store, chain.genesis)).rejects.toThrow('has a chain already');
    const second = chain.commits[0] as NonNullable<(typeof chain.commits)[0]>;
    await expect(ChainStore.initialise(new MemoryStore(), second)).rejects.toThrow('does not begin');
  });

  it('is refused for another network', async () => {
    const store = new MemoryStore();
    const chain = new FakeChain(1);
    await stored(chain, store);
    const other = new FakeChain(1, 'other').genesisId;
    await expect(ChainStore.open(store, other)).rejects.toMatchObject({
      code: 'OTHER_GENESIS',
      message: `the chain database belongs to the network of genesis ${chain.genesisId}, not to that of ${other}`,
    });
  });

  it('writes one batch a block, synced', async () => {
    const writes: boolean[] = [];
    const memory = new MemoryStore();
    const store = watched(memory, async (operations, options) => {
      writes.push(options.sync);
      await memory.write(operations, options);
    });
    await stored(busyChain(6, 4, 5), store);
    expect(writes).toEqual([true, true, true, true]);
  });
});

describe('committing several blocks at once', () => {
  it('leaves the same records as one by one, whatever the groups, in one synced batch each', async () => {
    const chain = busyChain(6, 14, 5);
    const expected = await entriesOf(chain, chain.commits.length + 1);
    for (const size of [2, 5, 14]) {
      let writes = 0;
      const memory = new MemoryStore();
      const store = watched(memory, async (operations, options) => {
        expect(options.sync).toBe(true);
        writes++;
        await memory.write(operations, options);
      });
      const grouped = await ChainStore.initialise(store, chain.genesis);
      for (let at = 0; at < chain.commits.length; at += size)
        await grouped.commitAll(chain.commits.slice(at, at + size));
      expect(writes).toBe(1 + Math.ceil(chain.commits.length / size));
      expect(await recordsOf(memory)).toEqual(expected);
      await expectAgreement(grouped, chain);
    }
  });

  it('shows the old head and its state until all of them are durable', async () => {
    const chain = busyChain(6, 4, 5);
    const memory = new MemoryStore();
    let letWrite: () => void = () => {};
    let gate: Promise<void> = Promise.resolve();
    const store = await ChainStore.initialise(
      watched(memory, async (operations, options) => {
        await memory.write(operations, options);
        await gate;
      }),
      chain.genesis,
    );
    gate = new Promise((resolve) => {
      letWrite = resolve;
    });
    const writing = store.commitAll(chain.commits);
    await expectAgreement(store, chain);
    letWrite();
    await writing;
    expect(store.head.number).toBe(chain.commits.length + 1);
    await expectAgreement(store, chain);
  });

  it('takes none of them if one does not follow the one before', async () => {
    const chain = busyChain(6, 4, 5);
    const store = await ChainStore.initialise(new MemoryStore(), chain.genesis);
    const [first, , third] = chain.commits;
    await expect(store.commitAll([first, third] as typeof chain.commits)).rejects.toThrow(
      'does not follow the head 2',
    );
    expect(store.head.number).toBe(1);
    await expectAgreement(store, chain);
  });
});

describe('committing', () => {
  it('refuses a block that does not follow the head, or has no certificate', async () => {
    const chain = new FakeChain(2);
    const store = await stored(chain);
    const second = chain.add();
    const third = chain.add();
    await expect(store.commit(third)).rejects.toThrow('does not follow the head 1');
    const fork = new FakeChain(2, 'fork');
    await expect(store.commit(fork.add())).rejects.toThrow('does not follow the head 1');
    await expect(store.commit({ ...second, certificate: null })).rejects.toThrow('no certificate');
    await store.commit(second);
    await expect(store.commit(second)).rejects.toThrow('does not follow the head 2');
    await store.commit(third);
    expect(store.head.id).toBe(third.block.id);
  });

  it('shows nothing of a block before it is durable, although the store already does', async () => {
    const chain = busyChain(4, 5, 3);
    const memory = new MemoryStore();
    let release = () => {};
    let held = false;
    const store = watched(memory, async (operations, options) => {
      await memory.write(operations, options);
      if (held) await new Promise<void>((resolve) => (release = resolve));
    });
    const chainStore = await stored(chain, store);
    const reopened = (await ChainStore.open(store)) as ChainStore;
    held = true;
    // The recipients are new accounts, and the first sender's record is in no cache of the reopened store.
    const next = chain.add([
      [0, 50, 1],
      [1, 2, 5],
    ]);
    const committing = reopened.commit(next);
    await expectAgreement(reopened, chain);
    expect(reopened.head.number).toBe(5);
    expect(reopened.account(fakeAddress(50))).toBeUndefined();
    expect(await reopened.accountAt(fakeAddress(0), 5)).toEqual(chain.states[5]?.get(fakeAddress(0)));
    await expect(reopened.commit(chain.add())).rejects.toThrow('still being written');
    await new Promise((resolve) => setImmediate(resolve));
    release();
    await committing;
    expect(reopened.head.number).toBe(6);
    expect(reopened.account(fakeAddress(50))?.balance).toBe(1);
    expect(chainStore.head.number).toBe(5);
  });

  it('stays at the head and takes no block after a failed write', async () => {
    const chain = busyChain(4, 5, 3);
    const memory = new MemoryStore();
    let full = false;
    const store = watched(memory, async (operations, options) => {
      if (full) throw new Error('full');
      await memory.write(operations, options);
    });
    const chainStore = await stored(chain, store);
    full = true;
    const next = chain.add([[0, 1, 1]]);
    await expect(chainStore.commit(next)).rejects.toThrow('full');
    full = false;
    await expect(chainStore.commit(next)).rejects.toThrow('failed to be');
    await expectAgreement(chainStore, chain);
    expect(chainStore.head.number).toBe(5);
  });

  it('counts an account that a transaction names as touched, changed or not, and refuses to leave it out', async () => {
    const chain = new FakeChain(2);
    const store = await stored(chain);
    const commit = chain.add([[0, 1, 0]]);
    const changes = new Map(commit.changes);
    changes.delete(fakeAddress(1));
    await expect(store.commit({ ...commit, changes })).rejects.toThrow(`names ${fakeAddress(1)}`);
    await store.commit(commit);
    expect(new Map(await store.touchedAccounts(2)).get(fakeAddress(1))?.balance).toBe(START_BALANCE);
    expect((await store.accountTransactions(fakeAddress(1), undefined, 1)).items).toHaveLength(1);
  });

  it('gives a list that began as it was, whatever the chain does and drops meanwhile, and reads no history for it', async () => {
    const chain = new FakeChain(20);
    let reads = 0;
    const memory = new MemoryStore();
    const counting: Store = {
      ...watched(memory, (operations, options) => memory.write(operations, options)),
      get: (key) => {
        if (key[0] === CHANGES) reads++;
        return memory.get(key);
      },
    };
    const store = await stored(chain, counting);
    const tree = await StateTree.buildAsync(store.records());
    store.attach(tree);
    const commitNext = async (transfers: Parameters<FakeChain['add']>[0]) => {
      const next = chain.add(transfers);
      const trailOf = blockTrail(next.block.header.number, next.block.transactions);
      await store.commit({ ...next, update: tree.update(next.changes, trailOf) });
    };
    await commitNext([[0, 1, 1]]);
    const list = store.accountsAt(2)[Symbol.asyncIterator]();
    const items = [(await list.next()).value];
    for (let n = 0; n < 25; n++) await commitNext(Array.from({ length: 20 }, (_, i) => [i, 30 + i, 1]));
    await store.prune(20, 1_000);
    reads = 0;
    for (let next = await list.next(); next.done !== true; next = await list.next()) items.push(next.value);
    expect(items).toEqual(sorted(chain.states[2] ?? new Map()));
    expect(reads).toBe(0);
  });

  it('reads accounts in the state that is attached, which moves with the head', async () => {
    const chain = busyChain(4, 5, 3);
    const store = await stored(chain);
    const tree = await StateTree.buildAsync(store.records());
    store.attach(tree);
    const next = chain.add([[0, 50, 1]]);
    await expect(store.commit(next)).rejects.toThrow('exactly if a state is attached');
    const update = tree.update(next.changes, blockTrail(6, next.block.transactions));
    const committing = store.commit({ ...next, update });
    expect(store.account(fakeAddress(50))).toBeUndefined();
    expect(tree.root).not.toBe(update.root);
    await committing;
    expect(tree.root).toBe(update.root);
    store.expect([fakeAddress(50), fakeAddress(51)]);
    expect(store.account(fakeAddress(50))).toEqual({ nonce: 0, balance: 1, stake: 0 });
    expect(store.account(fakeAddress(51))).toBeUndefined();
    await expectAgreement(store, chain);
  });
});

describe('the past of an account', () => {
  it('is found in few steps however many blocks touched it', async () => {
    const chain = new FakeChain(2);
    const memory = new MemoryStore();
    let reads = 0;
    const counting: Store = {
      ...watched(memory, (operations, options) => memory.write(operations, options)),
      get: (key) => {
        if (key[0] === CHANGES) reads++;
        return memory.get(key);
      },
    };
    for (let n = 2; n <= 400; n++) chain.add([[0, 1, 1]]);
    const store = await stored(chain, counting);
    for (const number of [1, 2, 31, 32, 33, 64, 200, 367, 399, 400]) {
      reads = 0;
      expect((await store.accountAt(fakeAddress(0), number))?.nonce).toBe(number - 1);
      expect(reads, `at block ${number}`).toBeLessThanOrEqual(TOUCHES_PER_MILESTONE);
    }
  });
});

describe('lists', () => {
  it('pages accounts in address order', async () => {
    const chain = busyChain(9, 4, 4);
    const store = await stored(chain);
    const expected = sorted(chain.states[4] ?? new Map());
    for (const limit of [1, 3, expected.length, 100]) {
      expect(await pages((cursor) => store.accountsPage(cursor, limit))).toEqual(expected);
    }
    expect((await store.accountsPage(undefined, expected.length)).next).toBeNull();
  });

  it('keeps a page where it was while blocks are added', async () => {
    const chain = new FakeChain(3);
    const store = await stored(chain);
    const transfer = () => chain.add([[0, 1, 1]]);
    for (let n = 0; n < 4; n++) await store.commit(transfer());
    const first = await store.accountTransactions(fakeAddress(0), undefined, 2);
    expect(first.items.map((place) => place.blockNumber)).toEqual([5, 4]);
    await store.commit(transfer());
    const second = await store.accountTransactions(fakeAddress(0), first.next ?? '', 2);
    expect(second).toEqual({
      items: [
        { blockNumber: 3, index: 0 },
        { blockNumber: 2, index: 0 },
      ],
      next: null,
    });
  });

  it('reads no block that has nothing for the list', async () => {
    const chain = new FakeChain(2);
    chain.add([[0, 1, 1]]);
    for (let n = 0; n < 50; n++) chain.add();
    chain.add([[0, 1, 1]]);
    let reads = 0;
    const memory = new MemoryStore();
    const store = watched(memory, (operations, options) => memory.write(operations, options));
    const counting = (key: Uint8Array) => {
      reads++;
      return memory.get(key);
    };
    const chainStore = await stored(chain, { ...store, get: counting });
    reads = 0;
    expect((await chainStore.transactionPlaces(undefined, 10)).items).toHaveLength(2);
    expect((await chainStore.accountTransactions(fakeAddress(0), undefined, 10)).items).toHaveLength(2);
    expect(reads).toBeLessThan(6);
  });

  it('refuses cursors that are not its own', async () => {
    const chain = busyChain(4, 6, 3);
    const store = await stored(chain);
    const bad = [
      '',
      'x',
      '0-0',
      '1-0',
      '5-99',
      '7-0',
      '99999999999-0',
      '5--1',
      '5-0x',
      '05-0',
      '3-0',
      '4-1.5',
    ];
    for (const cursor of bad) {
      const refused = expect.objectContaining({ code: 'MALFORMED' });
      await expect(store.transactionPlaces(cursor, 5)).rejects.toEqual(refused);
      await expect(store.accountTransactions(fakeAddress(90), cursor, 5)).rejects.toEqual(refused);
      await expect(store.accountsPage(cursor, 5)).rejects.toEqual(refused);
    }
    await expect(store.accountsPage(fakeAddress(0).toUpperCase(), 5)).rejects.toThrow('cursor');
  });

  it('says that a number is no block', async () => {
    const store = await stored(busyChain(3, 3, 1));
    for (const number of [0, 4]) {
      expect(store.blockBytes(number)).toBeUndefined();
      await expect(store.accountAt(fakeAddress(0), number)).rejects.toThrow('there is no block');
      await expect(store.touchedAccounts(number)).rejects.toThrow('there is no block');
      expect(() => store.accountsAt(number)).toThrow('there is no block');
    }
  });
});

describe('a damaged chain', () => {
  it('is refused whichever record of its last block is missing', async () => {
    const chain = busyChain(5, 5, 3);
    const before = await entriesOf(chain, 4);
    const after = await entriesOf(chain, 5);
    const ofLastBlock = [...after].filter(([key, value]) => before.get(key) !== value).map(([key]) => key);
    // Head, header, body, changes, block id, 3 places, at least 3 accounts; keys are not looked at.
    expect(ofLastBlock.length).toBeGreaterThan(10);
    for (const key of ofLastBlock.filter((key) => !key.startsWith('07'))) {
      for (const without of [true, false]) {
        const store = await storeOf(after);
        const old = before.get(key);
        const value = without || old === undefined ? null : Buffer.from(old, 'hex');
        await store.write([{ key: Buffer.from(key, 'hex'), value }], { sync: true });
        await expect(ChainStore.open(store), key).rejects.toMatchObject({ code: 'DAMAGED' });
      }
    }
  });

  it('is refused when a block below the head is missing', async () => {
    const entries = await entriesOf(busyChain(5, 9, 3), 9);
    for (const [table, number] of ['01', '02'].flatMap((table) =>
      ['01', '04', '08'].map((n) => [table, n]),
    )) {
      const store = await storeOf(entries);
      const key = Buffer.from(`${table}000000${number}`, 'hex');
      await store.write([{ key, value: null }], { sync: true });
      await expect(ChainStore.open(store)).rejects.toMatchObject({
        code: 'DAMAGED',
        message: expect.stringContaining(
          `the chain database is damaged: block ${Number(number)} is missing; run ccoin repair`,
        ),
      });
    }
  });

  it('is refused when its head is another block', async () => {
    const chain = busyChain(5, 5, 3);
    const store = await storeOf(await entriesOf(chain, 5));
    await store.write([putHead({ number: 4, id: chain.blockAt(4).id, timeMs: 1, supply: 1 })], {
      sync: true,
    });
    await expect(ChainStore.open(store)).rejects.toMatchObject({ code: 'DAMAGED' });
  });

  it('is noticed when an entry of an account’s history is missing', async () => {
    const chain = new FakeChain(2);
    for (let n = 0; n < 4; n++) chain.add([[0, 1, 1]]);
    const entries = await entriesOf(chain, 5);
    const address = fakeAddress(0);
    entries.delete('0600000003');
    const store = (await ChainStore.open(await storeOf(entries))) as ChainStore;
    const damaged = expect.objectContaining({ code: 'DAMAGED' });
    await expect(store.accountAt(address, 2)).rejects.toEqual(damaged);
    await expect(store.accountTransactions(address, undefined, 9)).rejects.toEqual(damaged);
    await expect(store.touchedAccounts(3)).rejects.toEqual(damaged);
    expect((await store.accountAt(address, 3))?.nonce).toBe(2);
  });

  it('is noticed when a block that the history of an account leads to did nothing to it', async () => {
    const chain = new FakeChain(2);
    for (let n = 0; n < 4; n++) chain.add([[0, 1, 1]]);
    const entries = await entriesOf(chain, 5);
    entries.set('0600000003', toHex(encodeChanges(1, 2, new Map())));
    const store = (await ChainStore.open(await storeOf(entries))) as ChainStore;
    await expect(store.accountAt(fakeAddress(0), 2)).rejects.toMatchObject({
      code: 'DAMAGED',
      message: expect.stringContaining(`what block 3 did to account ${fakeAddress(0)} is missing`),
    });
  });

  it('is noticed when the accounts do not give the head’s state root', async () => {
    const store = await stored(busyChain(3, 3, 1));
    expect(() => store.assertStateRoot('00'.repeat(32))).toThrow('its accounts are not those of block 3');
  });

  it('is refused when it has entries but no format', async () => {
    const entries = await entriesOf(busyChain(3, 3, 1), 3);
    entries.delete('0000');
    await expect(ChainStore.open(await storeOf(entries))).rejects.toMatchObject({ code: 'DAMAGED' });
  });
});

function watched(memory: MemoryStore, write: Store['write']): Store {
  return {
    get: (key) => memory.get(key),
    getMany: (keys) => memory.getMany(keys),
    entries: (range) => memory.entries(range),
    close: () => memory.close(),
    write,
  };
}

/** The records of the chain up to block `number`, in hexadecimal. */
async function entriesOf(chain: FakeChain, number: number): Promise<Map<string, string>> {
  const memory = new MemoryStore();
  const store = await ChainStore.initialise(memory, chain.genesis);
  for (const commit of chain.commits.slice(0, number - 1)) await store.commit(commit);
  return recordsOf(memory);
}

async function recordsOf(memory: MemoryStore): Promise<Map<string, string>> {
  const entries = new Map<string, string>();
  for await (const [key, value] of memory.entries(EVERYTHING)) {
    entries.set(Buffer.from(key).toString('hex'), Buffer.from(value).toString('hex'));
  }
  return entries;
}

async function storeOf(entries: ReadonlyMap<string, string>): Promise<MemoryStore> {
  const store = new MemoryStore();
  const operations = [...entries].map(
    ([key, value]): StoreOperation => ({ key: Buffer.from(key, 'hex'), value: Buffer.from(value, 'hex') }),
  );
  await store.write(operations, { sync: true });
  return store;
}
