/** Requests that wait until a transaction is final. Bounded in number and time; none outlives its request. */
import type { Writable } from 'node:stream';
import type { KnownTransaction, NodeFace } from '../node/face.js';
import type { Hash } from '../protocol/bytes.js';
import { ApiError } from './errors.js';

/** Calls `fire` once after the delay, unless the function it returned is called first. */
export type After = (delayMs: number, fire: () => void) => () => void;

interface Waiter {
  /** Resolves when the transaction is final here, time is up, or `end` is called. Never rejects. */
  readonly done: Promise<void>;
  end(): void;
}

export class FinalWaiters {
  readonly #face: NodeFace;
  readonly #max: number;
  readonly #after: After;
  readonly #waiting = new Map<Hash, Set<Waiter>>();
  #count = 0;
  #unsubscribe: (() => void) | undefined;

  constructor(face: NodeFace, max: number, after: After) {
    this.#face = face;
    this.#max = max;
    this.#after = after;
  }

  /** As many as may wait do. */
  get full(): boolean {
    return this.#count >= this.#max;
  }

  /**
   * The transaction once it is final or dropped, or as it stands when time is up or the caller has gone.
   * @param caller the answer to it: destroyed when the caller has gone, perhaps before
   * @throws ApiError TOO_BUSY if as many as may wait do
   */
  async transaction(id: Hash, waitMs: number, caller: Writable): Promise<KnownTransaction | undefined> {
    if (caller.destroyed) return await this.#face.transaction(id);
    // Begun before it is looked up, to miss nothing.
    const waiter = this.#begin(id, waitMs);
    caller.once('close', waiter.end);
    try {
      const known = await this.#face.transaction(id);
      // One that nobody here has heard of may be on its way from the node it was sent to.
      if (known !== undefined && known.status.state !== 'pending') return known;
      await waiter.done;
      return await this.#face.transaction(id);
    } finally {
      waiter.end();
      caller.off('close', waiter.end);
    }
  }

  #begin(id: Hash, timeoutMs: number): Waiter {
    if (this.full) throw new ApiError('TOO_BUSY', `${this.#max} requests are waiting already`);
    let resolve = () => {};
    const done = new Promise<void>((settle) => {
      resolve = settle;
    });
    const end = () => {
      cancelTimer();
      this.#remove(id, waiter);
      resolve();
    };
    const waiter: Waiter = { done, end };
    const cancelTimer = this.#after(timeoutMs, end);
    this.#add(id, waiter);
    return waiter;
  }

  endAll(): void {
    for (const waiters of [...this.#waiting.values()]) for (const waiter of [...waiters]) waiter.end();
  }

  #add(id: Hash, waiter: Waiter): void {
    const waiters = this.#waiting.get(id) ?? new Set();
    this.#waiting.set(id, waiters.add(waiter));
    this.#count++;
    this.#unsubscribe ??= this.#face.onFinal(({ block }) => {
      for (const transaction of block.transactions) this.#endThoseOf(transaction.id);
    });
  }

  #endThoseOf(id: Hash): void {
    const waiters = this.#waiting.get(id);
    if (waiters !== undefined) for (const waiter of [...waiters]) waiter.end();
  }

  #remove(id: Hash, waiter: Waiter): void {
    const waiters = this.#waiting.get(id);
    if (waiters === undefined || !waiters.delete(waiter)) return;
    if (waiters.size === 0) this.#waiting.delete(id);
    if (--this.#count === 0) {
      this.#unsubscribe?.();
      this.#unsubscribe = undefined;
    }
  }
}
