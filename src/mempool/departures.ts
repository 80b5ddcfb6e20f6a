/** Transactions that the pool dropped, and why: kept for a while so that none vanishes silently. */
import type { Hash } from '../protocol/bytes.js';
import { LinkedMap } from '../protocol/linked-map.js';
import type { Transaction } from '../protocol/transaction.js';
import type { DroppedStatus } from './status.js';

export interface Departure {
  readonly status: DroppedStatus;
  readonly transaction: Transaction;
  readonly leftMs: number;
}

export interface DepartureLimits {
  readonly keptMs: number;
  readonly maxCount: number;
  /** Of all wire forms. */
  readonly maxBytes: number;
}

export class Departures {
  readonly #limits: DepartureLimits;
  /** In the order in which they left. */
  readonly #departed = new LinkedMap<Hash, Departure>();
  #bytes = 0;

  constructor(limits: DepartureLimits) {
    this.#limits = limits;
  }

  get(id: Hash): Departure | undefined {
    return this.#departed.get(id);
  }

  /** The oldest give way to it when there are too many. */
  record(departure: Departure): void {
    const { id, wire } = departure.transaction;
    this.forget(id);
    this.#departed.set(id, departure);
    this.#bytes += wire.length;
    const { maxCount, maxBytes } = this.#limits;
    while (this.#departed.size > maxCount || this.#bytes > maxBytes)
      this.forget(this.#departed.oldest as Hash);
  }

  forget(id: Hash): void {
    const departure = this.#departed.get(id);
    if (departure === undefined) return;
    this.#departed.delete(id);
    this.#bytes -= departure.transaction.wire.length;
  }

  expire(nowMs: number): void {
    for (let id = this.#departed.oldest; id !== undefined; id = this.#departed.oldest) {
      const { leftMs } = this.#departed.get(id) as Departure;
      if (nowMs - leftMs < this.#limits.keptMs) return;
      this.forget(id);
    }
  }
}
