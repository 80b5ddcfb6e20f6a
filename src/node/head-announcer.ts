/**
 * Tells the peers our height a moment after it changed, so that one that missed the votes asks for the block. Not while
 * syncing, and not at every block of a fast chain: it is the newest that counts.
 */
import type { Clock, Timer } from '../ports/clock.js';

const ANNOUNCE_EVERY_MS = 100;

export interface AnnouncerDependencies {
  isReady(): boolean;
  /** Tells all peers the head as it is now. */
  announce(): void;
}

export class HeadAnnouncer {
  readonly #clock: Clock;
  readonly #dependencies: AnnouncerDependencies;
  #timer: Timer | null = null;

  constructor(clock: Clock, dependencies: AnnouncerDependencies) {
    this.#clock = clock;
    this.#dependencies = dependencies;
  }

  /** To be called whenever the head has moved, and when the node is ready. */
  headMoved(): void {
    if (this.#timer !== null || !this.#dependencies.isReady()) return;
    this.#timer = this.#clock.after(ANNOUNCE_EVERY_MS, () => {
      this.#timer = null;
      this.#dependencies.announce();
    });
  }

  stop(): void {
    this.#timer?.cancel();
  }
}
