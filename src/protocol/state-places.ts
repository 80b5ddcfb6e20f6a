/**
 * Numbered places of one size in a few large typed arrays: millions of them are next to nothing to the garbage collector,
 * and finding one costs the processor no detour by way of an array that it has not at hand.
 */

/** Places in a chunk; only the first is smaller at first, and grows. */
const CHUNK_BITS = 16;
const CHUNK_PLACES = 1 << CHUNK_BITS;
const IN_CHUNK = CHUNK_PLACES - 1;
const FIRST_PLACES = 1 << 10;

/** Places that are handed over together: copying them holds nothing up. */
const PIECE_PLACES = 1 << 12;

export const WORD_BYTES = Int32Array.BYTES_PER_ELEMENT;

/** The same memory, as it is written and as it is read. */
export interface Chunk {
  readonly bytes: Buffer;
  readonly words: Int32Array;
  readonly doubles: Float64Array;
}

/** Which places of a memory are in use. */
export interface PlacesLayout {
  /** How many ever were. */
  readonly end: number;
  /** Those of them that are not. */
  readonly free: Int32Array;
}

export type Fill = (piece: Uint8Array) => Promise<void>;

export class Places {
  readonly #words: number;
  readonly #chunks: Chunk[] = [];
  readonly #free: number[] = [];
  #capacity = 0;
  #end = 0;

  /** @param words of 4 bytes each has, an even number */
  constructor(words: number) {
    this.#words = words;
  }

  /** Places that are taken. */
  get count(): number {
    return this.#end - this.#free.length;
  }

  /** Chunks got before may be outdated afterwards. */
  take(): number {
    const free = this.#free.pop();
    if (free !== undefined) return free;
    if (this.#end === this.#capacity) this.#grow();
    return this.#end++;
  }

  giveBack(place: number): void {
    this.#free.push(place);
  }

  chunk(place: number): Chunk {
    return this.#chunks[place >> CHUNK_BITS] as Chunk;
  }

  /** Where a place begins in its chunk, in words. */
  at(place: number): number {
    return (place & IN_CHUNK) * this.#words;
  }

  /** Brings a place into the processor's cache, by reading both of its ends. The result means nothing. */
  touch(place: number): number {
    const { words } = this.chunk(place);
    const at = this.at(place);
    return (words[at] as number) ^ (words[at + this.#words - 1] as number);
  }

  /** As `touch`, of the `count` places that will be taken next, so far as they were given back. */
  touchFree(count: number): number {
    const free = this.#free;
    let read = 0;
    for (let i = Math.max(0, free.length - count); i < free.length; i++)
      read ^= this.touch(free[i] as number);
    return read;
  }

  /** @param unused places in use that are to count as free */
  layout(unused: readonly number[]): PlacesLayout {
    return { end: this.#end, free: Int32Array.from([...this.#free, ...unused]) };
  }

  /** The memory that a layout describes, in the machine's byte order: views, each to be read before the next is asked for. */
  *pieces({ end }: Pick<PlacesLayout, 'end'>): Generator<Uint8Array> {
    for (const [first, bytes] of Places.#pieces(this.#words, end)) yield this.#bytes(first, bytes);
  }

  /** How long each of the `pieces` is. */
  static pieceLengths(words: number, { end }: Pick<PlacesLayout, 'end'>): number[] {
    return Array.from(Places.#pieces(words, end), ([, bytes]) => bytes);
  }

  /**
   * The places of which this is the layout.
   * @param fill puts each of the pieces, in their order, where it belongs
   */
  static async restore(words: number, { end, free }: PlacesLayout, fill: Fill): Promise<Places> {
    const places = new Places(words);
    while (places.#capacity < end) places.#grow();
    places.#end = end;
    for (const place of free) places.#free.push(place);
    for (const [first, bytes] of Places.#pieces(words, end)) await fill(places.#bytes(first, bytes));
    return places;
  }

  /** The first place of each piece, and its bytes. */
  static *#pieces(words: number, end: number): Generator<readonly [first: number, bytes: number]> {
    for (let first = 0; first < end; first += PIECE_PLACES)
      yield [first, Math.min(PIECE_PLACES, end - first) * words * WORD_BYTES];
  }

  #bytes(first: number, bytes: number): Uint8Array {
    const start = this.at(first) * WORD_BYTES;
    return this.chunk(first).bytes.subarray(start, start + bytes);
  }

  #grow(): void {
    const [first] = this.#chunks;
    if (first === undefined || this.#capacity >= CHUNK_PLACES) {
      const places = first === undefined ? FIRST_PLACES : CHUNK_PLACES;
      this.#chunks.push(this.#newChunk(places));
      this.#capacity += places;
      return;
    }
    this.#capacity *= 2;
    const grown = this.#newChunk(this.#capacity);
    grown.bytes.set(first.bytes);
    this.#chunks[0] = grown;
  }

  #newChunk(places: number): Chunk {
    return chunkOf(new ArrayBuffer(places * this.#words * WORD_BYTES));
  }
}

export function chunkOf(memory: ArrayBuffer): Chunk {
  return { bytes: Buffer.from(memory), words: new Int32Array(memory), doubles: new Float64Array(memory) };
}
