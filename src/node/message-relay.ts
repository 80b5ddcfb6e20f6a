/**
 * Passes on what others say of the height under way ("Everyone hears", section 8). Peers that only follow hear nothing
 * but what their peers give them: they get it at once. An authority is connected to all the others whenever all is
 * well, and hears each of them itself: copies for it wait a moment, and leave only to those that have not shown by then
 * that they have the message, and only while the height is not final.
 */
import type { ConsensusMessage } from '../consensus/message.js';
import type { Clock, Timer } from '../ports/clock.js';
import type { Address } from '../protocol/bytes.js';

/** Longer than a height takes between machines that are not far apart, shorter than any wait for a missing message. */
export const MAX_RELAY_DELAY_MS = 200;
/** Of the vote timeout: a network that needs the copies must not run into it on their account. */
const SHARE_OF_TIMEOUT = 5;

export interface RelayDependencies {
  isAuthority(peer: Address): boolean;
  /** Whether the peer signed the message, or said something that it could not have said without it. */
  hasShown(peer: Address, message: ConsensusMessage): boolean;
  send(message: ConsensusMessage, isFor: (peer: Address) => boolean): void;
}

interface Waiting {
  readonly message: ConsensusMessage;
  readonly holders: ReadonlySet<Address>;
  readonly dueMs: number;
}

export class MessageRelay {
  readonly #clock: Clock;
  readonly #delayMs: number;
  readonly #dependencies: RelayDependencies;
  /** In the order in which they came. Bounded by what the core accepts at a height (HeightLog). */
  #waiting: Waiting[] = [];
  #timer: Timer | null = null;

  constructor(clock: Clock, timeoutVoteMs: number, dependencies: RelayDependencies) {
    this.#clock = clock;
    this.#delayMs = Math.min(MAX_RELAY_DELAY_MS, timeoutVoteMs / SHARE_OF_TIMEOUT);
    this.#dependencies = dependencies;
  }

  /** @param holders the peers that sent it to us; may grow meanwhile */
  pass(message: ConsensusMessage, holders: ReadonlySet<Address>): void {
    const { isAuthority, send } = this.#dependencies;
    send(message, (peer) => !isAuthority(peer) && !holders.has(peer));
    this.#waiting.push({ message, holders, dueMs: this.#clock.monotonic() + this.#delayMs });
    this.#timer ??= this.#clock.after(this.#delayMs, () => this.#flush());
  }

  /** The height is over: whoever lacks something of it takes its block. */
  clear(): void {
    this.#timer?.cancel();
    this.#timer = null;
    this.#waiting = [];
  }

  #flush(): void {
    const { isAuthority, hasShown, send } = this.#dependencies;
    const nowMs = this.#clock.monotonic();
    const due = this.#waiting.filter(({ dueMs }) => dueMs <= nowMs);
    this.#waiting = this.#waiting.slice(due.length);
    const [next] = this.#waiting;
    this.#timer =
      next === undefined ? null : this.#clock.after(wholeMs(next.dueMs - nowMs), () => this.#flush());
    for (const { message, holders } of due)
      send(message, (peer) => isAuthority(peer) && !holders.has(peer) && !hasShown(peer, message));
  }
}

/** A timer may fire a rounding error too early: what is left then would pass in no time, and the next one as well. */
function wholeMs(ms: number): number {
  return Math.max(1, Math.ceil(ms));
}
