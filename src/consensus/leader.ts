/** Whose turn it is, and how long a round waits (section 8). */
import type { Authority, AuthoritySet } from '../protocol/authorities.js';

export function leaderIndexOf(authorities: AuthoritySet, height: number, round: number): number {
  return (height + round) % authorities.size;
}

export function leaderOf(authorities: AuthoritySet, height: number, round: number): Authority {
  return authorities.list[leaderIndexOf(authorities, height, round)] as Authority;
}

export type TimeoutKind = 'propose' | 'prevote' | 'precommit';

/** The genesis block's `consensus` section. */
export interface Timeouts {
  readonly timeout_propose_ms: number;
  readonly timeout_vote_ms: number;
  readonly timeout_delta_ms: number;
  readonly timeout_max_ms: number;
}

/** Linear in the round and capped: doubling ones outlive the outage that made them grow. */
export function timeoutMs(kind: TimeoutKind, round: number, timeouts: Timeouts): number {
  const base = kind === 'propose' ? timeouts.timeout_propose_ms : timeouts.timeout_vote_ms;
  return Math.min(base + round * timeouts.timeout_delta_ms, timeouts.timeout_max_ms);
}
