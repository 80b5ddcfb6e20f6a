/**
 * Where the nodes of a state tree live: chunked typed arrays, so that millions of them are a few thousand objects to
 * the garbage collector, and growing never copies what is there. It knows bytes, hashes and free slots; which nodes
 * make up a tree, and when one may be freed, is for state-tree.ts.
 *
 * A node's hash is made once, when the node is attached to a parent, and kept there beside its sibling's: both are what
 * the parent's own hash is made of. So an update reads, at each node of its paths, one place in memory and no more.
 *
 * A reference is one integer: 0 is the empty subtree, above 0 an inner node, below 0 a leaf.
 */
import { hash } from 'node:crypto';
import { type Address, type Hash, toHex, ZERO_HASH } from './bytes.js';
import { type Account, type AccountRecord, encodeAccount, type Trail } from './state.js';

export const EMPTY = 0;
export const HASH_BYTES = 32;
const HASH_WORDS = HASH_BYTES / 4;
const ADDRESS_BYTES = 20;

/** Nodes in a chunk: little waste in a small tree, few chunks in a large one. */
const CHUNK_BITS = 12;
const CHUNK_NODES = 1 << CHUNK_BITS;
const IN_CHUNK = CHUNK_NODES - 1;

/** An inner node: the references to its two children, then their hashes. In words of 4 bytes. */
const INNER_WORDS = 2 + 2 * HASH_WORDS;
const HASHES_WORD = 2;

/** A leaf: its key, the address that the key is the hash of, the account's trail, and its three numbers as doubles. */
const LEAF_WORDS = 22;
const ADDRESS_BYTE = HASH_BYTES;
const TRAIL_WORD = 13;
const LEAF_DOUBLES = LEAF_WORDS / 2;
const ACCOUNT_DOUBLE = 8;

const NO_TRAIL: Trail = { touchedIn: 0, transactedIn: 0, touches: 0 };

/** The longest `enc([nonce, balance, stake])`. */
const MAX_VALUE_BYTES = 28;

/** What an arena's memory holds as one version has it: the nodes in use, and where the others may go. */
export interface ArenaLayout {
  /** Places of inner nodes and of leaves that were ever used. */
  readonly innerEnd: number;
  readonly leafEnd: number;
  /** Those of them that no node of the version is at. */
  readonly freeInner: Int32Array;
  readonly freeLeaves: Int32Array;
}

/** The same memory, as it is written and as it is read. */
interface Chunk {
  readonly bytes: Buffer;
  readonly words: Int32Array;
  readonly doubles: Float64Array;
}

export class NodeArena {
  readonly #inner: Chunk[] = [];
  readonly #leaves: Chunk[] = [];
  readonly #freeInner: number[] = [];
  readonly #freeLeaves: number[] = [];
  #innerEnd = 0;
  #leafEnd = 0;
  /** How many hold on to the nodes of some version, and what would be free were it not for them. */
  #holds = 0;
  #heldBack: number[] = [];

  // Scratch for what is hashed: 0x00 || key || value, 0x01 || left || right, and an address; and for a key.
  readonly #leafInput = new HashInput(0, HASH_BYTES + MAX_VALUE_BYTES);
  readonly #innerInput = new HashInput(1, 2 * HASH_BYTES);
  readonly #addressInput = Buffer.alloc(ADDRESS_BYTES);
  readonly #key = chunkOf(new Uint8Array(HASH_BYTES));

  /** Nodes in use, leaves and inner ones. */
  get nodeCount(): number {
    const free = this.#freeInner.length + this.#freeLeaves.length + this.#heldBack.length;
    return this.#innerEnd + this.#leafEnd - free;
  }

  /** The leaf of an account (section 4): its key is H(address), its hash H(0x00 || key || value). */
  createLeaf(address: Address, { nonce, balance, stake }: Account, trail: Trail = NO_TRAIL): number {
    this.#readAddress(address);
    const index = this.#freeLeaves.pop() ?? this.#newLeaf();
    const { bytes, words, doubles } = this.#leaves[index >> CHUNK_BITS] as Chunk;
    const at = index & IN_CHUNK;
    const byteAt = at * LEAF_WORDS * 4;
    writeHash(this.#addressInput, bytes, byteAt);
    this.#addressInput.copy(bytes, byteAt + ADDRESS_BYTE);
    const trailAt = at * LEAF_WORDS + TRAIL_WORD;
    words[trailAt] = trail.touchedIn;
    words[trailAt + 1] = trail.transactedIn;
    words[trailAt + 2] = trail.touches;
    const numbers = at * LEAF_DOUBLES + ACCOUNT_DOUBLE;
    doubles[numbers] = nonce;
    doubles[numbers + 1] = balance;
    doubles[numbers + 2] = stake;
    return ~index;
  }

  /** The node over two subtrees, at least two accounts in them. */
  createInner(left: number, right: number): number {
    const index = this.#freeInner.pop() ?? this.#newInner();
    this.#attach(index, 0, left);
    this.#attach(index, 1, right);
    return index + 1;
  }

  /** As `createInner`, where `old` has one of the two children, or both. */
  replaceInner(old: number, left: number, right: number): number {
    const index = this.#freeInner.pop() ?? this.#newInner();
    const { words: from } = this.#inner[(old - 1) >> CHUNK_BITS] as Chunk;
    const { words: to } = this.#inner[index >> CHUNK_BITS] as Chunk;
    const fromAt = ((old - 1) & IN_CHUNK) * INNER_WORDS;
    const toAt = (index & IN_CHUNK) * INNER_WORDS;
    for (let word = 0; word < INNER_WORDS; word++) to[toAt + word] = from[fromAt + word] as number;
    if (left !== to[toAt]) this.#attach(index, 0, left);
    if (right !== to[toAt + 1]) this.#attach(index, 1, right);
    return index + 1;
  }

  /** Makes a node's place free; nothing may refer to it any more, but whoever holds on to a version. */
  free(ref: number): void {
    if (this.#holds > 0) this.#heldBack.push(ref);
    else this.unmake(ref);
  }

  /** As `free`, of a node that never was part of a version. */
  unmake(ref: number): void {
    if (ref < 0) this.#freeLeaves.push(~ref);
    else this.#freeInner.push(ref - 1);
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
      innerEnd: this.#innerEnd,
      leafEnd: this.#leafEnd,
      freeInner: Int32Array.from([
        ...this.#freeInner,
        ...held.filter((ref) => ref > 0).map((ref) => ref - 1),
      ]),
      freeLeaves: Int32Array.from([...this.#freeLeaves, ...held.filter((ref) => ref < 0).map((ref) => ~ref)]),
    };
  }

  /** The memory that a layout describes, in `pieceLengths` and in the machine's byte order: views, not copies. */
  *pieces({ innerEnd, leafEnd }: ArenaLayout): Generator<Uint8Array> {
    for (const { bytes } of this.#leaves.slice(0, chunksFor(leafEnd))) yield bytes;
    for (const { bytes } of this.#inner.slice(0, chunksFor(innerEnd))) yield bytes;
  }

  /** How long each of the `pieces` is. */
  static pieceLengths({ innerEnd, leafEnd }: Pick<ArenaLayout, 'innerEnd' | 'leafEnd'>): number[] {
    return [
      ...Array<number>(chunksFor(leafEnd)).fill(CHUNK_NODES * LEAF_WORDS * 4),
      ...Array<number>(chunksFor(innerEnd)).fill(CHUNK_NODES * INNER_WORDS * 4),
    ];
  }

  /**
   * The arena of which these are the layout and pieces, which are its own from now on.
   * @throws RangeError if they do not fit each other
   */
  static restore(layout: ArenaLayout, pieces: readonly Uint8Array[]): NodeArena {
    const lengths = NodeArena.pieceLengths(layout);
    if (pieces.length !== lengths.length || pieces.some((piece, i) => piece.length !== lengths[i])) {
      throw new RangeError('these are not the pieces of that layout');
    }
    const arena = new NodeArena();
    arena.#leafEnd = layout.leafEnd;
    arena.#innerEnd = layout.innerEnd;
    for (const index of layout.freeLeaves) arena.#freeLeaves.push(index);
    for (const index of layout.freeInner) arena.#freeInner.push(index);
    const leafChunks = chunksFor(layout.leafEnd);
    for (const [i, piece] of pieces.entries())
      (i < leafChunks ? arena.#leaves : arena.#inner).push(chunkOf(piece));
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
    if (ref === EMPTY) return EMPTY;
    return sameWords(words, 0, this.#leafChunk(ref).words, leafAt(ref) * LEAF_WORDS) ? ref : EMPTY;
  }

  /** As `find`, of several accounts. */
  findAll(root: number, addresses: readonly Address[]): Int32Array {
    const keys = chunkOf(new Uint8Array(addresses.length * HASH_BYTES));
    for (const [i, address] of addresses.entries()) {
      this.#readAddress(address);
      writeHash(this.#addressInput, keys.bytes, i * HASH_BYTES);
    }
    const found = this.#descend(root, addresses.length, (i, depth) =>
      bitOf(keys.bytes, i * HASH_BYTES, depth),
    );
    for (const [i, ref] of found.entries()) {
      if (ref === EMPTY) continue;
      const { words } = this.#leafChunk(ref);
      if (!sameWords(keys.words, i * HASH_WORDS, words, leafAt(ref) * LEAF_WORDS)) found[i] = EMPTY;
    }
    return found;
  }

  /** Has the processor fetch what a merge of these leaves is about to read. */
  fetchPaths(root: number, leaves: Int32Array): void {
    this.#descend(root, leaves.length, (i, depth) => this.keyBit(leaves[i] as number, depth));
  }

  /** Bit `depth` of a leaf's key, the most significant first. */
  keyBit(leaf: number, depth: number): 0 | 1 {
    return bitOf(this.#leafChunk(leaf).bytes, leafAt(leaf) * LEAF_WORDS * 4, depth);
  }

  /** Below 0 if the key of `leaf` comes before that of `other`, 0 if it is the same, above 0 if it comes after. */
  compareKeys(leaf: number, other: number): number {
    return Buffer.compare(this.#keyBytes(leaf), this.#keyBytes(other));
  }

  sameKey(leaf: number, other: number): boolean {
    const [at, otherAt] = [leafAt(leaf) * LEAF_WORDS, leafAt(other) * LEAF_WORDS];
    return sameWords(this.#leafChunk(leaf).words, at, this.#leafChunk(other).words, otherAt);
  }

  /** Whether two leaves are of one account in one state, touched by the same. */
  sameLeaf(leaf: number, other: number): boolean {
    const { words } = this.#leafChunk(leaf);
    const { words: others } = this.#leafChunk(other);
    const [at, otherAt] = [leafAt(leaf) * LEAF_WORDS, leafAt(other) * LEAF_WORDS];
    for (let word = 0; word < LEAF_WORDS; word++)
      if (words[at + word] !== others[otherAt + word]) return false;
    return true;
  }

  /** Has the trail of a new leaf go on from that of the old one of its account. */
  continueTrail(leaf: number, old: number): void {
    const { words } = this.#leafChunk(leaf);
    const { words: before } = this.#leafChunk(old);
    const at = leafAt(leaf) * LEAF_WORDS + TRAIL_WORD;
    const beforeAt = leafAt(old) * LEAF_WORDS + TRAIL_WORD;
    for (const block of [0, 1]) words[at + block] ||= before[beforeAt + block] as number;
    words[at + 2] = (words[at + 2] as number) + (before[beforeAt + 2] as number);
  }

  key(leaf: number): Hash {
    return toHex(this.#keyBytes(leaf));
  }

  address(leaf: number): Address {
    const at = leafAt(leaf) * LEAF_WORDS * 4 + ADDRESS_BYTE;
    return toHex(this.#leafChunk(leaf).bytes.subarray(at, at + ADDRESS_BYTES));
  }

  account(leaf: number): Account {
    const { doubles } = this.#leafChunk(leaf);
    const at = leafAt(leaf) * LEAF_DOUBLES + ACCOUNT_DOUBLE;
    return {
      nonce: doubles[at] as number,
      balance: doubles[at + 1] as number,
      stake: doubles[at + 2] as number,
    };
  }

  record(leaf: number): AccountRecord {
    const { nonce, balance, stake } = this.account(leaf);
    const { words } = this.#leafChunk(leaf);
    const at = leafAt(leaf) * LEAF_WORDS + TRAIL_WORD;
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

  /**
   * Where each of `count` paths ends. All of them take a step before any takes the next: the places that one step reads do
   * not depend on each other, so the processor waits for many of them at a time, and not for one after the other.
   */
  #descend(root: number, count: number, bit: (path: number, depth: number) => 0 | 1): Int32Array {
    const refs = new Int32Array(count).fill(root);
    let going = root > 0 ? count : 0;
    for (let depth = 0; going > 0; depth++) {
      going = 0;
      for (let path = 0; path < count; path++) {
        const ref = refs[path] as number;
        if (ref <= 0) continue;
        const child = this.#child(ref, bit(path, depth));
        refs[path] = child;
        if (child > 0) going++;
      }
    }
    return refs;
  }

  /** Makes `ref` a child of an inner node. */
  #attach(inner: number, side: 0 | 1, ref: number): void {
    const { bytes, words } = this.#inner[inner >> CHUNK_BITS] as Chunk;
    const at = (inner & IN_CHUNK) * INNER_WORDS;
    words[at + side] = ref;
    const hashAt = (at + HASHES_WORD + side * HASH_WORDS) * 4;
    if (ref === EMPTY) bytes.fill(0, hashAt, hashAt + HASH_BYTES);
    else bytes.write(this.#hashOf(ref), hashAt, 'binary');
  }

  /** Each character a byte of the hash. */
  #hashOf(ref: number): string {
    if (ref > 0) {
      const { words } = this.#inner[(ref - 1) >> CHUNK_BITS] as Chunk;
      this.#innerInput.take(words, ((ref - 1) & IN_CHUNK) * INNER_WORDS + HASHES_WORD, 2 * HASH_WORDS);
      return this.#innerInput.hash();
    }
    this.#leafInput.take(this.#leafChunk(ref).words, leafAt(ref) * LEAF_WORDS, HASH_WORDS);
    return this.#leafInput.hash(HASH_BYTES, encodeAccount(this.account(ref)));
  }

  #child(inner: number, side: 0 | 1): number {
    const { words } = this.#inner[(inner - 1) >> CHUNK_BITS] as Chunk;
    return words[((inner - 1) & IN_CHUNK) * INNER_WORDS + side] as number;
  }

  #keyBytes(leaf: number): Buffer {
    const at = leafAt(leaf) * LEAF_WORDS * 4;
    return this.#leafChunk(leaf).bytes.subarray(at, at + HASH_BYTES);
  }

  #leafChunk(leaf: number): Chunk {
    return this.#leaves[~leaf >> CHUNK_BITS] as Chunk;
  }

  #readAddress(address: Address): void {
    if (this.#addressInput.write(address, 'hex') !== ADDRESS_BYTES)
      throw new TypeError(`no address: ${address}`);
  }

  #newLeaf(): number {
    if ((this.#leafEnd & IN_CHUNK) === 0)
      this.#leaves.push(chunkOf(new Uint8Array(CHUNK_NODES * LEAF_WORDS * 4)));
    return this.#leafEnd++;
  }

  #newInner(): number {
    if ((this.#innerEnd & IN_CHUNK) === 0)
      this.#inner.push(chunkOf(new Uint8Array(CHUNK_NODES * INNER_WORDS * 4)));
    return this.#innerEnd++;
  }
}

/** One byte and what follows it, which begins at a whole word: nodes are copied there faster than by bytes. */
class HashInput {
  readonly #bytes: Buffer;
  readonly #words: Int32Array;

  constructor(prefix: number, length: number) {
    const memory = new ArrayBuffer(4 + length);
    this.#bytes = Buffer.from(memory, 3);
    this.#words = new Int32Array(memory, 4);
    this.#bytes[0] = prefix;
  }

  take(source: Int32Array, at: number, count: number): void {
    const words = this.#words;
    for (let word = 0; word < count; word++) words[word] = source[at + word] as number;
  }

  /** Of all of it; or of `length` bytes behind the prefix and `rest`. */
  hash(length = 0, rest?: Uint8Array): string {
    if (rest === undefined) return hash('sha256', this.#bytes, 'binary');
    this.#bytes.set(rest, 1 + length);
    return hash('sha256', this.#bytes.subarray(0, 1 + length + rest.length), 'binary');
  }
}

function chunksFor(nodes: number): number {
  return Math.ceil(nodes / CHUNK_NODES);
}

function chunkOf(piece: Uint8Array): Chunk {
  // Words and doubles begin where they may.
  const { buffer, byteOffset, byteLength } =
    piece.byteOffset % Float64Array.BYTES_PER_ELEMENT === 0 ? piece : new Uint8Array(piece);
  return {
    bytes: Buffer.from(buffer, byteOffset, byteLength),
    words: new Int32Array(buffer, byteOffset, byteLength / Int32Array.BYTES_PER_ELEMENT),
    doubles: new Float64Array(buffer, byteOffset, byteLength / Float64Array.BYTES_PER_ELEMENT),
  };
}

/** Where a leaf is in its chunk. */
function leafAt(leaf: number): number {
  return ~leaf & IN_CHUNK;
}

function bitOf(bytes: Uint8Array, start: number, bit: number): 0 | 1 {
  return (((bytes[start + (bit >> 3)] as number) >> (7 - (bit & 7))) & 1) as 0 | 1;
}

/** Of two hashes. */
function sameWords(words: Int32Array, at: number, others: Int32Array, otherAt: number): boolean {
  for (let word = 0; word < HASH_WORDS; word++) if (words[at + word] !== others[otherAt + word]) return false;
  return true;
}

/** By way of a string: three times as fast as the buffer that `hash` would otherwise allocate. */
function writeHash(input: Buffer, target: Buffer, at: number): void {
  target.write(hash('sha256', input, 'binary'), at, 'binary');
}
