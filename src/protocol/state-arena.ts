/**
 * Where the nodes of a state tree live: chunked typed arrays, so that millions of them are a few thousand objects to
 * the garbage collector, and growing never copies what is there. It knows bytes, hashes and free slots; which nodes
 * make up a tree, and when one may be freed, is for state-tree.ts.
 *
 * A reference is one integer: 0 is the empty subtree, above 0 an inner node, below 0 a leaf.
 */
import { hash } from 'node:crypto';
import { type Address, type Hash, toHex, ZERO_HASH } from './bytes.js';
import { type Account, encodeAccount } from './state.js';

export const EMPTY = 0;
export const HASH_BYTES = 32;
const ADDRESS_BYTES = 20;

/** Nodes in a chunk: 128 KiB of hashes, little waste in a small tree, few chunks in a large one. */
const CHUNK_BITS = 12;
const CHUNK_NODES = 1 << CHUNK_BITS;
const IN_CHUNK = CHUNK_NODES - 1;

/** Bytes of an inner node's references to its children. */
const CHILDREN_BYTES = 2 * Int32Array.BYTES_PER_ELEMENT;

/** Bytes of a leaf: its hash, its key, and the address that the key is the hash of (for proofs). */
const KEY_OFFSET = HASH_BYTES;
const ADDRESS_OFFSET = KEY_OFFSET + HASH_BYTES;
const LEAF_BYTES = ADDRESS_OFFSET + ADDRESS_BYTES;

/** What an arena's memory holds as one version has it: the nodes in use, and where the others may go. */
export interface ArenaLayout {
  /** Places of inner nodes and of leaves that were ever used. */
  readonly innerEnd: number;
  readonly leafEnd: number;
  /** Those of them that no node of the version is at. */
  readonly freeInner: Int32Array;
  readonly freeLeaves: Int32Array;
}

/** The longest `enc([nonce, balance, stake])`. */
const MAX_VALUE_BYTES = 28;

export class NodeArena {
  readonly #innerHashes: Buffer[] = [];
  readonly #innerChildren: Int32Array[] = [];
  readonly #leaves: Buffer[] = [];
  readonly #freeInner: number[] = [];
  readonly #freeLeaves: number[] = [];
  #innerEnd = 0;
  #leafEnd = 0;
  /** How many hold on to the nodes of some version, and what would be free were it not for them. */
  #holds = 0;
  #heldBack: number[] = [];

  // Scratch for what is hashed: 0x00 || key || value, 0x01 || left || right, and an address.
  readonly #leafInput = Buffer.alloc(1 + HASH_BYTES + MAX_VALUE_BYTES);
  readonly #innerInput = Buffer.alloc(1 + 2 * HASH_BYTES, 1);
  readonly #addressInput = Buffer.alloc(ADDRESS_BYTES);

  /** Nodes in use, leaves and inner ones. */
  get nodeCount(): number {
    const free = this.#freeInner.length + this.#freeLeaves.length + this.#heldBack.length;
    return this.#innerEnd + this.#leafEnd - free;
  }

  /** The leaf of an account (section 4): its key is H(address), its hash H(0x00 || key || value). */
  createLeaf(address: Address, account: Account): number {
    if (this.#addressInput.write(address, 'hex') !== ADDRESS_BYTES)
      throw new TypeError(`no address: ${address}`);
    const value = encodeAccount(account);
    const index = this.#freeLeaves.pop() ?? this.#newLeaf();
    const chunk = this.#leaves[index >> CHUNK_BITS] as Buffer;
    const at = (index & IN_CHUNK) * LEAF_BYTES;
    const input = this.#leafInput;

    writeHash(this.#addressInput, chunk, at + KEY_OFFSET);
    chunk.copy(input, 1, at + KEY_OFFSET, at + ADDRESS_OFFSET);
    input.set(value, 1 + HASH_BYTES);
    writeHash(input.subarray(0, 1 + HASH_BYTES + value.length), chunk, at);
    this.#addressInput.copy(chunk, at + ADDRESS_OFFSET);
    return ~index;
  }

  /** The node over two subtrees, at least two accounts in them. */
  createInner(left: number, right: number): number {
    const index = this.#freeInner.pop() ?? this.#newInner();
    const children = this.#innerChildren[index >> CHUNK_BITS] as Int32Array;
    const at = index & IN_CHUNK;
    children[2 * at] = left;
    children[2 * at + 1] = right;

    this.#copyHash(left, this.#innerInput, 1);
    this.#copyHash(right, this.#innerInput, 1 + HASH_BYTES);
    writeHash(this.#innerInput, this.#innerHashes[index >> CHUNK_BITS] as Buffer, at * HASH_BYTES);
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
    yield* this.#leaves.slice(0, chunksOf(leafEnd));
    yield* this.#innerHashes.slice(0, chunksOf(innerEnd));
    for (const children of this.#innerChildren.slice(0, chunksOf(innerEnd))) {
      yield new Uint8Array(children.buffer, children.byteOffset, children.byteLength);
    }
  }

  /** How long each of the `pieces` is. */
  static pieceLengths({ innerEnd, leafEnd }: Pick<ArenaLayout, 'innerEnd' | 'leafEnd'>): number[] {
    const lengths: number[] = Array(chunksOf(leafEnd)).fill(CHUNK_NODES * LEAF_BYTES);
    for (const bytes of [HASH_BYTES, CHILDREN_BYTES])
      for (let chunk = 0; chunk < chunksOf(innerEnd); chunk++) lengths.push(CHUNK_NODES * bytes);
    return lengths;
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
    const [leafChunks, innerChunks] = [chunksOf(layout.leafEnd), chunksOf(layout.innerEnd)];
    const arena = new NodeArena();
    arena.#leafEnd = layout.leafEnd;
    arena.#innerEnd = layout.innerEnd;
    for (const index of layout.freeLeaves) arena.#freeLeaves.push(index);
    for (const index of layout.freeInner) arena.#freeInner.push(index);
    pieces.forEach((piece, i) => {
      if (i < leafChunks) arena.#leaves.push(asBuffer(piece));
      else if (i < leafChunks + innerChunks) arena.#innerHashes.push(asBuffer(piece));
      else arena.#innerChildren.push(new Int32Array(new Uint8Array(piece).buffer));
    });
    return arena;
  }

  left(inner: number): number {
    return this.#child(inner, 0);
  }

  right(inner: number): number {
    return this.#child(inner, 1);
  }

  /** Bit `depth` of a leaf's key, the most significant first. */
  keyBit(leaf: number, depth: number): number {
    const byte = this.#leafChunk(leaf)[leafAt(leaf) + KEY_OFFSET + (depth >> 3)] as number;
    return (byte >> (7 - (depth & 7))) & 1;
  }

  /** Below 0 if the key of `leaf` comes before that of `other`, 0 if it is the same, above 0 if it comes after. */
  compareKeys(leaf: number, other: number): number {
    const start = leafAt(leaf) + KEY_OFFSET;
    const otherStart = leafAt(other) + KEY_OFFSET;
    const [chunk, otherChunk] = [this.#leafChunk(leaf), this.#leafChunk(other)];
    return chunk.compare(otherChunk, otherStart, otherStart + HASH_BYTES, start, start + HASH_BYTES);
  }

  sameKey(leaf: number, other: number): boolean {
    return this.#sameBytes(leaf, other, KEY_OFFSET);
  }

  sameLeafHash(leaf: number, other: number): boolean {
    return this.#sameBytes(leaf, other, 0);
  }

  key(leaf: number): Hash {
    const at = leafAt(leaf) + KEY_OFFSET;
    return toHex(this.#leafChunk(leaf).subarray(at, at + HASH_BYTES));
  }

  address(leaf: number): Address {
    const at = leafAt(leaf) + ADDRESS_OFFSET;
    return toHex(this.#leafChunk(leaf).subarray(at, at + ADDRESS_BYTES));
  }

  hash(ref: number): Hash {
    if (ref === EMPTY) return ZERO_HASH;
    const bytes = Buffer.alloc(HASH_BYTES);
    this.#copyHash(ref, bytes, 0);
    return toHex(bytes);
  }

  #copyHash(ref: number, target: Buffer, at: number): void {
    if (ref < 0) this.#leafChunk(ref).copy(target, at, leafAt(ref), leafAt(ref) + HASH_BYTES);
    else if (ref === EMPTY) target.fill(0, at, at + HASH_BYTES);
    else {
      const from = ((ref - 1) & IN_CHUNK) * HASH_BYTES;
      (this.#innerHashes[(ref - 1) >> CHUNK_BITS] as Buffer).copy(target, at, from, from + HASH_BYTES);
    }
  }

  #child(inner: number, side: 0 | 1): number {
    const children = this.#innerChildren[(inner - 1) >> CHUNK_BITS] as Int32Array;
    return children[2 * ((inner - 1) & IN_CHUNK) + side] as number;
  }

  #sameBytes(leaf: number, other: number, offset: number): boolean {
    const start = leafAt(leaf) + offset;
    const otherStart = leafAt(other) + offset;
    const otherChunk = this.#leafChunk(other);
    return (
      this.#leafChunk(leaf).compare(
        otherChunk,
        otherStart,
        otherStart + HASH_BYTES,
        start,
        start + HASH_BYTES,
      ) === 0
    );
  }

  #leafChunk(leaf: number): Buffer {
    return this.#leaves[~leaf >> CHUNK_BITS] as Buffer;
  }

  #newLeaf(): number {
    if ((this.#leafEnd & IN_CHUNK) === 0) this.#leaves.push(Buffer.alloc(CHUNK_NODES * LEAF_BYTES));
    return this.#leafEnd++;
  }

  #newInner(): number {
    if ((this.#innerEnd & IN_CHUNK) === 0) {
      this.#innerHashes.push(Buffer.alloc(CHUNK_NODES * HASH_BYTES));
      this.#innerChildren.push(new Int32Array(2 * CHUNK_NODES));
    }
    return this.#innerEnd++;
  }
}

function chunksOf(nodes: number): number {
  return Math.ceil(nodes / CHUNK_NODES);
}

function asBuffer(bytes: Uint8Array): Buffer {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}

function leafAt(leaf: number): number {
  return (~leaf & IN_CHUNK) * LEAF_BYTES;
}

/** By way of a string: three times as fast as the buffer that `hash` would otherwise allocate. */
function writeHash(input: Buffer, target: Buffer, at: number): void {
  target.write(hash('sha256', input, 'binary'), at, 'binary');
}
