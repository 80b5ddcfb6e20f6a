/** Proof of work in slices short enough to be stopped between them. */
import type { Hash } from '../protocol/bytes.js';
import { seekNonce } from '../protocol/proof-of-work.js';

/** About two milliseconds of hashing. */
export const SLICE_HASHES = 2_000;

/** The lowest fitting nonce, or undefined if `stopped` says so before one is found. */
export function searchNonce(
  miningHash: Hash,
  difficulty: number,
  stopped: () => boolean,
): number | undefined {
  for (let from = 0; !stopped(); from += SLICE_HASHES) {
    const nonce = seekNonce(miningHash, difficulty, from, SLICE_HASHES);
    if (nonce !== undefined) return nonce;
  }
  return undefined;
}
