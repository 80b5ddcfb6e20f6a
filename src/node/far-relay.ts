/**
 * Passes on messages of rounds far above our own. All that they are good for is to show which round their authorities
 * have reached, for which the newest of each does, now and then: a liar can sign one for each of two billion rounds, as
 * fast as it likes, and passing on every one would make us flood our peers for it.
 */
import type { ConsensusMessage } from '../consensus/message.js';
import type { Clock, Timer } from '../ports/clock.js';

/** As often as a node that makes no progress asks. */
export const FAR_RELAY_EVERY_MS = 1_000;

export class FarRelay {
  readonly #clock: Clock;
  readonly #pass: (message: ConsensusMessage) => void;
  /** By authority. */
  readonly #newest = new Map<number, ConsensusMessage>();
  #timer: Timer | null = null;

  constructor(clock: Clock, pass: (message: ConsensusMessage) => void) {
    this.#clock = clock;
    this.#pass = pass;
  }

  /** The first goes at once; of those within the second that follows, the last of each authority. */
  relay(authority: number, message: ConsensusMessage): void {
    this.#newest.set(authority, message);
    if (this.#timer === null) this.#flush();
  }

  stop(): void {
    this.#timer?.cancel();
    this.#timer = null;
    this.#newest.clear();
  }

  #flush(): void {
    this.#timer = null;
    if (this.#newest.size === 0) return;
    this.#timer = this.#clock.after(FAR_RELAY_EVERY_MS, () => this.#flush());
    for (const message of this.#newest.values()) this.#pass(message);
    this.#newest.clear();
  }
}
