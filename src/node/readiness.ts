/** Whether a node should be given work, and if not, why: for load balancers and for people. */
import type { AuthoritySet } from '../protocol/authorities.js';
import type { Address } from '../protocol/bytes.js';
import type { Phase, Readiness } from './face.js';

/** Propose timeouts without a quorum, or without a block that is due, after which the network counts as standing still. */
const PATIENCE_TIMEOUTS = 3;
/** How far our clock may be from the median of our peers' clocks. */
const MAX_CLOCK_OFFSET_MS = 5_000;

export interface ReadinessFacts {
  readonly phase: Phase;
  readonly head: number;
  /** See `credibleHeight`. */
  readonly credibleHeight: number;
  /** Why it cannot get there; null if it can, as far as is known. */
  readonly outOfReach: string | null;
  /** Blocks that the node may lack and still be ready. */
  readonly maxBehind: number;
  readonly timeoutProposeMs: number;
  /** How long fewer authorities than a quorum have been connected; null if it need not know them (basic nodes). */
  readonly quorumLostMs: number | null;
  /** How long a block has been due without one becoming final. */
  readonly stalledMs: number;
  readonly peerClockOffsetsMs: readonly number[];
}

export function assessReadiness(facts: ReadinessFacts): Readiness {
  const reasons: string[] = [];
  const patienceMs = PATIENCE_TIMEOUTS * facts.timeoutProposeMs;
  const behind = facts.credibleHeight - facts.head;
  if (facts.phase !== 'ready')
    reasons.push(`the node is ${facts.phase === 'dead' ? 'dead' : `still ${facts.phase}`}`);
  if (behind > facts.maxBehind) reasons.push(`${behind} blocks behind, more than ${facts.maxBehind}`);
  if (behind > 0 && facts.outOfReach !== null) reasons.push(facts.outOfReach);
  if (facts.quorumLostMs !== null && facts.quorumLostMs > patienceMs) {
    reasons.push(`no quorum of authorities has been connected for ${seconds(facts.quorumLostMs)}`);
  }
  if (facts.stalledMs > patienceMs)
    reasons.push(`no block became final for ${seconds(facts.stalledMs)} although one is due`);
  const offset = median(facts.peerClockOffsetsMs);
  if (Math.abs(offset) > MAX_CLOCK_OFFSET_MS) {
    reasons.push(
      `this clock is ${seconds(Math.abs(offset))} ${offset > 0 ? 'behind' : 'ahead of'} the peers'`,
    );
  }
  return { ready: reasons.length === 0, reasons };
}

/**
 * The height that the network has, as far as peers' mere claims tell: one that more authorities claim than may lie; with
 * too few authorities among the peers the median of all. 0 without peers.
 */
export function credibleHeight(
  peers: Iterable<{ readonly address: Address; readonly height: number }>,
  authorities: AuthoritySet,
): number {
  const all = [...peers];
  const ofAuthorities = all
    .filter(({ address }) => authorities.indexOf(address) !== undefined)
    .map(({ height }) => height)
    .sort((a, b) => b - a);
  return ofAuthorities[authorities.faulty] ?? median(all.map(({ height }) => height));
}

function median(values: readonly number[]): number {
  const sorted = [...values].sort((a, b) => a - b);
  return sorted[Math.floor(sorted.length / 2)] ?? 0;
}

function seconds(ms: number): string {
  return `${Math.round(ms / 1000)} s`;
}
