/** How fast a node is syncing and how long it will take, from its heads of the last seconds. Pure. */

export interface SyncProgress {
  readonly head: number;
  /** The highest block that a peer in good standing says it has. */
  readonly target: number;
  readonly blocksPerSecond: number;
  /** Null while there is nothing to judge by. */
  readonly secondsLeft: number | null;
}

/** The speed is that of about the last `SAMPLES` × `SAMPLE_EVERY_MS`. */
const SAMPLES = 20;
const SAMPLE_EVERY_MS = 500;

export class ProgressMeter {
  readonly #samples: { readonly atMs: number; readonly head: number }[] = [];

  /** Tells that the head is `head` at `nowMs` of a clock that never jumps. */
  sample(head: number, nowMs: number): void {
    const last = this.#samples.at(-1);
    if (last !== undefined && nowMs - last.atMs < SAMPLE_EVERY_MS) return;
    this.#samples.push({ atMs: nowMs, head });
    if (this.#samples.length > SAMPLES) this.#samples.shift();
  }

  report(head: number, target: number, nowMs: number): SyncProgress {
    const first = this.#samples[0];
    const tookMs = first === undefined ? 0 : nowMs - first.atMs;
    const blocksPerSecond = first === undefined || tookMs <= 0 ? 0 : ((head - first.head) * 1_000) / tookMs;
    const left = Math.max(0, target - head);
    const secondsLeft = left === 0 ? 0 : blocksPerSecond > 0 ? left / blocksPerSecond : null;
    return { head, target: Math.max(head, target), blocksPerSecond, secondsLeft };
  }

  /** Forgets the past: another sync begins. */
  reset(): void {
    this.#samples.length = 0;
  }
}
