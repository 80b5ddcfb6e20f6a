/**
 * Numbered places of one size in chunked typed arrays: millions of them are a few thousand objects to the garbage
 * collector, and growing never copies what is there.
 */

/** Places in a chunk: little waste where there are few, few chunks where there are many. */
const CHUNK_BITS = 12;
const CHUNK_PLACES = 1 << CHUNK_BITS;
const IN_CHUNK = CHUNK_PLACES - 1;

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

export class Places {
  readonly #words: number;
  readonly #chunks: Chunk[] = [];
  readonly #free: number[] = [];
  #end = 0;

  /** @param words of 4 bytes each has, an even number */
  constructor(words: number) {
    this.#words = words;
  }

  /** Places that are taken. */
  get count(): number {
    return this.#end - this.#free.length;
  }

  take(): number {
    const free = this.#free.pop();
    if (free !== undefined) return free;
    if ((this.#end & IN_CHUNK) === 0)
      this.#chunks.push(chunkOf(new Uint8Array(CHUNK_PLACES * this.#words * WORD_BYTES)));
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

  /** @param unused places in use that are to count as free */
  layout(unused: readonly number[]): PlacesLayout {
    return { end: this.#end, free: Int32Array.from([...this.#free, ...unused]) };
  }

  /** The memory that a layout describes, in the machine's byte order: views, not copies. */
  *pieces({ end }: Pick<PlacesLayout, 'end'>): Generator<Uint8Array> {
    for (const { bytes } of this.#chunks.slice(0, chunksFor(end))) yield bytes;
  }

  /** How long each of the `pieces` is. */
  static pieceLengths(words: number, { end }: Pick<PlacesLayout, 'end'>): number[] {
    return Array<number>(chunksFor(end)).fill(CHUNK_PLACES * words * WORD_BYTES);
  }

  /** The places of which these are the layout and pieces, which are its own from now on. */
  static restore(words: number, { end, free }: PlacesLayout, pieces: readonly Uint8Array[]): Places {
    const places = new Places(words);
    places.#end = end;
    for (const place of free) places.#free.push(place);
    for (const piece of pieces) places.#chunks.push(chunkOf(piece));
    return places;
  }
}

export function chunkOf(piece: Uint8Array): Chunk {
  // Words and doubles begin where they may.
  const { buffer, byteOffset, byteLength } =
    piece.byteOffset % Float64Array.BYTES_PER_ELEMENT === 0 ? piece : new Uint8Array(piece);
  return {
    bytes: Buffer.from(buffer, byteOffset, byteLength),
    words: new Int32Array(buffer, byteOffset, byteLength / WORD_BYTES),
    doubles: new Float64Array(buffer, byteOffset, byteLength / Float64Array.BYTES_PER_ELEMENT),
  };
}

function chunksFor(places: number): number {
  return Math.ceil(places / CHUNK_PLACES);
}
