/**
 * Whether a disk is to be waited for where all else waits as well: as long as it is quick. What this cannot do is to end a
 * sync that hangs: all else hangs with it, for that once.
 */

/** Of a block, which takes three such syncs, nobody notices that; a good disk takes a tenth of it. */
const QUICK_MS = 5;
/** One or two say nothing: the machine may have been elsewhere. */
const SLOW_IN_A_ROW = 3;
/** So many syncs are left to others before the disk is tried again. */
const LEFT_TO_OTHERS = 1_000;

export class Patience {
  #slow = 0;
  #left = 0;

  /** Asked before each sync that could be waited for. */
  suffices(): boolean {
    if (this.#left === 0) return true;
    this.#left--;
    return false;
  }

  /** Told of each that was waited for. */
  took(ms: number): void {
    this.#slow = ms > QUICK_MS ? this.#slow + 1 : 0;
    if (this.#slow < SLOW_IN_A_ROW) return;
    this.#slow = 0;
    this.#left = LEFT_TO_OTHERS;
  }
}
