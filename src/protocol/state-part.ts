/**
 * Parts of a state, as a snapshot carries them (section 9): the accounts below one place of the state tree, or the
 * subtrees that the one at that place consists of. Either proves itself against the hash that the place is known to
 * have, so a whole state can be taken in parts from anybody, beginning with the root in a final header.
 *
 * ```
 * accounts = enc([[address, nonce, balance, stake, public_key or nil], …])      in the order of their keys
 * subtrees = (depth below the place:1 ‖ hash:32) of each, joined               in the order of their keys
 * ```
 */
import { type Address, concat, fromHex, type Hash, toHex, ZERO_HASH } from './bytes.js';
import { decode, encode, type Value } from './encoding.js';
import { malformed } from './errors.js';
import { Fields } from './fields.js';
import { sha256, sha256Hex } from './hash.js';
import { addressOf, assertPublicKey } from './keys.js';
import type { Account } from './state.js';
import { keyBit } from './state-proof.js';

/** The first bits of keys, the most significant first, as text: `''` is the root of the tree, `'0'` its left subtree. */
export type KeyPath = string;

/** Of more accounts no part is made: with the longest keys these are 600,000 bytes. */
export const MAX_PART_ACCOUNTS = 1_024;
/** Subtrees are told at most so many levels below a place: 4,096 of them, 135,168 bytes. */
export const MAX_SUBTREE_LEVELS = 12;
/** No key has more bits. */
export const MAX_PATH_BITS = 256;

const HASH_BYTES = 32;
const SUBTREE_BYTES = 1 + HASH_BYTES;
const NODE = Uint8Array.of(1);

/** An account with all that belongs to it. */
export interface AccountEntry {
  readonly address: Address;
  readonly account: Account;
  /** PKCS#1 DER; null exactly if the nonce is 0. */
  readonly publicKey: Uint8Array | null;
}

/** A place in the tree, and the hash of the subtree there. */
export interface PlacedHash {
  readonly path: KeyPath;
  readonly hash: Hash;
}

export function encodeAccounts(entries: readonly AccountEntry[]): Uint8Array {
  return encode(
    entries.map(({ address, account: { nonce, balance, stake }, publicKey }) => [
      fromHex(address),
      nonce,
      balance,
      stake,
      publicKey,
    ]),
  );
}

/**
 * Public keys are checked here, as no hash of the tree covers them; all else has to be held against the place's hash.
 * @throws ProtocolError MALFORMED, BAD_PUBLIC_KEY
 */
export function decodeAccounts(bytes: Uint8Array): AccountEntry[] {
  const values = decode(bytes);
  if (!Array.isArray(values) || values.length > MAX_PART_ACCOUNTS)
    throw malformed(`accounts must be an array of at most ${MAX_PART_ACCOUNTS}`);
  return values.map((value) => {
    const fields = Fields.of(value, 5, 'account');
    const address = fields.address('address');
    const account = {
      nonce: fields.integer('nonce'),
      balance: fields.integer('balance'),
      stake: fields.integer('stake'),
    };
    const publicKey = fields.bytesOrNil('public_key');
    assertKeyFits(address, account, publicKey);
    return { address, account, publicKey };
  });
}

function assertKeyFits(address: Address, { nonce }: Account, publicKey: Uint8Array | null): void {
  if ((publicKey !== null) !== nonce > 0)
    throw malformed(`account ${address}: a public key is there exactly if the nonce is above 0`);
  if (publicKey === null) return;
  assertPublicKey(publicKey);
  if (addressOf(publicKey) !== address) throw malformed(`account ${address} has the public key of another`);
}

/**
 * Of the accounts of a part, as `encodeAccounts` gave them, those below `path`, in the same form. It looks at as few keys
 * as a search needs, and checks nothing: they are our own.
 */
export function accountsBelow(path: KeyPath, accounts: Uint8Array): Uint8Array {
  const entries = decode(accounts) as readonly (readonly [address: Uint8Array, ...rest: Value[]])[];
  /** Where the first account is that is not before the place, or that is behind it. */
  const first = (isThere: (side: number) => boolean): number => {
    let [from, to] = [0, entries.length];
    while (from < to) {
      const middle = (from + to) >> 1;
      const [address] = entries[middle] as readonly [Uint8Array];
      if (isThere(sideOf(path, sha256(address)))) to = middle;
      else from = middle + 1;
    }
    return from;
  };
  return encode(
    entries.slice(
      first((side) => side >= 0),
      first((side) => side > 0),
    ),
  );
}

/** @param subtrees below `place`, in the order of keys, all that there are */
export function encodeSubtrees(place: KeyPath, subtrees: readonly PlacedHash[]): Uint8Array {
  const bytes = Buffer.allocUnsafe(subtrees.length * SUBTREE_BYTES);
  let at = 0;
  for (const { path, hash } of subtrees) {
    bytes[at] = path.length - place.length;
    bytes.write(hash, at + 1, 'hex');
    at += SUBTREE_BYTES;
  }
  return bytes;
}

/**
 * The subtrees that make up the one at `place`.
 * @throws ProtocolError MALFORMED if they are not in order or do not give its hash
 */
export function decodeSubtrees(place: PlacedHash, bytes: Uint8Array): PlacedHash[] {
  const subtrees: PlacedHash[] = [];
  const depthAt = (at: number) => bytes[at * SUBTREE_BYTES];
  const fold = (path: KeyPath): Hash => {
    const at = subtrees.length;
    const depth = depthAt(at);
    const level = path.length - place.path.length;
    if (depth === level && level > 0) {
      const start = at * SUBTREE_BYTES + 1;
      const hash = toHex(bytes.subarray(start, start + HASH_BYTES));
      subtrees.push({ path, hash });
      return hash;
    }
    if (depth === undefined || depth <= level || level >= MAX_SUBTREE_LEVELS)
      throw malformed('subtrees that do not make up a tree');
    return innerHash(fold(`${path}0`), fold(`${path}1`));
  };
  if (bytes.length % SUBTREE_BYTES !== 0) throw malformed('subtrees of a wrong length');
  const hash = fold(place.path);
  if (subtrees.length * SUBTREE_BYTES !== bytes.length) throw malformed('more subtrees than make up a tree');
  if (hash !== place.hash) throw malformed('subtrees of another tree');
  return subtrees;
}

/** Of a subtree with two accounts or more (section 4). */
export function innerHash(left: Hash, right: Hash): Hash {
  return sha256Hex(concat(NODE, fromHex(left), fromHex(right)));
}

/** Nothing has to be asked for there. */
export function isEmpty({ hash }: PlacedHash): boolean {
  return hash === ZERO_HASH;
}

/** Whether the key comes before all that are below the path (-1), is below it (0), or comes behind them (1). */
function sideOf(path: KeyPath, key: Uint8Array): number {
  for (let bit = 0; bit < path.length; bit++) {
    const side = keyBit(key, bit) - Number(path[bit]);
    if (side !== 0) return side;
  }
  return 0;
}

/** A path as RSP has it: how many bits, and these, filled up with zeros to whole bytes. */
export function pathToWire(path: KeyPath): { readonly depth: number; readonly prefix: Uint8Array } {
  const prefix = new Uint8Array(Math.ceil(path.length / 8));
  for (let bit = 0; bit < path.length; bit++)
    if (path[bit] === '1') prefix[bit >> 3] = (prefix[bit >> 3] ?? 0) | (0x80 >> (bit & 7));
  return { depth: path.length, prefix };
}

/** @throws ProtocolError MALFORMED */
export function pathFromWire(depth: number, prefix: Uint8Array): KeyPath {
  if (depth > MAX_PATH_BITS || prefix.length !== Math.ceil(depth / 8))
    throw malformed('a path of a wrong length');
  const bits = Array.from(prefix, (byte) => byte.toString(2).padStart(8, '0')).join('');
  if (bits.slice(depth).includes('1')) throw malformed('a path that is not filled up with zeros');
  return bits.slice(0, depth);
}
