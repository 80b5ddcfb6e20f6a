/**
 * The nodes of a state tree as bytes: what a leaf and an inner node hold, and where. Which nodes make up a tree, and when
 * one may be freed, is for state-tree.ts.
 *
 * A node's hash is made when the node is attached to a parent, and kept there beside its sibling's: both are what the
 * parent's own hash is made of. So an update reads, at each node of its paths, one place in memory and no more.
 *
 * A reference is one integer: 0 is the empty subtree, above 0 an inner node, below 0 a leaf.
 */
import { hash } from 'node:crypto';
import { type Address, type Hash, toHex, ZERO_HASH } from './bytes.js';
import { encodeInto, type Value } from './encoding.js';
import type { Account, AccountRecord, Trail } from './state.js';
import { chunkOf, type Fill, Places, type PlacesLayout, WORD_BYTES } from './state-places.js';

export const EMPTY = 0;
export const HASH_BYTES = 32;
const HASH_WORDS = HASH_BYTES / WORD_BYTES;
const ADDRESS_BYTES = 20;

/** An inner node: the references to its two children, then their hashes. In words of 4 bytes. */
const INNER_WORDS = 2 + 2 * HASH_WORDS;
const HASHES_WORD = 2;

/** A leaf: its key, the address that the key is the hash of, the account's trail, and its three numbers as doubles. */
const LEAF_WORDS = 22;
const ADDRESS_WORD = HASH_WORDS;
const TRAIL_WORD = 13;
const ACCOUNT_WORD = 16;

const NO_TRAIL: Trail = { touchedIn: 0, transactedIn: 0, touches: 0 };

/** Paths that take their steps together: a core asks for about as many places in memory at a time. */
export const FETCHED_TOGETHER = 16;

/** The longest `enc([nonce, balance, stake])`. */
const MAX_VALUE_BYTES = 28;

/** What an arena's memory holds as one version has it. */
export interface ArenaLayout {
  readonly leaves: PlacesLayout;
  readonly inner: PlacesLayout;
}

export class NodeArena {
  #leaves = new Places(LEAF_WORDS);
  #inner = new Places(INNER_WORDS);
  /** How many hold on to the nodes of some version, and what would be free were it not for them. */
  #holds = 0;
  #heldBack: number[] = [];

  // Scratch for what is hashed: 0x00 || key || value, 0x01 || left || right, and an address; and for a key.
  readonly #leafInput = new HashInput(0, HASH_BYTES + MAX_VALUE_BYTES);
  readonly #innerInput = new HashInput(1, 2 * HASH_BYTES);
  readonly #addressInput = Buffer.alloc(ADDRESS_BYTES);
  readonly #key = chunkOf(new ArrayBuffer(HASH_BYTES));
  // For `fetch`: where each path is, and a use for what it reads, as the engine leaves out a read without one.
  readonly #paths = new Int32Array(FETCHED_TOGETHER);
  readonly #read = new Int32Array(1);

  /** Nodes in use, leaves and inner ones. */
  get nodeCount(): number {
    return this.#leaves.count + this.#inner.count - this.#heldBack.length;
  }

  /** The leaf of an account (section 4): its key is H(address), its hash H(0x00 || key || value). */
  createLeaf(address: Address, { nonce, balance, stake }: Account, trail: Trail = NO_TRAIL): number {
    this.#readAddress(address);
    const place = this.#leaves.take();
    const { bytes, words, doubles } = this.#leaves.chunk(place);
    const at = this.#leaves.at(place);
    writeHash(this.#addressInput, bytes, at * WORD_BYTES);
    bytes.set(this.#addressInput, (at + ADDRESS_WORD) * WORD_BYTES);
    words[at + TRAIL_WORD] = trail.touchedIn;
    words[at + TRAIL_WORD + 1] = trail.transactedIn;
    words[at + TRAIL_WORD + 2] = trail.touches;
    const double = (at + ACCOUNT_WORD) / 2;
    doubles[double] = nonce;
    doubles[double + 1] = balance;
    doubles[double + 2] = stake;
    return ~place;
  }

  /** The node over two subtrees, at least two accounts in them. */
  createInner(left: number, right: number): number {
    const place = this.#inner.take();
    this.#attach(place, 0, left);
    this.#attach(place, 1, right);
    return place + 1;
  }

  /** As `createInner`, in place of `old`, which has the hash of a child that stays. */
  replaceInner(old: number, left: number, right: number): number {
    const place = this.#inner.take();
    const { words: from } = this.#inner.chunk(old - 1);
    const { words: to } = this.#inner.chunk(place);
    const fromAt = this.#inner.at(old - 1);
    const toAt = this.#inner.at(place);
    for (let word = 0; word < INNER_WORDS; word++) to[toAt + word] = from[fromAt + word] as number;
    if (left !== to[toAt]) this.#attach(place, 0, left);
    if (right !== to[toAt + 1]) this.#attach(place, 1, right);
    return place + 1;
  }

  /** Makes a node's place free; nothing may refer to it any more, but whoever holds on to a version. */
  free(ref: number): void {
    if (this.#holds > 0) this.#heldBack.push(ref);
    else this.unmake(ref);
  }

  /** As `free`, of a node that never was part of a version. */
  unmake(ref: number): void {
    if (ref < 0) this.#leaves.giveBack(~ref);
    else this.#inner.giveBack(ref - 1);
  }

  /** From now on until `release` every node stays as it is: a version can be copied while others come and go. */
  hold(): void {
    this.#holds++;
  }

  release(): void {
    if (--this.#holds > 0) return;
    for (const ref of this.#heldBack) this.unmake(ref);
    this.#heldBack = [];
  }

  /** @param unused nodes in use that are to count as free */
  layout(unused: readonly number[]): ArenaLayout {
    const held = [...this.#heldBack, ...unused];
    return {
      leaves: this.#leaves.layout(held.filter((ref) => ref < 0).map((ref) => ~ref)),
      inner: this.#inner.layout(held.filter((ref) => ref > 0).map((ref) => ref - 1)),
    };
  }

  /** The memory that a layout describes, in `pieceLengths`: see Places. */
  *pieces({ leaves, inner }: ArenaLayout): Generator<Uint8Array> {
    yield* this.#leaves.pieces(leaves);
    yield* this.#inner.pieces(inner);
  }

  /** How long each of the `pieces` is, where so many places were ever used. */
  static pieceLengths(leafEnd: number, innerEnd: number): number[] {
    return [
      ...Places.pieceLengths(LEAF_WORDS, { end: leafEnd }),
      ...Places.pieceLengths(INNER_WORDS, { end: innerEnd }),
    ];
  }

  /**
   * The arena of which this is the layout.
   * @param fill puts each of the pieces, in their order, where it belongs
   */
  static async restore({ leaves, inner }: ArenaLayout, fill: Fill): Promise<NodeArena> {
    const arena = new NodeArena();
    arena.#leaves = await Places.restore(LEAF_WORDS, leaves, fill);
    arena.#inner = await Places.restore(INNER_WORDS, inner, fill);
    return arena;
  }

  left(inner: number): number {
    return this.#child(inner, 0);
  }

  right(inner: number): number {
    return this.#child(inner, 1);
  }

  /** The leaf of an account in the tree of this root; EMPTY if it is not there. */
  find(root: number, address: Address): number {
    const { bytes, words } = this.#key;
    this.#readAddress(address);
    writeHash(this.#addressInput, bytes, 0);
    let ref = root;
    for (let depth = 0; ref > 0; depth++) ref = this.#child(ref, bitOf(bytes, 0, depth));
    return ref !== EMPTY && this.#hasKey(ref, words, 0) ? ref : EMPTY;
  }

  /**
   * As `find`, of several accounts. All paths take a step before any takes the next: the places that one step reads do not
   * depend on each other, so the processor waits for many of them at a time, and not for one after the other.
   */
  findAll(root: number, addresses: readonly Address[]): Int32Array {
    const { bytes, words } = chunkOf(new ArrayBuffer(addresses.length * HASH_BYTES));
    for (const [i, address] of addresses.entries()) {
      this.#readAddress(address);
      writeHash(this.#addressInput, bytes, i * HASH_BYTES);
    }
    const refs = new Int32Array(addresses.length).fill(root);
    let going = root > EMPTY;
    for (let depth = 0; going; depth++) {
      going = false;
      for (let i = 0; i < refs.length; i++) {
        const ref = refs[i] as number;
        if (ref <= EMPTY) continue;
        refs[i] = this.#child(ref, bitOf(bytes, i * HASH_BYTES, depth));
        going = true;
      }
    }
    for (const [i, ref] of refs.entries())
      if (ref !== EMPTY && !this.#hasKey(ref, words, i * HASH_WORDS)) refs[i] = EMPTY;
    return refs;
  }

  /**
   * Brings into the processor's cache what an update reads on its paths from `root`, which is at `depth`, to where the keys
   * of its leaves `from` up to `to` lead, and the places that its new nodes will take. As in `findAll` all paths take a step
   * together, so that many places are waited for at a time; an update, which goes path by path, would wait for each.
   * @param leaves of which it takes at most FETCHED_TOGETHER
   */
  fetch(root: number, depth: number, leaves: Int32Array, from: number, to: number): void {
    const paths = this.#paths.fill(root, 0, to - from);
    let read = 0;
    let inner = 0;
    for (let going = root > EMPTY; going; depth++) {
      going = false;
      for (let i = 0; i < to - from; i++) {
        const ref = paths[i] as number;
        if (ref <= EMPTY) continue;
        read ^= this.#inner.touch(ref - 1);
        paths[i] = this.#child(ref, this.keyBit(leaves[from + i] as number, depth));
        inner++;
        going = true;
      }
    }
    for (const ref of paths.subarray(0, to - from)) if (ref < EMPTY) read ^= this.#leaves.touch(~ref);
    this.#read[0] = read ^ this.#inner.touchFree(inner);
  }

  /** Bit `depth` of a leaf's key, the most significant first. */
  keyBit(leaf: number, depth: number): 0 | 1 {
    return bitOf(this.#leaves.chunk(~leaf).bytes, this.#leaves.at(~leaf) * WORD_BYTES, depth);
  }

  /** Below 0 if the key of `leaf` comes before that of `other`, 0 if it is the same, above 0 if it comes after. */
  compareKeys(leaf: number, other: number): number {
    const { bytes } = this.#leaves.chunk(~leaf);
    const { bytes: others } = this.#leaves.chunk(~other);
    const at = this.#leaves.at(~leaf) * WORD_BYTES;
    const otherAt = this.#leaves.at(~other) * WORD_BYTES;
    // The first few nearly always tell: views of both, to be compared at once, would cost more.
    for (let i = 0; i < HASH_BYTES; i++) {
      const order = (bytes[at + i] as number) - (others[otherAt + i] as number);
      if (order !== 0) return order;
    }
    return 0;
  }

  sameKey(leaf: number, other: number): boolean {
    return this.#hasKey(leaf, this.#leaves.chunk(~other).words, this.#leaves.at(~other));
  }

  /** Whether two leaves are of one account in one state, with one trail. */
  sameLeaf(leaf: number, other: number): boolean {
    const { words } = this.#leaves.chunk(~leaf);
    const { words: others } = this.#leaves.chunk(~other);
    return sameWords(words, this.#leaves.at(~leaf), others, this.#leaves.at(~other), LEAF_WORDS);
  }

  /** Has the trail of a new leaf go on from that of the old one of its account. */
  continueTrail(leaf: number, old: number): void {
    const { words } = this.#leaves.chunk(~leaf);
    const { touchedIn, transactedIn, touches } = this.record(old);
    const at = this.#leaves.at(~leaf) + TRAIL_WORD;
    words[at] ||= touchedIn;
    words[at + 1] ||= transactedIn;
    words[at + 2] = (words[at + 2] as number) + touches;
  }

  key(leaf: number): Hash {
    return toHex(this.#keyOf(leaf));
  }

  address(leaf: number): Address {
    const at = (this.#leaves.at(~leaf) + ADDRESS_WORD) * WORD_BYTES;
    return toHex(this.#leaves.chunk(~leaf).bytes.subarray(at, at + ADDRESS_BYTES));
  }

  account(leaf: number): Account {
    const { doubles } = this.#leaves.chunk(~leaf);
    const at = (this.#leaves.at(~leaf) + ACCOUNT_WORD) / 2;
    return {
      nonce: doubles[at] as number,
      balance: doubles[at + 1] as number,
      stake: doubles[at + 2] as number,
    };
  }

  record(leaf: number): AccountRecord {
    const { nonce, balance, stake } = this.account(leaf);
    const { words } = this.#leaves.chunk(~leaf);
    const at = this.#leaves.at(~leaf) + TRAIL_WORD;
    return {
      nonce,
      balance,
      stake,
      touchedIn: words[at] as number,
      transactedIn: words[at + 1] as number,
      touches: words[at + 2] as number,
    };
  }

  hash(ref: number): Hash {
    return ref === EMPTY ? ZERO_HASH : toHex(Buffer.from(this.#hashOf(ref), 'binary'));
  }

  /** Makes `ref` a child of the inner node at `place`. */
  #attach(place: number, side: 0 | 1, ref: number): void {
    const { bytes, words } = this.#inner.chunk(place);
    const at = this.#inner.at(place);
    words[at + side] = ref;
    const hashAt = at + HASHES_WORD + side * HASH_WORDS;
    if (ref === EMPTY) words.fill(0, hashAt, hashAt + HASH_WORDS);
    else writeBytes(this.#hashOf(ref), bytes, hashAt * WORD_BYTES);
  }

  /** Each character a byte of the hash. */
  #hashOf(ref: number): string {
    if (ref > EMPTY) {
      const { words } = this.#inner.chunk(ref - 1);
      this.#innerInput.take(words, this.#inner.at(ref - 1) + HASHES_WORD, 2 * HASH_WORDS);
      return this.#innerInput.hash();
    }
    this.#leafInput.take(this.#leaves.chunk(~ref).words, this.#leaves.at(~ref), HASH_WORDS);
    const { nonce, balance, stake } = this.account(ref);
    return this.#leafInput.hash(HASH_BYTES, [nonce, balance, stake]);
  }

  #child(inner: number, side: 0 | 1): number {
    return this.#inner.chunk(inner - 1).words[this.#inner.at(inner - 1) + side] as number;
  }

  #hasKey(leaf: number, words: Int32Array, at: number): boolean {
    return sameWords(this.#leaves.chunk(~leaf).words, this.#leaves.at(~leaf), words, at, HASH_WORDS);
  }

  #keyOf(leaf: number): Buffer {
    const at = this.#leaves.at(~leaf) * WORD_BYTES;
    return this.#leaves.chunk(~leaf).bytes.subarray(at, at + HASH_BYTES);
  }

  #readAddress(address: Address): void {
    if (address.length !== 2 * ADDRESS_BYTES || this.#addressInput.write(address, 'hex') !== ADDRESS_BYTES)
      throw new TypeError(`no address: ${address}`);
  }
}

/** One byte and what follows it, which begins at a whole word: nodes are copied there faster than by bytes. */
class HashInput {
  readonly #bytes: Buffer;
  readonly #words: Int32Array;
  /** The first so many of the bytes, as far as they were needed: to make such a view takes as long as to hash it. */
  readonly #starts: Buffer[] = [];

  constructor(prefix: number, length: number) {
    const memory = new ArrayBuffer(WORD_BYTES + length);
    this.#bytes = Buffer.from(memory, WORD_BYTES - 1);
    this.#words = new Int32Array(memory, WORD_BYTES);
    this.#bytes[0] = prefix;
  }

  take(source: Int32Array, at: number, count: number): void {
    const words = this.#words;
    for (let word = 0; word < count; word++) words[word] = source[at + word] as number;
  }

  /** Of all of it; or of `length` bytes behind the prefix and the encoding of `rest`. */
  hash(length = 0, rest?: Value): string {
    if (rest === undefined) return hash('sha256', this.#bytes, 'binary');
    const end = encodeInto(this.#bytes, 1 + length, rest);
    this.#starts[end] ??= this.#bytes.subarray(0, end);
    return hash('sha256', this.#starts[end], 'binary');
  }
}

function bitOf(bytes: Uint8Array, start: number, bit: number): 0 | 1 {
  return (((bytes[start + (bit >> 3)] as number) >> (7 - (bit & 7))) & 1) as 0 | 1;
}

function sameWords(
  words: Int32Array,
  at: number,
  others: Int32Array,
  otherAt: number,
  count: number,
): boolean {
  for (let word = 0; word < count; word++) if (words[at + word] !== others[otherAt + word]) return false;
  return true;
}

/** By way of a string: three times as fast as the buffer that `hash` would otherwise allocate. */
function writeHash(input: Buffer, target: Buffer, at: number): void {
  writeBytes(hash('sha256', input, 'binary'), target, at);
}

/** Each character is a byte. So few are written sooner one by one than by `Buffer.write`. */
function writeBytes(text: string, target: Buffer, at: number): void {
  for (let i = 0; i < HASH_BYTES; i++) target[at + i] = text.charCodeAt(i);
}
