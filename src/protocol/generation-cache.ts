/**
 * A cache that forgets whole generations: what was put in or asked for last is kept until at least a generation of others
 * came. Two maps need no order to be kept, where a list of ages is touched, moved and collected for every single entry.
 */
export class GenerationCache<K, V extends {}> {
  readonly #generation: number;
  #young = new Map<K, V>();
  #old: ReadonlyMap<K, V> = new Map<K, V>();

  /** @param generation entries; fewer than twice as many are kept */
  constructor(generation: number) {
    this.#generation = generation;
  }

  /** What is asked for belongs to the young again. */
  get(key: K): V | undefined {
    const young = this.#young.get(key);
    if (young !== undefined) return young;
    const old = this.#old.get(key);
    if (old !== undefined) this.set(key, old);
    return old;
  }

  /** Unlike `get` this does not count as a use. */
  has(key: K): boolean {
    return this.#young.has(key) || this.#old.has(key);
  }

  set(key: K, value: V): void {
    this.#young.set(key, value);
    if (this.#young.size < this.#generation) return;
    this.#old = this.#young;
    this.#young = new Map();
  }
}
