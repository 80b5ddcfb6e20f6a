/**
 * A cursor over the MessagePack of a frame's body. A body is read by its table of fields, straight from the bytes:
 * nothing is built from what the table does not name, so no extension type, map key, depth of nesting or declared
 * length of a stranger's makes an object, a recursion or an allocation here.
 *
 * Bodies are not signed, so any form of an integer or length is read; what is signed stands in byte strings, which
 * `encoding.ts` reads canonically.
 */
import { malformed } from './errors.js';

const utf8Decoder = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });

/** Header bytes of the forms with a length or integer behind them, and how wide that is. */
const BYTES_WIDTH: Readonly<Record<number, number>> = { 196: 1, 197: 2, 198: 4 };
const TEXT_WIDTH: Readonly<Record<number, number>> = { 217: 1, 218: 2, 219: 4 };
const LIST_WIDTH: Readonly<Record<number, number>> = { 220: 2, 221: 4 };
const MAP_WIDTH: Readonly<Record<number, number>> = { 222: 2, 223: 4 };
/** Unsigned, then signed ones. */
const INTEGER_WIDTH: Readonly<Record<number, number>> = {
  204: 1,
  205: 2,
  206: 4,
  207: 8,
  208: 1,
  209: 2,
  210: 4,
  211: 8,
};
/** Forms that only an unknown key may hold: floats, and extensions of a fixed size (their type byte counted). */
const OPAQUE_SIZE: Readonly<Record<number, number>> = {
  202: 4,
  203: 8,
  212: 2,
  213: 3,
  214: 5,
  215: 9,
  216: 17,
};
const EXTENSION_WIDTH: Readonly<Record<number, number>> = { 199: 1, 200: 2, 201: 4 };

const NIL = 0xc0;
const FALSE = 0xc2;
const TRUE = 0xc3;
const FIRST_SIGNED = 208;

/** All methods throw ProtocolError MALFORMED, with `name` of the field in the message, for anything but their kind. */
export class BodyReader {
  readonly #bytes: Uint8Array;
  #at = 0;

  constructor(bytes: Uint8Array) {
    this.#bytes = bytes;
  }

  get remaining(): number {
    return this.#bytes.length - this.#at;
  }

  /** Whether the next value is nil; if so it is passed. */
  nil(): boolean {
    if (this.#bytes[this.#at] !== NIL) return false;
    this.#at++;
    return true;
  }

  /** Whether the next bytes are these; if so they are passed. */
  passes(expected: Uint8Array): boolean {
    const at = this.#at;
    for (let i = 0; i < expected.length; i++) if (this.#bytes[at + i] !== expected[i]) return false;
    this.#at += expected.length;
    return true;
  }

  bool(name: string): boolean {
    const head = this.#byte();
    if (head !== TRUE && head !== FALSE) throw wrong(name, 'a boolean');
    return head === TRUE;
  }

  /** From 0 to 2^53-1; a float is none, not even 5.0. */
  integer(name: string): number {
    const head = this.#byte();
    if (head < 0x80) return head;
    const width = INTEGER_WIDTH[head];
    if (width === undefined) throw wrong(name, 'an integer from 0 to 2^53-1');
    const signed = head >= FIRST_SIGNED && (this.#bytes[this.#at] ?? 0) >= 0x80;
    const value = this.#uint(width);
    if (signed || !Number.isSafeInteger(value)) throw wrong(name, 'an integer from 0 to 2^53-1');
    return value;
  }

  /** A view into the body, not a copy. */
  bytes(name: string): Uint8Array {
    const width = BYTES_WIDTH[this.#byte()];
    if (width === undefined) throw wrong(name, 'bytes');
    return this.#take(this.#uint(width));
  }

  /** Well-formed UTF-8 of at most `maxBytes`. */
  text(name: string, maxBytes: number): string {
    const head = this.#byte();
    const width = TEXT_WIDTH[head];
    if (width === undefined && (head & 0xe0) !== 0xa0) throw wrong(name, 'a text');
    const length = width === undefined ? head & 0x1f : this.#uint(width);
    if (length > maxBytes) throw wrong(name, `a text of at most ${maxBytes} bytes`);
    try {
      return utf8Decoder.decode(this.#take(length));
    } catch (error) {
      if (error instanceof TypeError) throw wrong(name, 'well-formed UTF-8');
      throw error;
    }
  }

  /** How many values the list that begins here has. */
  list(name: string): number {
    const head = this.#byte();
    if ((head & 0xf0) === 0x90) return head & 0x0f;
    const width = LIST_WIDTH[head];
    if (width === undefined) throw wrong(name, 'a list');
    return this.#count(width);
  }

  /** How many pairs the map that begins here has. */
  map(name: string): number {
    const head = this.#byte();
    if ((head & 0xf0) === 0x80) return head & 0x0f;
    const width = MAP_WIDTH[head];
    if (width === undefined) throw wrong(name, 'a map');
    return this.#count(width);
  }

  /** Passes one value of whatever kind, by counting what is still open: without recursion, so at any depth. */
  skip(): void {
    for (let open = 1; open > 0; open--) {
      const head = this.#byte();
      if (head < 0x80 || head >= 0xe0 || head === NIL || head === FALSE || head === TRUE) continue;
      if (head < 0x90) open += 2 * (head & 0x0f);
      else if (head < 0xa0) open += head & 0x0f;
      else if (head < 0xc0) this.#take(head & 0x1f);
      else open += this.#skipLong(head);
      if (open > this.remaining + 1) throw malformed('more values declared than bytes follow');
    }
  }

  /** Passes a value with a header byte of its own; gives the number of values that it opens. */
  #skipLong(head: number): number {
    const size = INTEGER_WIDTH[head] ?? OPAQUE_SIZE[head];
    const sized = BYTES_WIDTH[head] ?? TEXT_WIDTH[head];
    if (size !== undefined) this.#take(size);
    else if (sized !== undefined) this.#take(this.#uint(sized));
    else if (EXTENSION_WIDTH[head] !== undefined) this.#take(this.#uint(EXTENSION_WIDTH[head]) + 1);
    else if (LIST_WIDTH[head] !== undefined) return this.#count(LIST_WIDTH[head]);
    else if (MAP_WIDTH[head] !== undefined) return 2 * this.#count(MAP_WIDTH[head]);
    else throw malformed(`byte 0x${head.toString(16)} begins no value`);
    return 0;
  }

  /** The number of elements, each of which takes at least one byte: more than the bytes left is a lie. */
  #count(width: number): number {
    const count = this.#uint(width);
    if (count > this.remaining) throw malformed(`${count} values declared in ${this.remaining} bytes`);
    return count;
  }

  #byte(): number {
    const byte = this.#bytes[this.#at++];
    if (byte === undefined) throw malformed('the body ends inside a value');
    return byte;
  }

  /** Big-endian; above 2^53 only its being unsafe is right. */
  #uint(width: number): number {
    if (width > this.remaining) throw malformed('the body ends inside a value');
    let value = 0;
    for (let i = 0; i < width; i++) value = value * 0x100 + (this.#bytes[this.#at++] as number);
    return value;
  }

  #take(length: number): Uint8Array {
    if (length > this.remaining) throw malformed('the body ends inside a value');
    this.#at += length;
    return this.#bytes.subarray(this.#at - length, this.#at);
  }
}

function wrong(name: string, expected: string): Error {
  return malformed(`${name} must be ${expected}`);
}
