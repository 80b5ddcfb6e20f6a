/** The bar that shows on a terminal how far a chain has come. It only shows: what it shows is computed in `sync`. */
import { SingleBar } from 'cli-progress';
import type { SyncProgress } from '../sync/progress.js';

const FORMAT = '[{bar}] {percentage}% | block {value} of {total} | {speed} blocks/s | {left} left';

export class ProgressBar {
  readonly #bar: SingleBar;

  /**
   * @param stream a terminal; on anything else nothing is shown
   * @param doing what is going on, in one word
   */
  constructor(stream: NodeJS.WritableStream = process.stderr, doing = 'syncing') {
    // Signals are the node's: the bar must not end the process.
    this.#bar = new SingleBar({
      format: `${doing} ${FORMAT}`,
      stream,
      clearOnComplete: true,
      hideCursor: false,
      gracefulExit: false,
    });
  }

  /** Shows the progress; null, when there is none, takes the bar away. */
  show(progress: SyncProgress | null): void {
    if (progress === null) return this.#bar.stop();
    const { head, target, blocksPerSecond, secondsLeft } = progress;
    const payload = { speed: blocksPerSecond.toFixed(0), left: textOf(secondsLeft) };
    if (!this.#bar.isActive) this.#bar.start(target, head, payload);
    this.#bar.setTotal(target);
    this.#bar.update(head, payload);
  }
}

/** `90` → `1 min 30 s`. */
function textOf(seconds: number | null): string {
  if (seconds === null) return 'an unknown time';
  const whole = Math.ceil(seconds);
  if (whole < 60) return `${whole} s`;
  if (whole < 3_600) return `${Math.floor(whole / 60)} min ${whole % 60} s`;
  return `${Math.floor(whole / 3_600)} h ${Math.floor((whole % 3_600) / 60)} min`;
}
