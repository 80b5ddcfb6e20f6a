/** Random choices that a text decides: the same seed gives the same inputs on every machine. Never for secrets. */
import { sha256 } from '../../src/protocol/hash.js';

export class Dice {
  #a: number;
  #b: number;
  #c: number;
  #counter = 1;

  constructor(seed: string) {
    const words = new DataView(Uint8Array.from(sha256(Buffer.from(seed))).buffer);
    [this.#a, this.#b, this.#c] = [words.getInt32(0), words.getInt32(4), words.getInt32(8)];
  }

  /** 32 random bits: the generator sfc32. */
  #next(): number {
    const sum = (this.#a + this.#b + this.#counter) | 0;
    this.#counter = (this.#counter + 1) | 0;
    this.#a = this.#b ^ (this.#b >>> 9);
    this.#b = (this.#c + (this.#c << 3)) | 0;
    this.#c = (((this.#c << 21) | (this.#c >>> 11)) + sum) | 0;
    return sum >>> 0;
  }

  /** An integer from 0 up to, but not, `bound`. */
  below(bound: number): number {
    return Math.floor((this.#next() / 2 ** 32) * bound);
  }

  /** True once in `times` on average. */
  oneIn(times: number): boolean {
    return this.below(times) === 0;
  }

  pick<T>(from: readonly T[]): T {
    if (from.length === 0) throw new Error('nothing to pick from');
    return from[this.below(from.length)] as T;
  }

  bytes(count: number): Uint8Array {
    return Uint8Array.from({ length: count }, () => this.below(256));
  }

  /** Mostly small, sometimes up to `bound`: sizes as they hurt. */
  size(bound: number): number {
    return this.below(Math.max(1, Math.min(bound, 2 ** this.below(Math.ceil(Math.log2(bound + 1)) + 1))));
  }
}
