/**
 * Which of many peers are told of news at once. A node hears the same news from every peer that passes it on: telling a few,
 * drawn anew each time, reaches all in some hops, at a share of the bytes. The others get it a moment later from whoever
 * then still has reason to think that they lack it.
 */
import type { Random } from '../ports/random.js';
import type { Address } from '../protocol/bytes.js';

/** Of sixteen peers that each tell six of theirs, none tells a given one in 1 of 1,800 cases. */
export const FANOUT = 6;

/** Up to FANOUT of the candidates, each as likely as any other. */
export function drawFanout(candidates: Iterable<Address>, random: Random): ReadonlySet<Address> {
  const left = [...candidates];
  if (left.length <= FANOUT) return new Set(left);
  for (let at = 0; at < FANOUT; at++) {
    const other = at + Math.floor(random.fraction() * (left.length - at));
    const drawn = left[other] as Address;
    left[other] = left[at] as Address;
    left[at] = drawn;
  }
  return new Set(left.slice(0, FANOUT));
}
