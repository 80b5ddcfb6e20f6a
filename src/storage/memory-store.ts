/** `Store` in memory: everything LevelStore does but outlive the process. For a journal's entries, tests and the simulator. */
import type { KeyRange, Store, StoreOperation } from '../ports/store.js';

export class MemoryStore implements Store {
  /** As Latin-1 text, whose order is that of the bytes; sorted. */
  readonly #keys: string[] = [];
  readonly #values = new Map<string, Uint8Array>();
  #closed = false;

  get(key: Uint8Array): Uint8Array | undefined {
    this.#assertOpen();
    return this.#values.get(toText(key))?.slice();
  }

  getMany(keys: readonly Uint8Array[]): (Uint8Array | undefined)[] {
    return keys.map((key) => this.get(key));
  }

  entries({ from, to, reverse, limit }: KeyRange): AsyncIterable<readonly [Uint8Array, Uint8Array]> {
    this.#assertOpen();
    // The snapshot is a copy of what will be read: the entries between the bounds, no more than asked for.
    const first = this.#placeOf(toText(from));
    const last = Math.max(first, this.#placeOf(toText(to)));
    const count = Math.min(last - first, limit ?? Number.POSITIVE_INFINITY);
    const keys = reverse
      ? this.#keys.slice(last - count, last).reverse()
      : this.#keys.slice(first, first + count);
    return replay(keys.map((key) => [toBytes(key), this.#valueOf(key).slice()] as const));
  }

  /** What makes a store of this one out of an empty one. */
  all(): StoreOperation[] {
    this.#assertOpen();
    return this.#keys.map((key) => ({ key: toBytes(key), value: this.#valueOf(key).slice() }));
  }

  async write(operations: readonly StoreOperation[], _options: { sync: boolean }): Promise<void> {
    this.apply(operations);
  }

  apply(operations: readonly StoreOperation[]): void {
    this.#assertOpen();
    for (const { key, value } of operations) {
      if (value === null) this.#delete(toText(key));
      // A Buffer's own slice would share its memory.
      else this.#put(toText(key), new Uint8Array(value));
    }
  }

  async close(): Promise<void> {
    this.#closed = true;
  }

  #put(key: string, value: Uint8Array): void {
    if (!this.#values.has(key)) this.#keys.splice(this.#placeOf(key), 0, key);
    this.#values.set(key, value);
  }

  #delete(key: string): void {
    if (this.#values.delete(key)) this.#keys.splice(this.#placeOf(key), 1);
  }

  /** The index of the first key that is not below `key`. */
  #placeOf(key: string): number {
    let low = 0;
    let high = this.#keys.length;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if ((this.#keys[middle] as string) < key) low = middle + 1;
      else high = middle;
    }
    return low;
  }

  #valueOf(key: string): Uint8Array {
    const value = this.#values.get(key);
    if (value === undefined) throw new Error('a key of the memory store has no value');
    return value;
  }

  #assertOpen(): void {
    if (this.#closed) throw new Error('the memory store is closed');
  }
}

async function* replay<T>(items: readonly T[]): AsyncGenerator<T> {
  yield* items;
}

function toText(key: Uint8Array): string {
  return Buffer.from(key.buffer, key.byteOffset, key.byteLength).toString('latin1');
}

function toBytes(key: string): Uint8Array {
  return new Uint8Array(Buffer.from(key, 'latin1'));
}
