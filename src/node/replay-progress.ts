/** How far a replay is, on a terminal. */
import type { Clock } from '../ports/clock.js';
import { ProgressMeter } from '../sync/progress.js';
import { ProgressBar } from './progress-bar.js';

const SHOW_EVERY_MS = 200;

export class ReplayProgress {
  readonly #bar: ProgressBar;
  readonly #clock: Clock;
  readonly #meter = new ProgressMeter();
  #total = 0;
  #shownMs = Number.NEGATIVE_INFINITY;

  constructor(clock: Clock, doing: string) {
    this.#clock = clock;
    this.#bar = new ProgressBar(process.stderr, doing);
  }

  readonly onTotal = (blocks: number): void => {
    this.#total = blocks;
    this.#meter.reset();
  };

  readonly onBlock = (number: number): void => {
    const nowMs = this.#clock.monotonic();
    if (nowMs - this.#shownMs < SHOW_EVERY_MS) return;
    this.#shownMs = nowMs;
    this.#meter.sample(number, nowMs);
    this.#bar.show(this.#meter.report(number, this.#total, nowMs));
  };

  /** Takes the bar away. */
  stop(): void {
    this.#bar.show(null);
  }
}
