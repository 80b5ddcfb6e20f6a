/**
 * Passes on what others say of the height under way ("Everyone hears", section 8). Peers that only follow hear nothing
 * but what their peers give them: some of them get it at once. An authority is connected to all the others whenever all
 * is well, and hears each of them itself. Copies for authorities, and for the rest of the followers, wait a moment, and
 * leave only to those that have not shown by then that they have the message, and only while the height is not final.
 */
import type { ConsensusMessage } from '../consensus/message.js';
import type { Clock } from '../ports/clock.js';
import type { Random } from '../ports/random.js';
import type { Address } from '../protocol/bytes.js';
import { DelayLine } from './delay-line.js';
import { drawFanout } from './fanout.js';

/** Longer than a height takes between machines that are not far apart, shorter than any wait for a missing message. */
export const MAX_RELAY_DELAY_MS = 200;
/** Of the vote timeout: a network that needs the copies must not run into it on their account. */
const SHARE_OF_TIMEOUT = 5;

export interface RelayDependencies {
  peers(): Iterable<Address>;
  isAuthority(peer: Address): boolean;
  /** Whether the peer signed the message, or said something that it could not have said without it. */
  hasShown(peer: Address, message: ConsensusMessage): boolean;
  send(message: ConsensusMessage, isFor: (peer: Address) => boolean): void;
}

interface Copy {
  readonly message: ConsensusMessage;
  /** Those that sent it to us. */
  readonly holders: ReadonlySet<Address>;
  /** Those that were sent it at once. */
  readonly told: ReadonlySet<Address>;
}

export class MessageRelay {
  readonly #random: Random;
  readonly #dependencies: RelayDependencies;
  /** Bounded by what the core accepts at a height (HeightLog). */
  readonly #waiting: DelayLine<Copy>;

  constructor(clock: Clock, random: Random, timeoutVoteMs: number, dependencies: RelayDependencies) {
    this.#random = random;
    this.#dependencies = dependencies;
    const delayMs = Math.min(MAX_RELAY_DELAY_MS, timeoutVoteMs / SHARE_OF_TIMEOUT);
    this.#waiting = new DelayLine(clock, delayMs, (copies) => this.#passToTheRest(copies));
  }

  /** @param holders the peers that sent it to us; may grow meanwhile */
  pass(message: ConsensusMessage, holders: ReadonlySet<Address>): void {
    const { peers, isAuthority, send } = this.#dependencies;
    const followers = [...peers()].filter((peer) => !isAuthority(peer) && !holders.has(peer));
    const told = drawFanout(followers, this.#random);
    if (told.size > 0) send(message, (peer) => told.has(peer));
    this.#waiting.put({ message, holders, told });
  }

  /** The height is over: whoever lacks something of it takes its block. */
  clear(): void {
    this.#waiting.clear();
  }

  #passToTheRest(copies: readonly Copy[]): void {
    const { hasShown, send } = this.#dependencies;
    for (const { message, holders, told } of copies)
      send(message, (peer) => !holders.has(peer) && !told.has(peer) && !hasShown(peer, message));
  }
}
