/**
 * Passes on what others say of the height under way ("Everyone hears", section 8). Peers that only follow hear nothing
 * but what their peers give them: they get it at once. An authority is connected to all the others whenever all is
 * well, and hears each of them itself: copies for it wait a moment, and leave only to those that have not shown by then
 * that they have the message, and only while the height is not final.
 */
import type { ConsensusMessage } from '../consensus/message.js';
import type { Clock } from '../ports/clock.js';
import type { Address } from '../protocol/bytes.js';
import { DelayLine } from './delay-line.js';

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

interface Copy {
  readonly message: ConsensusMessage;
  readonly holders: ReadonlySet<Address>;
}

export class MessageRelay {
  readonly #dependencies: RelayDependencies;
  /** Bounded by what the core accepts at a height (HeightLog). */
  readonly #waiting: DelayLine<Copy>;

  constructor(clock: Clock, timeoutVoteMs: number, dependencies: RelayDependencies) {
    this.#dependencies = dependencies;
    const delayMs = Math.min(MAX_RELAY_DELAY_MS, timeoutVoteMs / SHARE_OF_TIMEOUT);
    this.#waiting = new DelayLine(clock, delayMs, (copies) => this.#passToAuthorities(copies));
  }

  /** @param holders the peers that sent it to us; may grow meanwhile */
  pass(message: ConsensusMessage, holders: ReadonlySet<Address>): void {
    const { isAuthority, send } = this.#dependencies;
    send(message, (peer) => !isAuthority(peer) && !holders.has(peer));
    this.#waiting.put({ message, holders });
  }

  /** The height is over: whoever lacks something of it takes its block. */
  clear(): void {
    this.#waiting.clear();
  }

  #passToAuthorities(copies: readonly Copy[]): void {
    const { isAuthority, hasShown, send } = this.#dependencies;
    for (const { message, holders } of copies)
      send(message, (peer) => isAuthority(peer) && !holders.has(peer) && !hasShown(peer, message));
  }
}
