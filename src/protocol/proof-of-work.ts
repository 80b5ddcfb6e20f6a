/** HashCash (section 5): a block's id is the hash of a text that begins with its nonce, and begins with zeros itself. */
import { type Hash, utf8 } from './bytes.js';
import { sha256Hex } from './hash.js';

const ZERO = 48;
const NINE = 57;

/** The block's id for a nonce: H(decimal(nonce) || hex(mining hash)). */
export function blockIdOf(nonce: number, miningHash: Hash): Hash {
  return sha256Hex(nonce + miningHash);
}

export function meetsDifficulty(id: Hash, difficulty: number): boolean {
  for (let i = 0; i < difficulty; i++) if (id.charCodeAt(i) !== ZERO) return false;
  return true;
}

/** The lowest nonce from `from` on whose id fits, or undefined after `tries` of them. */
export function seekNonce(
  miningHash: Hash,
  difficulty: number,
  from: number,
  tries: number,
): number | undefined {
  let text = utf8(from + miningHash);
  for (let nonce = from; nonce < from + tries; nonce++) {
    if (meetsDifficulty(sha256Hex(text), difficulty)) return nonce;
    if (!countUp(text, text.length - miningHash.length)) text = utf8(nonce + 1 + miningHash);
  }
  return undefined;
}

/**
 * Adds one to the decimal number of `digits` digits at the front: a string made anew for each nonce took a fifth of the
 * time that hashing it does.
 * @returns false if it had nines only, and is spoilt: the next number has one digit more
 */
function countUp(text: Uint8Array, digits: number): boolean {
  for (let at = digits - 1; at >= 0; at--) {
    const digit = text[at];
    if (digit !== undefined && digit < NINE) {
      text[at] = digit + 1;
      return true;
    }
    text[at] = ZERO;
  }
  return false;
}
