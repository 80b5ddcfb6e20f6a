/** What became of transactions that left the pool, remembered for a while so that none vanishes silently. */
import type { Hash } from '../protocol/bytes.js';
import { LinkedMap } from '../protocol/linked-map.js';
import type { Transaction } from '../protocol/transaction.js';

export interface Departure<Status> {
  readonly status: Status;
  /** Kept where nobody else has it. */
  readonly transaction: Transaction | null;
  readonly leftMs: number;
}

export interface DepartureLimits {
  readonly keptMs: number;
  readonly maxCount: number;
  /** Wire forms of the transactions kept. */
  readonly maxBytes: number;
}

export class Departures<Status> {
  readonly #limits: DepartureLimits;
  /** In the order in which they left. */
  readonly #departed = new LinkedMap<Hash, Departure<Status>>();
  #bytes = 0;

  constructor(limits: DepartureLimits) {
    this.#limits = limits;
  }

  get(id: Hash): Departure<Status> | undefined {
    return this.#departed.get(id);
  }

  /** The oldest give way to it when there are too many. */
  record(id: Hash, departure: Departure<Status>): void {
    this.forget(id);
    this.#departed.set(id, departure);
    this.#bytes += bytesOf(departure);
    const { maxCount, maxBytes } = this.#limits;
    while (this.#departed.size > maxCount || this.#bytes > maxBytes)
      this.forget(this.#departed.oldest as Hash);
  }

  forget(id: Hash): void {
    const departure = this.#departed.get(id);
    if (departure === undefined) return;
    this.#departed.delete(id);
    this.#bytes -= bytesOf(departure);
  }

  expire(nowMs: number): void {
    for (let id = this.#departed.oldest; id !== undefined; id = this.#departed.oldest) {
      const { leftMs } = this.#departed.get(id) as Departure<Status>;
      if (nowMs - leftMs < this.#limits.keptMs) return;
      this.forget(id);
    }
  }
}

function bytesOf({ transaction }: Departure<unknown>): number {
  return transaction?.wire.length ?? 0;
}
