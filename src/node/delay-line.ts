/** What is put in comes out a fixed time later, in the order in which it came, whatever is due at once together. */
import type { Clock, Timer } from '../ports/clock.js';

interface Waiting<T> {
  readonly item: T;
  readonly dueMs: number;
}

export class DelayLine<T> {
  readonly #clock: Clock;
  readonly #delayMs: number;
  readonly #deliver: (items: readonly T[]) => void;
  #waiting: Waiting<T>[] = [];
  #timer: Timer | null = null;

  /** @param deliver is never called with nothing */
  constructor(clock: Clock, delayMs: number, deliver: (items: readonly T[]) => void) {
    this.#clock = clock;
    this.#delayMs = delayMs;
    this.#deliver = deliver;
  }

  put(item: T): void {
    this.#waiting.push({ item, dueMs: this.#clock.monotonic() + this.#delayMs });
    this.#timer ??= this.#clock.after(this.#delayMs, () => this.#flush());
  }

  /** Forgets what waits. */
  clear(): void {
    this.#timer?.cancel();
    this.#timer = null;
    this.#waiting = [];
  }

  #flush(): void {
    const nowMs = this.#clock.monotonic();
    const rest = this.#waiting.findIndex(({ dueMs }) => dueMs > nowMs);
    const due = this.#waiting.splice(0, rest === -1 ? this.#waiting.length : rest);
    const [next] = this.#waiting;
    this.#timer =
      next === undefined ? null : this.#clock.after(wholeMs(next.dueMs - nowMs), () => this.#flush());
    if (due.length > 0) this.#deliver(due.map(({ item }) => item));
  }
}

/** A timer may fire a rounding error too early: what is left then would pass in no time, and the next one as well. */
function wholeMs(ms: number): number {
  return Math.max(1, Math.ceil(ms));
}
