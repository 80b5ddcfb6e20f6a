/** A map that forgets what was used longest ago. */
import { LinkedMap } from '../protocol/linked-map.js';

export class Lru<K, V> {
  /** Oldest use first. */
  readonly #entries = new LinkedMap<K, V>();
  readonly #capacity: number;
  readonly #weigh: (value: V) => number;
  #weight = 0;

  /**
   * @param capacity what all values may weigh together
   * @param weigh of a value, always the same; each weighs 1 if it is left out
   */
  constructor(capacity: number, weigh: (value: V) => number = () => 1) {
    this.#capacity = capacity;
    this.#weigh = weigh;
  }

  get(key: K): V | undefined {
    return this.#entries.renew(key);
  }

  /** Unlike `get` this does not count as a use. */
  has(key: K): boolean {
    return this.#entries.has(key);
  }

  /** What is too heavy alone is not kept. */
  set(key: K, value: V): void {
    const known = this.#entries.get(key);
    if (known !== undefined) this.#weight -= this.#weigh(known);
    this.#entries.set(key, value);
    this.#weight += this.#weigh(value);
    while (this.#weight > this.#capacity) this.#forgetOldest();
  }

  #forgetOldest(): void {
    const key = this.#entries.oldest as K;
    this.#weight -= this.#weigh(this.#entries.get(key) as V);
    this.#entries.delete(key);
  }
}
