/** Takes the fields of a decoded array apart, each checked for its type: what decoders of signed data are made of. */
import { type Address, type Hash, toHex } from './bytes.js';
import { decode, type Value } from './encoding.js';
import { malformed, type ProtocolError } from './errors.js';

/** Heights and rounds are below 2^31 (section 1). */
export const MAX_HEIGHT = 2 ** 31 - 1;

export class Fields {
  readonly #values: readonly Value[];
  readonly #what: string;
  #at = 0;

  private constructor(values: readonly Value[], what: string) {
    this.#values = values;
    this.#what = what;
  }

  /** The fields of the canonical array `bytes`; `what` names the thing in error messages. */
  static decode(bytes: Uint8Array, count: number, what: string): Fields {
    return Fields.of(decode(bytes), count, what);
  }

  static of(value: Value | undefined, count: number, what: string): Fields {
    if (!Array.isArray(value) || value.length !== count)
      throw malformed(`${what} must be an array of ${count} fields`);
    return new Fields(value, what);
  }

  integer(name: string, max: number = Number.MAX_SAFE_INTEGER): number {
    const value = this.#next();
    if (typeof value !== 'number') throw this.#wrong(name, 'an integer', value);
    if (value > max) throw malformed(`${this.#what}: ${name} ${value} is above ${max}`);
    return value;
  }

  integerOrNil(name: string, max?: number): number | null {
    return this.#peekNil() ? null : this.integer(name, max);
  }

  bytes(name: string, length?: number): Uint8Array {
    const value = this.#next();
    if (!(value instanceof Uint8Array)) throw this.#wrong(name, 'bytes', value);
    if (length !== undefined && value.length !== length) {
      throw malformed(`${this.#what}: ${name} has ${value.length} bytes instead of ${length}`);
    }
    return value;
  }

  bytesOrNil(name: string): Uint8Array | null {
    return this.#peekNil() ? null : this.bytes(name);
  }

  address(name: string): Address {
    return toHex(this.bytes(name, 20));
  }

  hash(name: string): Hash {
    return toHex(this.bytes(name, 32));
  }

  hashOrNil(name: string): Hash | null {
    return this.#peekNil() ? null : this.hash(name);
  }

  array(name: string): readonly Value[] {
    const value = this.#next();
    if (!Array.isArray(value)) throw this.#wrong(name, 'an array', value);
    return value;
  }

  arrayOrNil(name: string): readonly Value[] | null {
    return this.#peekNil() ? null : this.array(name);
  }

  #next(): Value {
    return this.#values[this.#at++] as Value;
  }

  #peekNil(): boolean {
    if (this.#values[this.#at] !== null) return false;
    this.#at++;
    return true;
  }

  #wrong(name: string, expected: string, value: Value): ProtocolError {
    const found = value === null ? 'nil' : value instanceof Uint8Array ? 'bytes' : typeof value;
    return malformed(`${this.#what}: ${name} must be ${expected}, not ${found}`);
  }
}
