/**
 * How long a node without a chain looks for a snapshot, when it takes what it has begun for stranded and begins again
 * with another, and when it goes without. Plain data in and out; `nowMs` counts from when it began to look.
 */

/** How long peers may take to come and say what they have … */
export const LOOK_MS = 10_000;
/** … and how long they are still waited for when all that could be dialed have said it. */
export const SETTLE_MS = 1_000;
/** So long nobody has what is being taken: it is begun again with a newer snapshot. */
export const STRANDED_MS = 3_000;
/** So often; then the chain is synced from its beginning. */
export const MAX_ATTEMPTS = 3;

export interface SnapshotSituation {
  /** A snapshot is being taken: its header is proven. */
  readonly taking: boolean;
  /** Nothing is wanted of anybody at the moment: a header is being checked, or all parts are here. */
  readonly busy: boolean;
  /** Somebody is left who could answer. */
  readonly hopeful: boolean;
  /** All peers that could be dialed are here, one at least, and have said what they have. */
  readonly allHeard: boolean;
}

export class SnapshotPatience {
  #attempts = 0;
  #lastHopeMs = 0;

  /** What to do now: ask for what is wanted, nothing yet, look for another snapshot, or go without one. */
  assess(
    nowMs: number,
    { taking, busy, hopeful, allHeard }: SnapshotSituation,
  ): 'ask' | 'wait' | 'restart' | 'give-up' {
    if (busy || hopeful) this.#lastHopeMs = nowMs;
    if (!taking) {
      if (busy || nowMs < (allHeard ? SETTLE_MS : LOOK_MS)) return 'wait';
      return hopeful ? 'ask' : 'give-up';
    }
    if (nowMs - this.#lastHopeMs < STRANDED_MS) return 'ask';
    this.#attempts++;
    this.#lastHopeMs = nowMs;
    return this.#attempts < MAX_ATTEMPTS ? 'restart' : 'give-up';
  }
}
