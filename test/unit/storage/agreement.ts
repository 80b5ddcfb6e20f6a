/** Holds everything that a ChainStore answers against the chain that it should contain. */
import { expect } from 'vitest';
import type { Block } from '../../../src/protocol/block.js';
import type { Address } from '../../../src/protocol/bytes.js';
import type { Account } from '../../../src/protocol/state.js';
import type { ChainStore } from '../../../src/storage/chain-store.js';
import type { TransactionPlace } from '../../../src/storage/tables.js';
import type { FakeChain } from './fake-chain.js';

/** All of the chain up to the store's own head; nothing of the blocks above it. */
export async function expectAgreement(store: ChainStore, chain: FakeChain): Promise<void> {
  const { number } = store.head;
  const block = chain.blockAt(number);
  expect(store.head).toEqual({
    number,
    id: block.id,
    timeMs: block.header.time,
    supply: number === 1 ? chain.genesis.supply : chain.commits[number - 2]?.supply,
  });
  store.assertStateRoot(block.header.hashState);
  for (let n = 1; n <= number; n++) await expectBlock(store, chain, n);
  for (const { block } of chain.commits.slice(number - 1)) expectUnknown(store, block);
  const state = chain.states[number] as ReadonlyMap<Address, Account>;
  expect(await collect(store.accountsAt(number))).toEqual(sorted(state));
  for (const [address, account] of state) expect(store.account(address)).toEqual(account);
  await expectLists(store, chain, number);
}

async function expectBlock(store: ChainStore, chain: FakeChain, n: number): Promise<void> {
  const block = chain.blockAt(n);
  const bytes = store.blockBytes(n);
  expect(Buffer.compare(bytes?.block ?? Buffer.of(), block.wire)).toBe(0);
  const certificate = chain.commits[n - 2]?.certificate?.wire ?? null;
  expect(bytes?.certificate && Buffer.from(bytes.certificate)).toEqual(
    certificate && Buffer.from(certificate),
  );
  expect(store.blockNumber(block.id)).toBe(n);
  for (const [index, { id, publicKey, from }] of block.transactions.entries()) {
    expect(store.transactionPlace(id)).toEqual({ blockNumber: n, index });
    if (publicKey !== null) expect(Buffer.from(store.publicKey(from) ?? [])).toEqual(Buffer.from(publicKey));
  }
  const changes = n === 1 ? chain.genesis.changes : chain.commits[n - 2]?.changes;
  expect(await store.touchedAccounts(n)).toEqual(sorted(changes ?? new Map()));
  expect(await collect(store.accountsAt(n))).toEqual(sorted(chain.states[n] ?? new Map()));
}

function expectUnknown(store: ChainStore, block: Block): void {
  expect(store.blockBytes(block.header.number)).toBeUndefined();
  expect(store.blockNumber(block.id)).toBeUndefined();
  for (const { id } of block.transactions) expect(store.transactionPlace(id)).toBeUndefined();
}

async function expectLists(store: ChainStore, chain: FakeChain, head: number): Promise<void> {
  const all: TransactionPlace[] = [];
  const ofAccount = new Map<Address, TransactionPlace[]>();
  for (let n = head; n > 0; n--) {
    for (const [index, { from, to }] of [...chain.blockAt(n).transactions.entries()].reverse()) {
      const place = { blockNumber: n, index };
      all.push(place);
      for (const address of new Set([from, to]))
        ofAccount.set(address, [...(ofAccount.get(address) ?? []), place]);
    }
  }
  expect(await pages((cursor) => store.transactionPlaces(cursor, 7))).toEqual(all);
  for (const address of chain.states[head]?.keys() ?? []) {
    expect(await pages((cursor) => store.accountTransactions(address, cursor, 2))).toEqual(
      ofAccount.get(address) ?? [],
    );
  }
}

export function sorted(accounts: ReadonlyMap<Address, Account>): [Address, Account][] {
  return [...accounts].sort(([a], [b]) => (a < b ? -1 : 1));
}

export async function collect<T>(items: AsyncIterable<T>): Promise<T[]> {
  const all: T[] = [];
  for await (const item of items) all.push(item);
  return all;
}

/** All items of a list, page by page. */
export async function pages<T>(
  page: (cursor: string | undefined) => Promise<{ items: readonly T[]; next: string | null }>,
): Promise<T[]> {
  const all: T[] = [];
  let cursor: string | undefined;
  for (;;) {
    const { items, next } = await page(cursor);
    all.push(...items);
    if (next === null) return all;
    cursor = next;
  }
}
