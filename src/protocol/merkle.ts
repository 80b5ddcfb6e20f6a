/** The RFC 6962 Merkle tree hash over a block's transactions (section 4). */
import { concat, type Hash, toHex, ZERO_HASH } from './bytes.js';
import { sha256 } from './hash.js';

const LEAF = Uint8Array.of(0);
const NODE = Uint8Array.of(1);

/** `hash_txns` of the wire forms; 32 zero bytes for none. */
export function transactionsRoot(wires: readonly Uint8Array[]): Hash {
  if (wires.length === 0) return ZERO_HASH;
  // Level by level, an odd last node moving up unchanged: the same tree as RFC 6962's split at a power of two.
  let level = wires.map((wire) => sha256(concat(LEAF, wire)));
  while (level.length > 1) {
    const above: Uint8Array[] = [];
    for (let i = 0; i + 1 < level.length; i += 2) {
      above.push(sha256(concat(NODE, level[i] as Uint8Array, level[i + 1] as Uint8Array)));
    }
    if (level.length % 2 === 1) above.push(level[level.length - 1] as Uint8Array);
    level = above;
  }
  return toHex(level[0] as Uint8Array);
}
