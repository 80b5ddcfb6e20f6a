/**
 * `enc(v)`: canonical MessagePack (section 1). Every value has exactly one encoding, so bytes that are hashed or
 * signed mean one thing. The decoder refuses whatever the encoder would not have written, and allocates nothing that
 * an untrusted length asks for before the bytes are there.
 */
import { malformed } from './errors.js';

export type Value = null | boolean | number | string | Uint8Array | readonly Value[];

/** Deep enough for everything the protocol nests, shallow enough that no input exhausts the stack. */
const MAX_DEPTH = 32;

const utf8Encoder = new TextEncoder();
const utf8Decoder = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });

/**
 * The canonical encoding of a value.
 * @throws TypeError for what has none: fractions, negative or too large integers, ill-formed strings.
 */
export function encode(value: Value): Uint8Array {
  const out = new Uint8Array(sizeOf(value));
  write(out, 0, value);
  return out;
}

/** As `encode`, for one who has room for it at `at`. Returns where it ends. */
export function encodeInto(out: Uint8Array, at: number, value: Value): number {
  const end = at + sizeOf(value);
  write(out, at, value);
  return end;
}

/**
 * The value whose canonical encoding is exactly `bytes`. Byte strings are views into `bytes`, not copies.
 * @throws ProtocolError MALFORMED for any other bytes.
 */
export function decode(bytes: Uint8Array): Value {
  const reader = new Reader(bytes);
  const value = reader.value(0);
  if (reader.at !== bytes.length)
    throw malformed(`${bytes.length - reader.at} bytes after the end of the value`);
  return value;
}

function sizeOf(value: Value): number {
  if (typeof value === 'number') return integerSize(value);
  if (value === null || typeof value === 'boolean') return 1;
  if (value instanceof Uint8Array)
    return (value.length < 0x100 ? 2 : value.length < 0x10000 ? 3 : 5) + value.length;
  if (typeof value === 'string') {
    const length = utf8Length(value);
    return (length < 32 ? 1 : length < 0x100 ? 2 : length < 0x10000 ? 3 : 5) + length;
  }
  if (!Array.isArray(value)) throw new TypeError(`${typeof value} has no canonical encoding`);
  let size = value.length < 16 ? 1 : value.length < 0x10000 ? 3 : 5;
  // By index, and numbers without a further call: an iterator and a call would make an object of each of them.
  for (let i = 0; i < value.length; i++) {
    const element = value[i] as Value;
    size += typeof element === 'number' ? integerSize(element) : sizeOf(element);
  }
  return size;
}

function integerSize(value: number): number {
  if (!Number.isSafeInteger(value) || value < 0 || Object.is(value, -0)) {
    throw new TypeError(`${value} is not an integer from 0 to 2^53-1`);
  }
  return value < 0x80 ? 1 : value < 0x100 ? 2 : value < 0x10000 ? 3 : value < 0x100000000 ? 5 : 9;
}

function utf8Length(text: string): number {
  if (!text.isWellFormed()) throw new TypeError('a string with a lone surrogate has no canonical encoding');
  return Buffer.byteLength(text);
}

function write(out: Uint8Array, at: number, value: Value): number {
  if (typeof value === 'number') return writeInteger(out, at, value);
  if (value === null) out[at++] = 0xc0;
  else if (typeof value === 'boolean') out[at++] = value ? 0xc3 : 0xc2;
  else if (value instanceof Uint8Array) {
    at = writeLength(out, at, value.length, undefined, 0xc4);
    out.set(value, at);
    at += value.length;
  } else if (typeof value === 'string') {
    const length = utf8Length(value);
    at = length < 32 ? writeByte(out, at, 0xa0 | length) : writeLength(out, at, length, undefined, 0xd9);
    utf8Encoder.encodeInto(value, out.subarray(at));
    at += length;
  } else {
    at =
      value.length < 16
        ? writeByte(out, at, 0x90 | value.length)
        : writeLength(out, at, value.length, 2, 0xdc);
    for (let i = 0; i < value.length; i++) {
      const element = value[i] as Value;
      at = typeof element === 'number' ? writeInteger(out, at, element) : write(out, at, element);
    }
  }
  return at;
}

function writeByte(out: Uint8Array, at: number, byte: number): number {
  out[at] = byte;
  return at + 1;
}

function writeInteger(out: Uint8Array, at: number, value: number): number {
  if (value < 0x80) return writeByte(out, at, value);
  if (value < 0x100000000) return writeLength(out, at, value, undefined, 0xcc);
  out[at++] = 0xcf;
  at = writeBigEndian(out, at, Math.floor(value / 0x100000000), 4);
  return writeBigEndian(out, at, value >>> 0, 4);
}

/** Writes a length of 1, 2 or 4 bytes (2 or 4 if `from` is 2) behind the header byte of that size. */
function writeLength(
  out: Uint8Array,
  at: number,
  length: number,
  from: 2 | undefined,
  header: number,
): number {
  const width = length < 0x100 && from !== 2 ? 1 : length < 0x10000 ? 2 : 4;
  const step = width === 4 ? 2 : width - 1;
  out[at++] = from === 2 ? header + step - 1 : header + step;
  return writeBigEndian(out, at, length, width);
}

function writeBigEndian(out: Uint8Array, at: number, value: number, width: number): number {
  for (let shift = (width - 1) * 8; shift >= 0; shift -= 8) out[at++] = (value >>> shift) & 0xff;
  return at;
}

class Reader {
  at = 0;
  readonly #bytes: Uint8Array;

  constructor(bytes: Uint8Array) {
    this.#bytes = bytes;
  }

  value(depth: number): Value {
    const head = this.#uint(1);
    if (head < 0x80) return head;
    if (head >= 0x90 && head <= 0x9f) return this.#array(head & 0x0f, depth);
    if (head >= 0xa0 && head <= 0xbf) return this.#text(head & 0x1f);
    switch (head) {
      case 0xc0:
        return null;
      case 0xc2:
        return false;
      case 0xc3:
        return true;
      case 0xc4:
        return this.#take(this.#length(1, 0));
      case 0xc5:
        return this.#take(this.#length(2, 0x100));
      case 0xc6:
        return this.#take(this.#length(4, 0x10000));
      case 0xcc:
        return this.#length(1, 0x80);
      case 0xcd:
        return this.#length(2, 0x100);
      case 0xce:
        return this.#length(4, 0x10000);
      case 0xcf:
        return this.#uint64();
      case 0xd9:
        return this.#text(this.#length(1, 32));
      case 0xda:
        return this.#text(this.#length(2, 0x100));
      case 0xdb:
        return this.#text(this.#length(4, 0x10000));
      case 0xdc:
        return this.#array(this.#length(2, 16), depth);
      case 0xdd:
        return this.#array(this.#length(4, 0x10000), depth);
      default:
        throw malformed(`byte 0x${head.toString(16)} begins no canonical value`);
    }
  }

  #array(count: number, depth: number): Value[] {
    if (depth >= MAX_DEPTH) throw malformed(`arrays nested deeper than ${MAX_DEPTH}`);
    // Every element takes at least one byte, so a length beyond the bytes left is a lie.
    if (count > this.#bytes.length - this.at) throw malformed(`an array of ${count} in fewer bytes`);
    const values: Value[] = [];
    for (let i = 0; i < count; i++) values.push(this.value(depth + 1));
    return values;
  }

  #text(length: number): string {
    try {
      return utf8Decoder.decode(this.#take(length));
    } catch (error) {
      if (error instanceof TypeError) throw malformed('a string is not well-formed UTF-8');
      throw error;
    }
  }

  #take(length: number): Uint8Array {
    if (length > this.#bytes.length - this.at) throw malformed('the bytes end inside a value');
    this.at += length;
    return this.#bytes.subarray(this.at - length, this.at);
  }

  #uint(width: 1 | 2 | 4): number {
    if (width > this.#bytes.length - this.at) throw malformed('the bytes end inside a value');
    let value = 0;
    for (let i = 0; i < width; i++) value = value * 0x100 + (this.#bytes[this.at++] as number);
    return value;
  }

  /** An unsigned integer of `width` bytes that would not have fitted a shorter form. */
  #length(width: 1 | 2 | 4, least: number): number {
    const value = this.#uint(width);
    if (value < least) throw malformed(`${value} is not in its shortest form`);
    return value;
  }

  #uint64(): number {
    const high = this.#uint(4);
    const low = this.#uint(4);
    if (high === 0) throw malformed(`${low} is not in its shortest form`);
    if (high > 0x1fffff) throw malformed('an integer above 2^53-1');
    return high * 0x100000000 + low;
  }
}
