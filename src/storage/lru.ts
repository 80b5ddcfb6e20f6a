/** A map that forgets what was used longest ago. */
export class Lru<K, V> {
  /** Oldest use first, as a Map keeps the order of insertion. */
  readonly #entries = new Map<K, V>();
  /** One iterator for good: each new one would step anew over all the places that deletions left empty. */
  readonly #oldestFirst = this.#entries.keys();
  readonly #capacity: number;

  constructor(capacity: number) {
    this.#capacity = capacity;
  }

  get(key: K): V | undefined {
    const value = this.#entries.get(key);
    if (value !== undefined) this.set(key, value);
    return value;
  }

  set(key: K, value: V): void {
    this.#entries.delete(key);
    this.#entries.set(key, value);
    if (this.#entries.size > this.#capacity) {
      const { value: oldest } = this.#oldestFirst.next();
      this.#entries.delete(oldest as K);
    }
  }
}
