/**
 * Transactions that wait for a block. One queue a sender, by nonce; what is ready (executable in order on the head) is
 * kept apart from what waits for a gap or for coins. The pool never checks signatures: whoever adds has done that. It
 * reads no clock: the time is handed in.
 *
 * When it is full, it gives up what waits before what is ready, and the lowest fee first; what a sender was told is
 * ready goes only for something ready that pays more, and only from the end of its sender's queue, so that nothing
 * else loses its place.
 */
import type { StateReader } from '../ledger/state-reader.js';
import { costOf } from '../ledger/transaction.js';
import type { Block } from '../protocol/block.js';
import type { Address, Hash } from '../protocol/bytes.js';
import { type ErrorCode, ProtocolError } from '../protocol/errors.js';
import { ownTransaction, type Transaction } from '../protocol/transaction.js';
import { inFeeOrder } from './candidates.js';
import { Departures } from './departures.js';
import { Heap } from './heap.js';
import type { MempoolLimits } from './limits.js';
import { type Entry, SenderQueue } from './sender-queue.js';
import type { DroppedStatus, DropReason, PendingStatus, PoolStatus } from './status.js';

export type AddResult =
  | {
      readonly accepted: true;
      /** Whether the pool knew it before: then `status` is what became of it, and nothing was added. */
      readonly known: boolean;
      readonly status: PoolStatus;
    }
  | { readonly accepted: false; readonly error: ProtocolError };

export interface PendingTransaction {
  readonly transaction: Transaction;
  readonly status: PendingStatus;
  /** Rises from one to the next: the cursor of a list. */
  readonly arrival: number;
}

const READY: PendingStatus = { state: 'pending', queue: 'ready' };
const WAITING: PendingStatus = { state: 'pending', queue: 'waiting' };

export class Mempool {
  readonly #limits: MempoolLimits;
  readonly #reader: Pick<StateReader, 'account'>;
  /** In order of arrival. */
  readonly #entries = new Map<Hash, Entry>();
  /** By H(wire form). */
  readonly #wires = new Map<Hash, Transaction>();
  readonly #queues = new Map<Address, SenderQueue>();
  /** What may have to go, the first to go on top: all that wait, and the end of each sender's ready ones. */
  readonly #evictable = new Heap<Entry>(
    (a, b) => isCheaper(a, b) || (!isCheaper(b, a) && a.arrival > b.arrival),
  );
  readonly #dropped: Departures;
  #arrivals = 0;
  #bytes = 0;
  #readyCount = 0;

  /** @param reader the state of the head, always as it is now */
  constructor(limits: MempoolLimits, reader: Pick<StateReader, 'account'>) {
    this.#limits = limits;
    this.#reader = reader;
    const { droppedKeptMs: keptMs, maxDropped, maxDroppedBytes } = limits;
    this.#dropped = new Departures({ keptMs, maxCount: maxDropped, maxBytes: maxDroppedBytes });
  }

  get size(): number {
    return this.#entries.size;
  }

  get readyCount(): number {
    return this.#readyCount;
  }

  get waitingCount(): number {
    return this.#entries.size - this.#readyCount;
  }

  /** Of all pending wire forms. */
  get bytes(): number {
    return this.#bytes;
  }

  /** A transaction that is pending, or that was dropped not long ago. */
  get(id: Hash): Transaction | undefined {
    return (this.#entries.get(id) ?? this.#dropped.get(id))?.transaction;
  }

  /** Whether exactly these bytes are pending, by H(wire form). */
  hasWire(wireHash: Hash): boolean {
    return this.#wires.has(wireHash);
  }

  /** The transaction of exactly these bytes, if it is pending. */
  ofWire(wireHash: Hash): Transaction | undefined {
    return this.#wires.get(wireHash);
  }

  /** Undefined for what was applied, which the chain knows, and for what the pool never saw, or saw too long ago. */
  status(id: Hash): PoolStatus | undefined {
    const entry = this.#entries.get(id);
    if (entry !== undefined) return statusOf(entry);
    return this.#dropped.get(id)?.status;
  }

  /** The nonce that the sender should use next: its account's, or the one after what is pending without a gap. */
  nextNonce(address: Address): number {
    const nonce = this.#reader.account(address)?.nonce ?? 0;
    return this.#queues.get(address)?.nextFree(nonce) ?? nonce;
  }

  /** What the sender has pending, by nonce. */
  pendingOf(address: Address): readonly Transaction[] {
    return this.#queues.get(address)?.entries.map(({ transaction }) => transaction) ?? [];
  }

  /** The key that a pending nonce 0 carries (section 3). */
  publicKey(address: Address): Uint8Array | undefined {
    return this.#queues.get(address)?.find(0)?.transaction.publicKey ?? undefined;
  }

  /**
   * Takes a transaction whose form and signature are good. A known one is answered with its present status; else the
   * refusal is UNKNOWN_SENDER, NONCE_TOO_LOW, NONCE_TOO_HIGH (beyond `maxNonceAhead`), INSUFFICIENT_BALANCE,
   * REPLACEMENT_UNDERPRICED, SENDER_LIMIT or POOL_FULL.
   */
  add(transaction: Transaction, nowMs: number): AddResult {
    const { id, from, nonce } = transaction;
    const known = this.#entries.get(id);
    if (known !== undefined) return { accepted: true, known: true, status: statusOf(known) };

    const replaced = this.#queues.get(from)?.find(nonce);
    const added = this.#refusal(transaction, replaced) ?? this.#insert(transaction, replaced, nowMs);
    if (!(added instanceof ProtocolError)) return { accepted: true, known: false, status: statusOf(added) };
    // One that was replaced is refused as its nonce is taken: what became of it says more than that.
    const before = this.#dropped.get(id)?.status;
    return before?.reason === 'replaced'
      ? { accepted: true, known: true, status: before }
      : { accepted: false, error: added };
  }

  /**
   * What a block may take: the highest fee first among what each sender's nonces allow next, of equal fees the first
   * to come. Lazy; not to be continued after the pool has changed.
   */
  candidates(): Iterable<Transaction> {
    return inFeeOrder(this.#queues.values());
  }

  /** Everything ready, each sender's by nonce: to be offered to a new peer. */
  *readyAll(): Generator<Transaction> {
    for (const { entries, readyCount } of this.#queues.values()) {
      for (let i = 0; i < readyCount; i++) yield (entries[i] as Entry).transaction;
    }
  }

  /** Everything pending, in order of arrival. */
  *pending(): Generator<PendingTransaction> {
    for (const entry of this.#entries.values()) {
      yield { transaction: entry.transaction, status: statusOf(entry), arrival: entry.arrival };
    }
  }

  /**
   * The head has moved by this block: takes out what was applied or can no longer be, and decides anew what is ready
   * of every sender whose account changed. `changed` are the accounts that the block touched, already as the reader
   * shows them.
   */
  blockApplied(
    block: Pick<Block, 'header' | 'transactions'>,
    changed: Iterable<Address>,
    nowMs: number,
  ): void {
    const { number } = block.header;
    const affected = new Set(changed);
    for (const { id, from, nonce } of block.transactions) {
      affected.add(from);
      const entry = this.#queues.get(from)?.find(nonce);
      const isOurs = entry?.transaction.id === id;
      if (entry !== undefined) {
        this.#unlink(entry);
        if (isOurs) this.#forget(entry);
        else this.#depart(entry, dropped('replaced', `by ${id}, which block ${number} applied`), nowMs);
      }
      // What was dropped here may have come again, or been kept, and proposed, by another node.
      this.#dropped.forget(id);
    }
    for (const address of affected) {
      const queue = this.#queues.get(address);
      if (queue === undefined) continue;
      const nonce = this.#reader.account(address)?.nonce ?? 0;
      for (const entry of queue.below(nonce)) {
        this.#unlink(entry);
        this.#depart(entry, dropped('invalid', `NONCE_TOO_LOW since block ${number}`), nowMs);
      }
      this.#settle(queue);
    }
  }

  /** Takes out a transaction that turned out not to be executable; those after it wait. */
  dropInvalid(id: Hash, detail: string, nowMs: number): void {
    this.#drop(id, dropped('invalid', detail), nowMs);
  }

  /** Takes out what has been pending too long, and forgets what left too long ago. To be called now and then. */
  expire(nowMs: number): void {
    for (const [id, { addedMs }] of this.#entries) {
      if (nowMs - addedMs >= this.#limits.maxAgeMs)
        this.#drop(id, dropped('expired', 'pending too long'), nowMs);
    }
    this.#dropped.expire(nowMs);
  }

  /** Why `add` would refuse a transaction that is not pending, but for a full pool; null if it would not. */
  refusal(transaction: Transaction): ProtocolError | null {
    return this.#refusal(transaction, this.#queues.get(transaction.from)?.find(transaction.nonce));
  }

  #refusal(transaction: Transaction, replaced: Entry | undefined): ProtocolError | null {
    const { from, nonce, fee } = transaction;
    const account = this.#reader.account(from);
    if (account === undefined) return refuse('UNKNOWN_SENDER', `there is no account ${from}`);
    if (nonce < account.nonce)
      return refuse('NONCE_TOO_LOW', `nonce ${nonce}, but ${from} is at ${account.nonce}`);
    if (nonce > account.nonce + this.#limits.maxNonceAhead) {
      return refuse('NONCE_TOO_HIGH', `nonce ${nonce} is too far ahead: ${from} is at ${account.nonce}`);
    }
    const cost = costOf(transaction);
    if (cost > account.balance) {
      return refuse('INSUFFICIENT_BALANCE', `${from} has ${account.balance} and needs ${cost}`);
    }
    if (replaced !== undefined) {
      const least = leastReplacementFee(replaced.transaction.fee);
      return fee < least
        ? refuse('REPLACEMENT_UNDERPRICED', `nonce ${nonce} is pending; to replace it, pay a fee of ${least}`)
        : null;
    }
    const pending = this.#queues.get(from)?.entries.length ?? 0;
    return pending >= this.#limits.maxPerSender
      ? refuse('SENDER_LIMIT', `${from} has ${pending} transactions pending`)
      : null;
  }

  /** Puts it in, and out of a full pool what is worth less; POOL_FULL, with nothing changed, if that is not enough. */
  #insert(transaction: Transaction, replaced: Entry | undefined, nowMs: number): Entry | ProtocolError {
    const entry: Entry = {
      transaction: ownTransaction(transaction),
      arrival: this.#arrivals++,
      addedMs: nowMs,
      ready: false,
      heapIndex: -1,
    };
    if (replaced !== undefined) this.#unlink(replaced);
    this.#link(entry);

    const evicted: Entry[] = [];
    const count = this.#entries.size + (replaced === undefined ? 1 : 0);
    while (count - evicted.length > this.#limits.maxTransactions || this.#bytes > this.#limits.maxBytes) {
      const victim = this.#evictable.peek();
      if (victim === undefined || !isCheaper(victim, entry)) {
        this.#unlink(entry);
        for (const restored of evicted) this.#link(restored);
        if (replaced === undefined) this.#settle(this.#queueOf(transaction.from));
        else this.#link(replaced);
        return refuse('POOL_FULL', 'the pool is full of transactions that pay as much or more');
      }
      this.#settle(this.#unlink(victim));
      evicted.push(victim);
    }

    if (replaced !== undefined) {
      this.#depart(replaced, dropped('replaced', `by ${transaction.id}, which pays more`), nowMs);
    }
    for (const victim of evicted) this.#depart(victim, dropped('evicted', 'the pool was full'), nowMs);
    this.#entries.set(transaction.id, entry);
    this.#wires.set(transaction.wireHash, entry.transaction);
    return entry;
  }

  #drop(id: Hash, status: DroppedStatus, nowMs: number): void {
    const entry = this.#entries.get(id);
    if (entry === undefined) return;
    this.#settle(this.#unlink(entry));
    this.#depart(entry, status, nowMs);
  }

  /** Lets go of an entry that is in no queue any more, and keeps the reason. */
  #depart(entry: Entry, status: DroppedStatus, nowMs: number): void {
    const { transaction } = entry;
    this.#forget(entry);
    this.#dropped.record({ status, transaction, leftMs: nowMs });
  }

  #forget({ transaction }: Entry): void {
    this.#entries.delete(transaction.id);
    this.#wires.delete(transaction.wireHash);
  }

  #queueOf(address: Address): SenderQueue {
    let queue = this.#queues.get(address);
    if (queue === undefined) {
      queue = new SenderQueue(address);
      this.#queues.set(address, queue);
    }
    return queue;
  }

  /** Into its sender's queue, ready or waiting. */
  #link(entry: Entry): void {
    const queue = this.#queueOf(entry.transaction.from);
    queue.insert(entry);
    this.#bytes += entry.transaction.wire.length;
    this.#settle(queue);
    if (!entry.ready) this.#evictable.place(entry);
  }

  /** Out of its sender's queue, which must then be settled. */
  #unlink(entry: Entry): SenderQueue {
    const queue = this.#queueOf(entry.transaction.from);
    queue.remove(entry);
    this.#evictable.remove(entry);
    if (queue.evictableTail === entry) queue.evictableTail = undefined;
    this.#bytes -= entry.transaction.wire.length;
    if (entry.ready) this.#readyCount--;
    entry.ready = false;
    return queue;
  }

  /** Brings readiness, and with it what may be evicted, up to date with the queue and its account on the head. */
  #settle(queue: SenderQueue): void {
    for (const entry of queue.settle(this.#reader.account(queue.address))) {
      // The heap compares by readiness, so an entry is out of it while that turns.
      this.#evictable.remove(entry);
      entry.ready = !entry.ready;
      this.#readyCount += entry.ready ? 1 : -1;
      if (!entry.ready) this.#evictable.place(entry);
    }
    const { evictableTail, readyTail } = queue;
    if (readyTail !== evictableTail) {
      if (evictableTail?.ready) this.#evictable.remove(evictableTail);
      if (readyTail !== undefined) this.#evictable.place(readyTail);
      queue.evictableTail = readyTail;
    }
    if (queue.entries.length === 0) this.#queues.delete(queue.address);
  }
}

/** Whether `a` has to go before `b`: what waits before what is ready, then the lower fee. */
function isCheaper(a: Entry, b: Entry): boolean {
  return a.ready === b.ready ? a.transaction.fee < b.transaction.fee : b.ready;
}

/** 10 % more, and at least 1. */
function leastReplacementFee(fee: number): number {
  return fee + Math.max(1, Math.ceil(fee / 10));
}

function statusOf(entry: Entry): PendingStatus {
  return entry.ready ? READY : WAITING;
}

function dropped(reason: DropReason, detail: string): DroppedStatus {
  return { state: 'dropped', reason, detail };
}

function refuse(code: ErrorCode, message: string): ProtocolError {
  return new ProtocolError(code, message);
}
