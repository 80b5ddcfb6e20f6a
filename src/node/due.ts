/** Rule 2 of section 8: when a block is due in round 0. */
import type { GenesisConfig } from '../protocol/genesis.js';

/**
 * How many milliseconds from now a block is due, 0 if it is now; undefined while nothing but a further transaction can
 * make it due.
 * @param headAgeMs how long ago the head's time was
 * @param readyCount transactions ready on the head
 */
export function dueInMs(
  mining: GenesisConfig['block_mining'],
  headAgeMs: number,
  readyCount: number,
): number | undefined {
  if (readyCount >= mining.min_bound) return 0;
  if (!mining.allow_empty && readyCount === 0) return undefined;
  // In whole ones: what a drifting clock leaves of one would be waited for without end.
  return Math.ceil(Math.max(0, mining.interval * 1000 - headAgeMs));
}
