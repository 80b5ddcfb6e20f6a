import { beforeEach, describe, expect, it } from 'vitest';
import { MEMPOOL_LIMITS, type MempoolLimits } from '../../../src/mempool/limits.js';
import { Mempool } from '../../../src/mempool/mempool.js';
import type { TransactionStatus } from '../../../src/node/face.js';
import type { Block } from '../../../src/protocol/block.js';
import { concat } from '../../../src/protocol/bytes.js';
import { decodeTransaction, ownTransaction, type Transaction } from '../../../src/protocol/transaction.js';
import { addressOf, holder, MemoryState, RULES, transfer } from '../ledger/support.js';

const [ada, bob, cy, dee] = ['ada', 'bob', 'cy', 'dee'].map(addressOf) as [string, string, string, string];
const HOUR_MS = 3_600_000;

let state: MemoryState;
let pool: Mempool;
const poolOf = (limits: Partial<MempoolLimits> = {}) => new Mempool({ ...MEMPOOL_LIMITS, ...limits }, state);

/** A transfer of nothing to nobody, told apart by `time`. */
const tx = (from: string, nonce: number, fee = 0, amount = 0, time = 0): Transaction =>
  transfer({ from, nonce, fee, amount, time });

beforeEach(() => {
  state = new MemoryState([ada, bob, cy, dee].map((address) => [address, holder(1_000)]));
  pool = poolOf();
});

/** Adds, and gives the queue it came into or the code of the refusal. */
function add(transaction: Transaction, nowMs = 0, to = pool): string {
  const result = to.add(transaction, nowMs);
  if (!result.accepted) return result.error.code;
  return result.status.state === 'pending' ? result.status.queue : result.status.state;
}

const statusOf = (transaction: Transaction): TransactionStatus | undefined => pool.status(transaction.id);
const reasonOf = (transaction: Transaction) => {
  const status = statusOf(transaction);
  return status?.state === 'dropped'
    ? status.reason
    : status?.state === 'pending'
      ? status.queue
      : status?.state;
};
const names = (transactions: Iterable<Transaction>) =>
  [...transactions].map(({ from, nonce }) => [from, nonce]);

/** Applies transactions to the state, as block 9, and tells the pool. */
function applyBlock(transactions: Transaction[], nowMs = 0, alsoChanged: string[] = []): void {
  for (const { from, nonce, amount, fee } of transactions) {
    const account = state.account(from) ?? holder(0);
    state.accounts.set(from, holder(account.balance - amount - fee, nonce + 1));
  }
  const block = { header: { number: 9, time: 77 }, transactions } as unknown as Block;
  pool.blockApplied(block, [...transactions.map(({ from }) => from), ...alsoChanged], nowMs);
}

describe('mempool: ready and waiting', () => {
  it('keeps what is executable on the head apart from what waits for a gap', () => {
    expect(add(tx(ada, 0))).toBe('ready');
    expect(add(tx(ada, 2))).toBe('waiting');
    expect([pool.readyCount, pool.waitingCount, pool.size]).toEqual([1, 1, 2]);
    expect(add(tx(ada, 1))).toBe('ready');
    expect([pool.readyCount, pool.waitingCount]).toEqual([3, 0]);
    expect(names(pool.readyAll())).toEqual([
      [ada, 0],
      [ada, 1],
      [ada, 2],
    ]);
  });

  it('lets wait what the balance does not cover together with those before it', () => {
    const rest = tx(ada, 1, 1, 500);
    expect(add(tx(ada, 0, 0, 500))).toBe('ready');
    expect(add(rest)).toBe('waiting');
    expect(add(tx(ada, 2))).toBe('waiting');
    state.accounts.set(ada, holder(1_001));
    applyBlock([], 0, [ada]);
    expect([reasonOf(rest), pool.readyCount]).toEqual(['ready', 3]);
  });

  it('counts what is pending without a gap in the next nonce', () => {
    state.accounts.set(ada, holder(1_000, 4));
    expect(pool.nextNonce(ada)).toBe(4);
    for (const nonce of [4, 5, 7]) add(tx(ada, nonce));
    expect(pool.nextNonce(ada)).toBe(6);
    add(tx(ada, 6));
    expect(pool.nextNonce(ada)).toBe(8);
    expect(pool.pendingOf(ada).map(({ nonce }) => nonce)).toEqual([4, 5, 6, 7]);
    expect(pool.nextNonce(addressOf('nobody'))).toBe(0);
  });

  it('knows the key that a pending nonce 0 carries', () => {
    const publicKey = Uint8Array.of(1, 2, 3);
    add(transfer({ from: ada, nonce: 0, publicKey }));
    expect(pool.publicKey(ada)).toEqual(publicKey);
    expect(pool.publicKey(bob)).toBeUndefined();
  });
});

describe('mempool: refusals', () => {
  it.each([
    ['UNKNOWN_SENDER', tx(addressOf('nobody'), 0)],
    ['NONCE_TOO_LOW', tx(dee, 2)],
    ['NONCE_TOO_HIGH', tx(dee, 3 + MEMPOOL_LIMITS.maxNonceAhead + 1)],
    ['INSUFFICIENT_BALANCE', tx(dee, 3, 1, 1_000)],
  ])('%s', (code, transaction) => {
    state.accounts.set(dee, holder(1_000, 3));
    expect(add(transaction)).toBe(code);
    expect([pool.size, pool.bytes, pool.status(transaction.id)]).toEqual([0, 0, undefined]);
  });

  it('SENDER_LIMIT, but for a replacement', () => {
    pool = poolOf({ maxPerSender: 2 });
    add(tx(ada, 0));
    add(tx(ada, 1));
    expect(add(tx(ada, 2, 50))).toBe('SENDER_LIMIT');
    expect(add(tx(ada, 1, 50))).toBe('ready');
    expect(add(tx(bob, 0))).toBe('ready');
  });
});

describe('mempool: replacement', () => {
  it.each([
    [0, 0, 1],
    [1, 1, 2],
    [10, 10, 11],
    [11, 12, 13],
    [100, 109, 110],
  ])('of a fee of %i is refused with %i and accepted with %i', (fee, tooLittle, enough) => {
    const old = tx(ada, 0, fee);
    const next = tx(ada, 0, enough, 0, 1);
    add(old);
    expect(add(tx(ada, 0, tooLittle, 0, 1))).toBe('REPLACEMENT_UNDERPRICED');
    expect(reasonOf(old)).toBe('ready');
    expect(add(next)).toBe('ready');
    expect([reasonOf(old), pool.size, pool.bytes]).toEqual(['replaced', 1, next.wire.length]);
  });

  it('keeps those after it ready, or lets them wait if it leaves them no coins', () => {
    const follower = tx(ada, 1, 0, 100);
    add(tx(ada, 0));
    add(follower);
    add(tx(ada, 0, 1));
    expect(reasonOf(follower)).toBe('ready');
    add(tx(ada, 0, 2, 950));
    expect(reasonOf(follower)).toBe('waiting');
  });
});

describe('mempool: submitted again', () => {
  it('answers the present status, whatever the signature, and adds nothing', () => {
    const transaction = tx(ada, 0);
    add(transaction);
    const otherWire = transfer({ from: ada, nonce: 0 }, 1);
    expect(otherWire.id).toBe(transaction.id);
    expect(pool.add(otherWire, 0)).toEqual({ accepted: true, known: true, status: statusOf(transaction) });
    expect(pool.size).toBe(1);
    expect([pool.hasWire(transaction.wireHash), pool.hasWire(otherWire.wireHash)]).toEqual([true, false]);
    expect(pool.ofWire(transaction.wireHash)?.wire).toEqual(transaction.wire);
    expect(pool.ofWire(otherWire.wireHash)).toBeUndefined();
    pool.dropInvalid(transaction.id, 'for a test', 0);
    expect(pool.ofWire(transaction.wireHash)).toBeUndefined();
  });

  it('answers what became of one that was replaced; of one that was applied the chain knows', () => {
    const applied = tx(ada, 0);
    const replaced = tx(bob, 0);
    for (const transaction of [applied, replaced, tx(bob, 0, 1)]) add(transaction);
    applyBlock([applied]);
    expect(pool.add(applied, 0)).toMatchObject({ accepted: false, error: { code: 'NONCE_TOO_LOW' } });
    expect(pool.add(replaced, 0)).toMatchObject({ known: true, status: { reason: 'replaced' } });
  });

  it('takes one that had been dropped as a new one', () => {
    const transaction = tx(ada, 0);
    add(transaction);
    pool.dropInvalid(transaction.id, 'why not', 0);
    expect(reasonOf(transaction)).toBe('invalid');
    expect(add(transaction)).toBe('ready');
    expect(reasonOf(transaction)).toBe('ready');
  });
});

describe('mempool: full', () => {
  it('gives up the cheapest for a dearer one, and refuses one that pays no more', () => {
    pool = poolOf({ maxTransactions: 2 });
    const cheap = tx(ada, 0, 3);
    add(cheap);
    add(tx(bob, 0, 5));
    expect(add(tx(cy, 0, 3))).toBe('POOL_FULL');
    expect(add(tx(cy, 0, 4))).toBe('ready');
    expect([reasonOf(cheap), pool.size]).toEqual(['evicted', 2]);
    expect(pool.get(cheap.id)).toBeDefined();
  });

  it('gives up the last to come of those that pay the same', () => {
    pool = poolOf({ maxTransactions: 3 });
    const first = tx(ada, 0, 1);
    const last = tx(bob, 0, 1);
    for (const transaction of [first, last, tx(cy, 0, 2)]) add(transaction);
    expect(add(tx(dee, 0, 2))).toBe('ready');
    expect([first, last].map(reasonOf)).toEqual(['ready', 'evicted']);
  });

  it('gives up what waits before what is ready, however dear', () => {
    pool = poolOf({ maxTransactions: 2 });
    const waiting = tx(ada, 1, 500);
    add(waiting);
    add(tx(bob, 0, 0));
    expect(add(tx(cy, 0, 0))).toBe('ready');
    expect(reasonOf(waiting)).toBe('evicted');
    expect(add(tx(dee, 1, 500))).toBe('POOL_FULL');
  });

  it("takes the end of a sender's queue, so that nothing else it was told is ready has to wait", () => {
    pool = poolOf({ maxTransactions: 4 });
    const queue = [tx(ada, 0, 1), tx(ada, 1, 1), tx(ada, 2, 2)] as const;
    for (const transaction of queue) add(transaction);
    add(tx(bob, 0, 9));
    expect(add(tx(cy, 0, 3))).toBe('ready');
    expect(queue.map(reasonOf)).toEqual(['ready', 'ready', 'evicted']);
    expect(add(tx(dee, 0, 3))).toBe('ready');
    expect(queue.map(reasonOf)).toEqual(['ready', 'evicted', 'evicted']);
  });

  it('never gives up what the newcomer itself rests on', () => {
    pool = poolOf({ maxTransactions: 2 });
    const first = tx(ada, 0, 1);
    add(first);
    add(tx(bob, 0, 9));
    expect(add(tx(ada, 1, 5))).toBe('POOL_FULL');
    expect([reasonOf(first), pool.readyCount]).toEqual(['ready', 2]);
  });

  it('makes room for the bytes of the newcomer, or changes nothing', () => {
    const big = transfer({ from: dee, nonce: 0, fee: 5, data: new Uint8Array(50) });
    const small = [tx(ada, 0, 1), tx(bob, 0, 2), tx(cy, 0, 6)] as const;
    const bytes = small.reduce((sum, { wire }) => sum + wire.length, 0);
    pool = poolOf({ maxBytes: bytes + 1 });
    for (const transaction of small) add(transaction);
    expect(add(big)).toBe('ready');
    expect(small.map(reasonOf)).toEqual(['evicted', 'evicted', 'ready']);

    pool = poolOf({ maxBytes: bytes + 1 });
    for (const transaction of [tx(ada, 0, 1), tx(bob, 0, 6), tx(cy, 0, 6)]) add(transaction);
    const before = [...pool.pending()].map(({ transaction }) => transaction.id);
    expect(add(big)).toBe('POOL_FULL');
    expect([...pool.pending()].map(({ transaction }) => transaction.id)).toEqual(before);
    expect([pool.readyCount, pool.bytes]).toEqual([3, bytes]);
  });
});

describe('mempool: blocks', () => {
  it('offers the highest fee first as nonces allow, and of equal fees the first to come', () => {
    add(tx(cy, 0, 5));
    add(tx(ada, 0, 1));
    add(tx(ada, 1, 9));
    add(tx(bob, 0, 5));
    add(tx(bob, 1, 7));
    add(tx(dee, 1, 99));
    expect(names(pool.candidates())).toEqual([
      [cy, 0],
      [bob, 0],
      [bob, 1],
      [ada, 0],
      [ada, 1],
    ]);
  });

  it('lets go of what was applied and of what can no longer be, with the reason, and promotes the rest', () => {
    const applied = tx(ada, 0);
    const replaced = tx(bob, 0);
    const overtaken = tx(cy, 0);
    const rest = tx(ada, 1);
    for (const transaction of [applied, replaced, overtaken, rest]) add(transaction);
    state.accounts.set(cy, holder(1_000, 1));
    applyBlock([tx(bob, 0, 1), applied], 5, [cy]);
    expect(statusOf(applied)).toBeUndefined();
    expect(statusOf(replaced)).toMatchObject({
      reason: 'replaced',
      detail: expect.stringContaining('block 9'),
    });
    expect(statusOf(overtaken)).toMatchObject({
      reason: 'invalid',
      detail: expect.stringContaining('NONCE_TOO_LOW'),
    });
    expect([reasonOf(rest), pool.size]).toEqual(['ready', 1]);
  });

  it('demotes what a lower balance no longer covers', () => {
    const transaction = tx(ada, 0, 0, 900);
    add(transaction);
    state.accounts.set(ada, holder(899));
    applyBlock([], 0, [ada]);
    expect(reasonOf(transaction)).toBe('waiting');
    expect([...pool.candidates()]).toEqual([]);
  });

  it('looks at no sender whose account did not change', () => {
    add(tx(ada, 0));
    add(tx(bob, 0));
    const asked: string[] = [];
    const account = state.account.bind(state);
    state.account = (address) => {
      asked.push(address);
      return account(address);
    };
    applyBlock([], 0, [bob, addressOf('nobody')]);
    expect(new Set(asked)).toEqual(new Set([bob]));
  });

  it('lets those after an invalid one wait', () => {
    const bad = tx(ada, 0);
    const follower = tx(ada, 1);
    add(bad);
    add(follower);
    pool.dropInvalid(bad.id, 'INSUFFICIENT_BALANCE', 0);
    expect(statusOf(bad)).toEqual({ state: 'dropped', reason: 'invalid', detail: 'INSUFFICIENT_BALANCE' });
    expect(reasonOf(follower)).toBe('waiting');
    pool.dropInvalid(bad.id, 'again', 0);
    expect(pool.size).toBe(1);
  });

  it('forgets having dropped one that came again, or that another node proposed', () => {
    const transaction = tx(ada, 0);
    add(transaction);
    pool.dropInvalid(transaction.id, 'why not', 0);
    applyBlock([transaction]);
    expect(statusOf(transaction)).toBeUndefined();
    const again = tx(ada, 1);
    add(again);
    pool.dropInvalid(again.id, 'why not', 0);
    add(again);
    applyBlock([again]);
    expect(statusOf(again)).toBeUndefined();
  });
});

describe('mempool: time', () => {
  it('drops what has been pending for 3 hours, and says so for another one', () => {
    const old = tx(ada, 0);
    const young = tx(ada, 1);
    add(old, 0);
    add(young, 1);
    pool.expire(3 * HOUR_MS - 1);
    expect(pool.size).toBe(2);
    pool.expire(3 * HOUR_MS);
    expect([reasonOf(old), reasonOf(young)]).toEqual(['expired', 'waiting']);
    pool.expire(4 * HOUR_MS - 1);
    expect(reasonOf(old)).toBe('expired');
    pool.expire(4 * HOUR_MS);
    expect(statusOf(old)).toBeUndefined();
    expect(pool.get(old.id)).toBeUndefined();
  });

  it('remembers a bounded number of those that left, the latest', () => {
    pool = poolOf({ maxDropped: 2 });
    const gone = [tx(ada, 0), tx(bob, 0), tx(cy, 0)] as const;
    for (const transaction of gone) {
      add(transaction);
      pool.dropInvalid(transaction.id, 'why not', 0);
    }
    expect(gone.map(reasonOf)).toEqual([undefined, 'invalid', 'invalid']);
  });
});

describe('mempool: memory', () => {
  it('keeps no buffer of the network alive', () => {
    const { wire } = transfer({
      from: ada,
      nonce: 0,
      data: Uint8Array.of(7, 8),
      publicKey: Uint8Array.of(9),
    });
    const frame = Uint8Array.from(concat(new Uint8Array(10_000), wire, new Uint8Array(10_000)));
    const received = decodeTransaction(frame.subarray(10_000, 10_000 + wire.length), RULES.genesisId);
    add(received);
    const kept = pool.get(received.id) as Transaction;
    expect({ ...kept }).toEqual({ ...received });
    for (const bytes of [kept.wire, kept.payload, kept.signature, kept.data, kept.publicKey]) {
      expect(bytes?.buffer.byteLength).toBe(wire.length);
    }
    expect(ownTransaction(kept)).toBe(kept);
  });
});

describe('mempool: its limits', () => {
  it('are those that the documentation gives', () => {
    expect(Object.isFrozen(MEMPOOL_LIMITS)).toBe(true);
    expect(MEMPOOL_LIMITS).toMatchObject({
      maxTransactions: 20_000,
      maxBytes: 64 * 1024 * 1024,
      maxPerSender: 256,
      maxAgeMs: 3 * HOUR_MS,
      droppedKeptMs: HOUR_MS,
    });
  });
});
