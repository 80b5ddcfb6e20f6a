/** The pool against a model of a few lines that decides everything anew after each step. */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { Heap, type HeapItem } from '../../../src/mempool/heap.js';
import { MEMPOOL_LIMITS } from '../../../src/mempool/limits.js';
import { Mempool } from '../../../src/mempool/mempool.js';
import type { Block } from '../../../src/protocol/block.js';
import type { Hash } from '../../../src/protocol/bytes.js';
import type { Transaction } from '../../../src/protocol/transaction.js';
import { addressOf, holder, MemoryState, transfer } from '../ledger/support.js';

const LIMITS = {
  ...MEMPOOL_LIMITS,
  maxTransactions: 7,
  maxBytes: 560,
  maxPerSender: 4,
  maxNonceAhead: 5,
  maxAgeMs: 20,
};
const SENDERS = [0, 1, 2, 3].map(addressOf);

interface Item {
  readonly transaction: Transaction;
  readonly arrival: number;
  readonly addedMs: number;
}

class Model {
  items: Item[] = [];
  readonly #state: MemoryState;
  #arrivals = 0;

  constructor(state: MemoryState) {
    this.#state = state;
  }

  isReady(item: Item, items = this.items): boolean {
    const { from, nonce } = item.transaction;
    const account = this.#state.account(from) ?? holder(0);
    let cost = 0;
    for (let n = account.nonce; n <= nonce; n++) {
      const before = items.find(({ transaction: t }) => t.from === from && t.nonce === n);
      if (before === undefined) return false;
      cost += before.transaction.amount + before.transaction.fee;
    }
    return nonce >= account.nonce && cost <= account.balance;
  }

  isCheaper(a: Item, b: Item, items: Item[]): boolean {
    const [readyA, readyB] = [this.isReady(a, items), this.isReady(b, items)];
    return readyA === readyB ? a.transaction.fee < b.transaction.fee : readyB;
  }

  add(transaction: Transaction, nowMs: number): 'ready' | 'waiting' | 'refused' {
    const { id, from, nonce, amount, fee } = transaction;
    const known = this.items.find((item) => item.transaction.id === id);
    if (known !== undefined) return this.#queueOf(known);
    const account = this.#state.account(from) ?? holder(0);
    const own = this.items.filter((item) => item.transaction.from === from);
    const old = own.find((item) => item.transaction.nonce === nonce);
    if (nonce < account.nonce || nonce > account.nonce + LIMITS.maxNonceAhead) return 'refused';
    if (amount + fee > account.balance) return 'refused';
    if (old === undefined ? own.length >= LIMITS.maxPerSender : fee * 10 < old.transaction.fee * 11)
      return 'refused';
    if (old !== undefined && fee <= old.transaction.fee) return 'refused';

    const item = { transaction, arrival: this.#arrivals++, addedMs: nowMs };
    let items = [...this.items.filter((other) => other !== old), item];
    while (items.length > LIMITS.maxTransactions || bytesOf(items) > LIMITS.maxBytes) {
      const victim = this.#worst(items);
      if (!this.isCheaper(victim, item, items)) return 'refused';
      items = items.filter((other) => other !== victim);
    }
    this.items = items;
    return this.#queueOf(item);
  }

  candidates(): Transaction[] {
    const left = this.items.filter((item) => this.isReady(item));
    const order: Transaction[] = [];
    while (left.length > 0) {
      const heads = left.filter((a) => !left.some((b) => isBefore(b.transaction, a.transaction)));
      heads.sort((a, b) => b.transaction.fee - a.transaction.fee || a.arrival - b.arrival);
      const next = heads[0] as Item;
      order.push(next.transaction);
      left.splice(left.indexOf(next), 1);
    }
    return order;
  }

  #queueOf(item: Item): 'ready' | 'waiting' {
    return this.isReady(item) ? 'ready' : 'waiting';
  }

  /** Of what waits and of the ends of the ready queues: the cheapest, of equals the last to come. */
  #worst(items: Item[]): Item {
    const evictable = items.filter(
      (a) =>
        !this.isReady(a, items) ||
        !items.some((b) => this.isReady(b, items) && isBefore(a.transaction, b.transaction)),
    );
    return evictable.reduce((worst, item) => {
      if (this.isCheaper(item, worst, items)) return item;
      return !this.isCheaper(worst, item, items) && item.arrival > worst.arrival ? item : worst;
    });
  }
}

function isBefore(a: Transaction, b: Transaction): boolean {
  return a.from === b.from && a.nonce < b.nonce;
}

function bytesOf(items: readonly Item[]): number {
  return items.reduce((sum, { transaction }) => sum + transaction.wire.length, 0);
}

const sender = fc.constantFrom(...SENDERS);
const step = fc.oneof(
  {
    weight: 8,
    arbitrary: fc.record({
      do: fc.constant('add' as const),
      from: sender,
      ahead: fc.integer({ min: -1, max: 6 }),
      amount: fc.nat(30),
      fee: fc.oneof(fc.nat(3), fc.nat(25)),
      size: fc.nat(60),
    }),
  },
  // A block of some candidates, of a stranger's transaction with a sender's next nonce, and of coins that came or went.
  {
    weight: 2,
    arbitrary: fc.record({
      do: fc.constant('block' as const),
      take: fc.nat(4),
      stranger: fc.option(sender),
      richer: sender,
      balance: fc.nat(80),
    }),
  },
  { weight: 1, arbitrary: fc.record({ do: fc.constant('drop' as const), which: fc.nat() }) },
  { weight: 1, arbitrary: fc.record({ do: fc.constant('expire' as const), passedMs: fc.nat(15) }) },
);

describe('mempool: model', () => {
  it('does what the model does, step by step', () => {
    fc.assert(
      fc.property(fc.array(step, { maxLength: 60 }), (steps) => {
        const state = new MemoryState(SENDERS.map((address) => [address, holder(60)]));
        const pool = new Mempool(LIMITS, state);
        const model = new Model(state);
        const nonceOf = (address: string) => state.account(address)?.nonce ?? 0;
        const wireHashes = new Set<Hash>();
        let nowMs = 0;

        for (const [index, action] of steps.entries()) {
          if (action.do === 'add') {
            const { from, amount, fee, size, ahead } = action;
            const nonce = Math.max(0, nonceOf(from) + ahead);
            const transaction = transfer({
              from,
              nonce,
              amount,
              fee,
              time: index,
              data: new Uint8Array(size),
            });
            wireHashes.add(transaction.wireHash);
            const result = pool.add(transaction, nowMs);
            const queue =
              result.accepted && result.status.state === 'pending' ? result.status.queue : 'refused';
            expect(queue).toBe(model.add(transaction, nowMs));
          } else if (action.do === 'block') {
            const taken = [...pool.candidates()].slice(0, action.take);
            if (action.stranger !== null && !taken.some(({ from }) => from === action.stranger)) {
              taken.push(
                transfer({ from: action.stranger, nonce: nonceOf(action.stranger), time: 1_000 + index }),
              );
            }
            for (const { from, amount, fee, nonce } of taken) {
              state.accounts.set(from, holder((state.account(from)?.balance ?? 0) - amount - fee, nonce + 1));
            }
            state.accounts.set(action.richer, holder(action.balance, nonceOf(action.richer)));
            const block = { header: { number: index, time: 0 }, transactions: taken } as unknown as Block;
            pool.blockApplied(block, [action.richer], nowMs);
            model.items = model.items.filter(({ transaction: t }) => t.nonce >= nonceOf(t.from));
          } else if (action.do === 'drop') {
            const victim = model.items[action.which % Math.max(1, model.items.length)];
            if (victim !== undefined) pool.dropInvalid(victim.transaction.id, '', nowMs);
            model.items = model.items.filter((item) => item !== victim);
          } else {
            nowMs += action.passedMs;
            pool.expire(nowMs);
            model.items = model.items.filter(({ addedMs }) => nowMs - addedMs < LIMITS.maxAgeMs);
          }

          const pending = [...pool.pending()];
          expect(pending.map(({ transaction, status }) => [transaction.id, status.queue])).toEqual(
            model.items.map((item) => [item.transaction.id, model.isReady(item) ? 'ready' : 'waiting']),
          );
          expect([...pool.candidates()].map(({ id }) => id)).toEqual(model.candidates().map(({ id }) => id));
          expect(pool.readyCount).toBe(model.candidates().length);
          expect([...pool.readyAll()].length).toBe(pool.readyCount);
          expect(pool.bytes).toBe(bytesOf(model.items));
          const held = [...wireHashes].filter((wireHash) => pool.hasWire(wireHash));
          expect(held.sort()).toEqual(pending.map(({ transaction }) => transaction.wireHash).sort());
        }
      }),
      { numRuns: 300 },
    );
  });
});

describe('heap', () => {
  it('gives the first of whatever was put in, moved and taken out', () => {
    const action = fc.record({ do: fc.constantFrom('place', 'remove'), item: fc.nat(15), key: fc.nat(20) });
    fc.assert(
      fc.property(fc.array(action), (actions) => {
        const items = Array.from({ length: 16 }, () => ({ heapIndex: -1, key: 0 }));
        const heap = new Heap<HeapItem & { key: number }>((a, b) => a.key < b.key);
        const inside = new Set<(typeof items)[number]>();
        for (const { do: what, item: index, key } of actions) {
          const item = items[index] as (typeof items)[number];
          if (what === 'place') {
            item.key = key;
            heap.place(item);
            inside.add(item);
          } else {
            heap.remove(item);
            inside.delete(item);
          }
          expect(heap.size).toBe(inside.size);
          expect(heap.peek()?.key).toBe(
            inside.size === 0 ? undefined : Math.min(...[...inside].map((i) => i.key)),
          );
        }
      }),
    );
  });
});
