/**
 * Milliseconds of attention: the monotonic clock without the time in which we listened to nobody. While we were busy or
 * suspended, no peer was silent.
 */
import type { Clock } from '../ports/clock.js';

/** All waiting is looked at this often. */
export const TICK_MS = 100;
/** One tick never counts for more than this. */
const MAX_TICK_MS = 2 * TICK_MS;

export class Attention {
  readonly #clock: Clock;
  #countedMs = 0;
  #tickedMs: number;

  /** Counts from now on. */
  constructor(clock: Clock) {
    this.#clock = clock;
    this.#tickedMs = clock.monotonic();
  }

  get nowMs(): number {
    return this.#countedMs + Math.min(this.#clock.monotonic() - this.#tickedMs, MAX_TICK_MS);
  }

  /** To be called every `TICK_MS`; returns `nowMs`. */
  tick(): number {
    this.#countedMs = this.nowMs;
    this.#tickedMs = this.#clock.monotonic();
    return this.#countedMs;
  }
}
