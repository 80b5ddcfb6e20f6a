/**
 * Repeatable chance. Each subsystem of a run draws from a generator of its own, seeded by the run's seed and its name,
 * so that one more draw in one place does not reshuffle all others.
 */
import { hash } from 'node:crypto';
import type { Random } from '../../src/ports/random.js';

export class Chance implements Random {
  readonly #seed: number;
  readonly #name: string;
  #a: number;
  #b: number;
  #c: number;
  #counter: number;

  constructor(seed: number, name: string) {
    this.#seed = seed;
    this.#name = name;
    const words = hash('sha256', `${seed} ${name}`, 'buffer');
    this.#a = words.readInt32LE(0);
    this.#b = words.readInt32LE(4);
    this.#c = words.readInt32LE(8);
    this.#counter = words.readInt32LE(12);
  }

  /** The generator of a part of this subsystem. */
  of(part: string | number): Chance {
    return new Chance(this.#seed, `${this.#name} ${part}`);
  }

  /** 32 random bits, by sfc32 of PractRand. */
  word(): number {
    const sum = (this.#a + this.#b + this.#counter) | 0;
    this.#counter = (this.#counter + 1) | 0;
    this.#a = this.#b ^ (this.#b >>> 9);
    this.#b = (this.#c + (this.#c << 3)) | 0;
    this.#c = (((this.#c << 21) | (this.#c >>> 11)) + sum) | 0;
    return sum >>> 0;
  }

  /** From 0 up to, but not, 1. */
  fraction(): number {
    return this.word() / 2 ** 32;
  }

  below(limit: number): number {
    return Math.floor(this.fraction() * limit);
  }

  /** From `low` up to, but not, `high`; not only integers. */
  between(low: number, high: number): number {
    return low + this.fraction() * (high - low);
  }

  chance(probability: number): boolean {
    return this.fraction() < probability;
  }

  /** @throws if there is nothing to pick from */
  pick<T>(values: readonly T[]): T {
    if (values.length === 0) throw new RangeError('nothing to pick from');
    return values[this.below(values.length)] as T;
  }

  /** `count` of them, in random order; all if there are fewer. */
  sample<T>(values: readonly T[], count: number): T[] {
    const rest = [...values];
    const chosen: T[] = [];
    while (chosen.length < count && rest.length > 0) chosen.push(...rest.splice(this.below(rest.length), 1));
    return chosen;
  }

  bytes(count: number): Uint8Array {
    const bytes = new Uint8Array(count);
    for (let i = 0; i < count; i++) bytes[i] = this.word() >>> 24;
    return bytes;
  }
}
