/**
 * Collects the MessagePack of a frame's body: the canonical forms of `encoding.ts`, and maps. Byte strings are not
 * copied until the frame is put together, as blocks of up to two megabytes travel in them.
 */
import { encode } from './encoding.js';

export class BodyWriter {
  readonly #pieces: Uint8Array[] = [];
  #length = 0;

  /** Bytes of the body so far. */
  get length(): number {
    return this.#length;
  }

  value(value: null | boolean | number | string): void {
    this.#add(encode(value));
  }

  /** What is encoded already. */
  encoded(value: Uint8Array): void {
    this.#add(value);
  }

  bytes(value: Uint8Array): void {
    this.#head(0xc4, value.length < 0x100 ? 1 : value.length < 0x10000 ? 2 : 4, value.length);
    this.#add(value);
  }

  /** Begins a list of `count` values, which follow. */
  list(count: number): void {
    if (count < 16) this.#add(Uint8Array.of(0x90 | count));
    else this.#head(0xdb, count < 0x10000 ? 2 : 4, count);
  }

  /** Begins a map of `count` pairs, which follow. No body has as many as 16. */
  map(count: number): void {
    if (count > 15) throw new Error(`a body of ${count} keys`);
    this.#add(Uint8Array.of(0x80 | count));
  }

  /** Puts the body into `out` at `at`; it must have room for `length` bytes. */
  copyTo(out: Uint8Array, at: number): void {
    let end = at;
    for (const piece of this.#pieces) {
      out.set(piece, end);
      end += piece.length;
    }
  }

  /** A header byte and a big-endian length: `base` is the header of a width of one byte, the next ones of 2 and 4. */
  #head(base: number, width: 1 | 2 | 4, length: number): void {
    const head = new Uint8Array(1 + width);
    head[0] = base + (width === 4 ? 2 : width - 1);
    for (let i = 0; i < width; i++) head[1 + i] = (length >>> ((width - 1 - i) * 8)) & 0xff;
    this.#add(head);
  }

  #add(piece: Uint8Array): void {
    this.#pieces.push(piece);
    this.#length += piece.length;
  }
}
