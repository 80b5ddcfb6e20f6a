/**
 * How long a node without a chain looks for a snapshot, when it takes what it has begun for stranded and begins again
 * with another, and when it goes without. Plain data in and out; `nowMs` counts from when it began to look.
 */

/** How long peers may take to come and say what they have … */
export const LOOK_MS = 10_000;
/** … and, when all that could be dialed have said it, how long at least: they tell of others, which are dialed then. */
export const SETTLE_MS = 250;
/** So long nobody has what is being taken: it is begun again with a newer snapshot. */
export const STRANDED_MS = 3_000;
/** So often; then the chain is synced from its beginning. */
export const MAX_ATTEMPTS = 5;
/** In so long … */
export const PACE_MS = 60_000;
/** … so many accounts come, or all there are: 40 kbit/s. Whoever named a snapshot that nobody else has sets its pace. */
export const PACE_ACCOUNTS = 10_000;

export interface SnapshotSituation {
  /** How many accounts of a snapshot are taken: null while none is, as no header is proven. */
  readonly taken: number | null;
  /** Nothing is wanted of anybody at the moment: a header is being checked, or all parts are here. */
  readonly busy: boolean;
  /** Somebody is left who could answer. */
  readonly hopeful: boolean;
  /** Discovery has answered, all peers that could be dialed are here, one at least, and have said what they have. */
  readonly allHeard: boolean;
}

export class SnapshotPatience {
  #attempts = 0;
  #lastHopeMs = 0;
  #paceMs = 0;
  #paceTaken = 0;

  /** What to do now: ask for what is wanted, nothing yet, look for another snapshot, or go without one. */
  assess(
    nowMs: number,
    { taken, busy, hopeful, allHeard }: SnapshotSituation,
  ): 'ask' | 'wait' | 'restart' | 'give-up' {
    if (busy || hopeful) this.#lastHopeMs = nowMs;
    if (taken === null || busy) this.#setPace(nowMs, taken ?? 0);
    if (taken === null) {
      if (busy || nowMs < (allHeard ? SETTLE_MS : LOOK_MS)) return 'wait';
      return hopeful ? 'ask' : 'give-up';
    }
    const stranded = nowMs - this.#lastHopeMs >= STRANDED_MS;
    if (!stranded && this.#keepsPace(nowMs, taken)) return 'ask';
    this.#attempts++;
    this.#lastHopeMs = nowMs;
    return this.#attempts < MAX_ATTEMPTS ? 'restart' : 'give-up';
  }

  #keepsPace(nowMs: number, taken: number): boolean {
    if (nowMs - this.#paceMs < PACE_MS) return true;
    const fast = taken - this.#paceTaken >= PACE_ACCOUNTS;
    this.#setPace(nowMs, taken);
    return fast;
  }

  #setPace(nowMs: number, taken: number): void {
    this.#paceMs = nowMs;
    this.#paceTaken = taken;
  }
}
