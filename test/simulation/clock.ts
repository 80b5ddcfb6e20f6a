/** The clocks of one machine: a wall clock that is off, drifts and jumps, and a monotonic one that only drifts. */
import type { Agenda } from './agenda.js';

/** 2023-11-14, in milliseconds. */
export const EPOCH_MS = 1_700_000_000_000;

export class MachineClock {
  readonly #agenda: Agenda;
  /** How fast both run. */
  #rate = 1;
  /** What both showed when the rate, or the wall clock, was last set, and when that was. */
  #wallMs: number;
  #monotonicMs = 0;
  #setMs: number;

  constructor(agenda: Agenda) {
    this.#agenda = agenda;
    this.#setMs = agenda.nowMs;
    this.#wallMs = EPOCH_MS + agenda.nowMs;
  }

  get wallMs(): number {
    return this.#wallMs + this.#passedMs;
  }

  get monotonicMs(): number {
    return this.#monotonicMs + this.#passedMs;
  }

  /** How far the wall clock is from the right time. */
  get offMs(): number {
    return this.wallMs - EPOCH_MS - this.#agenda.nowMs;
  }

  /** The wall clock jumps: it is so far off now. */
  jump(offMs: number): void {
    this.#settle();
    this.#wallMs = EPOCH_MS + this.#agenda.nowMs + offMs;
  }

  drift(rate: number): void {
    this.#settle();
    this.#rate = rate;
  }

  /** How much true time passes while this machine counts `ownMs`. */
  trueMs(ownMs: number): number {
    return ownMs / this.#rate;
  }

  get #passedMs(): number {
    return (this.#agenda.nowMs - this.#setMs) * this.#rate;
  }

  #settle(): void {
    this.#wallMs += this.#passedMs;
    this.#monotonicMs += this.#passedMs;
    this.#setMs = this.#agenda.nowMs;
  }
}
