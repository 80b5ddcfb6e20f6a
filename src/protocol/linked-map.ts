/**
 * A map that knows its oldest entry, for caches that forget: every operation takes constant time, and nothing that was
 * taken out is held. A plain Map in order of insertion gives only one of the two. A new iterator steps anew over all the
 * places that deletions left empty; an iterator that is kept holds every table that the Map has since outgrown, with all
 * that was in it.
 */
export class LinkedMap<K, V> {
  readonly #entries = new Map<K, Entry<K, V>>();
  #oldest: Entry<K, V> | undefined;
  #newest: Entry<K, V> | undefined;

  get size(): number {
    return this.#entries.size;
  }

  /** The key that was put in, or renewed, longest ago. */
  get oldest(): K | undefined {
    return this.#oldest?.key;
  }

  get(key: K): V | undefined {
    return this.#entries.get(key)?.value;
  }

  has(key: K): boolean {
    return this.#entries.has(key);
  }

  /** Puts it in as the newest, whether or not the key was there. */
  set(key: K, value: V): void {
    const known = this.#entries.get(key);
    if (known !== undefined) {
      known.value = value;
      this.#moveToEnd(known);
      return;
    }
    const entry: Entry<K, V> = { key, value, older: undefined, newer: undefined };
    this.#entries.set(key, entry);
    this.#append(entry);
  }

  /** The value of `key`, which becomes the newest; undefined if it is not there. */
  renew(key: K): V | undefined {
    const entry = this.#entries.get(key);
    if (entry !== undefined) this.#moveToEnd(entry);
    return entry?.value;
  }

  /** Whether it was there. */
  delete(key: K): boolean {
    const entry = this.#entries.get(key);
    if (entry === undefined) return false;
    this.#entries.delete(key);
    this.#takeOut(entry);
    return true;
  }

  #moveToEnd(entry: Entry<K, V>): void {
    if (entry === this.#newest) return;
    this.#takeOut(entry);
    this.#append(entry);
  }

  #append(entry: Entry<K, V>): void {
    entry.older = this.#newest;
    entry.newer = undefined;
    if (this.#newest === undefined) this.#oldest = entry;
    else this.#newest.newer = entry;
    this.#newest = entry;
  }

  #takeOut({ older, newer }: Entry<K, V>): void {
    if (older === undefined) this.#oldest = newer;
    else older.newer = newer;
    if (newer === undefined) this.#newest = older;
    else newer.older = older;
  }
}

interface Entry<K, V> {
  readonly key: K;
  value: V;
  older: Entry<K, V> | undefined;
  newer: Entry<K, V> | undefined;
}
