/** A map that forgets what was used longest ago. */
import { LinkedMap } from '../protocol/linked-map.js';

export class Lru<K, V> {
  /** Oldest use first. */
  readonly #entries = new LinkedMap<K, V>();
  readonly #capacity: number;

  constructor(capacity: number) {
    this.#capacity = capacity;
  }

  get(key: K): V | undefined {
    return this.#entries.renew(key);
  }

  set(key: K, value: V): void {
    this.#entries.set(key, value);
    if (this.#entries.size > this.#capacity) this.#entries.delete(this.#entries.oldest as K);
  }
}
