/** The RFC 6962 Merkle tree hash over a block's transactions (section 4). */
import { hash } from 'node:crypto';
import { type Hash, toHex, ZERO_HASH } from './bytes.js';

const HASH_BYTES = 32;
const LEAF = 0;
const NODE = 1;

/** `hash_txns` of the wire forms; 32 zero bytes for none. */
export function transactionsRoot(wires: readonly Uint8Array[]): Hash {
  if (wires.length === 0) return ZERO_HASH;
  const longest = wires.reduce((most, { length }) => Math.max(most, length), 2 * HASH_BYTES);
  const input = Buffer.allocUnsafe(1 + longest);
  /** The hashes of one level, joined. */
  const level = Buffer.allocUnsafe(HASH_BYTES * wires.length);
  const put = (place: number, prefix: number, content: Uint8Array): void => {
    input[0] = prefix;
    input.set(content, 1);
    // By way of a string, each character a byte: quicker than the buffer that would be made for each.
    const made = hash('sha256', input.subarray(0, 1 + content.length), 'binary');
    level.write(made, HASH_BYTES * place, 'binary');
  };
  for (const [place, wire] of wires.entries()) put(place, LEAF, wire);
  // Level by level, an odd last node moving up unchanged: the same tree as RFC 6962's split at a power of two.
  for (let count = wires.length; count > 1; count = Math.ceil(count / 2)) {
    for (let left = 0; left + 1 < count; left += 2)
      put(left / 2, NODE, level.subarray(HASH_BYTES * left, HASH_BYTES * (left + 2)));
    if (count % 2 === 1)
      level.copyWithin(HASH_BYTES * ((count - 1) / 2), HASH_BYTES * (count - 1), HASH_BYTES * count);
  }
  return toHex(level.subarray(0, HASH_BYTES));
}
