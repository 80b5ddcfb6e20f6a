/**
 * Votes that nobody needs. Of the authorities of a height, from its leader on in the order of turns, the first `quorum`
 * suffice for finality; the others, the reserve, keep their votes for a block back for a moment, and never sign them if
 * the height is decided by then. On a fast and healthy network that spares a third of all votes, with their signatures
 * and synced writes.
 *
 * The rules of section 8 cast votes as ever; what is kept back here is the word. To everybody else it is a vote that is
 * slow to arrive, for a bounded time, so that neither safety nor liveness lose anything. The moment costs time only where somebody is missing, and not often: whoever was needed
 * votes at once for many heights. Only round 0 has a reserve, and a vote for nil is never kept back: either says that
 * something is amiss.
 */
import type { AuthoritySet } from '../protocol/authorities.js';
import type { Statement } from './effects.js';
import { leaderIndexOf, type Timeouts } from './leader.js';

/** Several times what a quiet height takes in one data centre. */
const KEPT_BACK_MS = 50;
/** Of the vote timeout at most: a network that needs these votes must not run into it on their account. */
const SHARE_OF_TIMEOUT = 10;
/** Heights at which one votes at once after having been needed. */
export const EAGER_HEIGHTS = 64;

/** How long votes are kept back. */
export function keptBackMs({ timeout_vote_ms }: Timeouts): number {
  return Math.min(KEPT_BACK_MS, timeout_vote_ms / SHARE_OF_TIMEOUT);
}

/** Whether the authority is one of the first `quorum` of the height's turns: all the others are its reserve. */
export function isAmongFirst(authorities: AuthoritySet, height: number, authority: number): boolean {
  const { size, quorum } = authorities;
  return (authority - leaderIndexOf(authorities, height, 0) + size) % size < quorum;
}

export class Reserve {
  /** The first height at which we may belong to a reserve again. */
  #from = 0;
  #height = 0;
  #belongs = false;
  #kept: Statement[] = [];

  /** @param self our index, undefined if we are no authority of this height */
  enterHeight(height: number, authorities: AuthoritySet, self: number | undefined): void {
    this.#height = height;
    this.#belongs = self !== undefined && !isAmongFirst(authorities, height, self) && height >= this.#from;
    this.#kept = [];
  }

  /** Whether the statement is kept back, to be released `keptBackMs` later unless the height is decided by then. */
  keeps(statement: Statement): boolean {
    if (!this.#belongs || statement.kind !== 'vote') return false;
    const { round, blockId } = statement.content;
    if (round > 0 || blockId === null) return false;
    this.#kept.push(statement);
    return true;
  }

  /** What was kept back and is needed after all, in the order in which it was cast; at this height no more is kept. */
  release(): readonly Statement[] {
    const kept = this.#kept;
    this.#kept = [];
    this.#belongs = false;
    if (kept.length > 0) this.#from = this.#height + EAGER_HEIGHTS;
    return kept;
  }
}
