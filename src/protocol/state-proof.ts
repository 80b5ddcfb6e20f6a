/** Proofs that an account is in the state of a given root, or is not (section 4). Making one: StateTree.prove. */
import { type Address, concat, fromHex, type Hash, isHash, toHex, ZERO_HASH } from './bytes.js';
import { malformed } from './errors.js';
import { sha256, sha256Hex } from './hash.js';
import { type Account, decodeAccount } from './state.js';

export interface StateProof {
  /** Hashes of the subtrees beside the path, from the root down. */
  readonly siblings: readonly Hash[];
  /** What ends the path: a leaf (of this or of another account), as key and encoded account; null if nothing. */
  readonly leaf: readonly [key: Hash, value: Uint8Array] | null;
}

const LEAF = Uint8Array.of(0);
const NODE = Uint8Array.of(1);
const KEY_BITS = 256;

/**
 * What `proof` proves of `address` in the state whose root is `root`: its account, or null for its absence.
 * @throws ProtocolError MALFORMED if it proves nothing: forged, of another root, or ill-formed.
 */
export function verifyProof(root: Hash, address: Address, proof: StateProof): Account | null {
  const { siblings, leaf } = proof;
  const key = sha256(fromHex(address));
  if (siblings.length > KEY_BITS || !siblings.every(isHash)) throw malformed('state proof: bad siblings');

  let hash: Hash = ZERO_HASH;
  if (leaf !== null) {
    if (!isHash(leaf[0])) throw malformed('state proof: bad key of the leaf');
    const leafKey = fromHex(leaf[0]);
    for (let depth = 0; depth < siblings.length; depth++) {
      if (keyBit(leafKey, depth) !== keyBit(key, depth))
        throw malformed('state proof: the leaf is off the path');
    }
    hash = sha256Hex(concat(LEAF, leafKey, leaf[1]));
  }
  for (let depth = siblings.length - 1; depth >= 0; depth--) {
    const sibling = siblings[depth] as Hash;
    const [left, right] = keyBit(key, depth) === 0 ? [hash, sibling] : [sibling, hash];
    hash = sha256Hex(concat(NODE, fromHex(left), fromHex(right)));
  }
  if (hash !== root) throw malformed('state proof: it leads to another root');
  return leaf !== null && leaf[0] === toHex(key) ? decodeAccount(leaf[1]) : null;
}

/** Bit `depth` of a key, the most significant first: 0 is left. */
export function keyBit(key: Uint8Array, depth: number): number {
  return ((key[depth >> 3] as number) >> (7 - (depth & 7))) & 1;
}
