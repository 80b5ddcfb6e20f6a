/**
 * A store that is synced now and then instead of with each write, for whoever makes a chain out of blocks that are kept
 * elsewhere. A crash of the process costs nothing, one of the machine the writes since the last sync: never for a node
 * that votes, as it would forget what it said was final.
 */
import type { KeyRange, Store, StoreOperation } from '../ports/store.js';

/** Writes between two syncs: one of those costs about as much as checking a dozen small blocks. */
const SYNC_EVERY = 256;

export class RelaxedStore implements Store {
  readonly #store: Store;
  #unsynced = 0;
  #last: StoreOperation | undefined;

  constructor(store: Store) {
    this.#store = store;
  }

  get(key: Uint8Array): Uint8Array | undefined {
    return this.#store.get(key);
  }

  getMany(keys: readonly Uint8Array[]): (Uint8Array | undefined)[] {
    return this.#store.getMany(keys);
  }

  entries(range: KeyRange): AsyncIterable<readonly [Uint8Array, Uint8Array]> {
    return this.#store.entries(range);
  }

  async write(operations: readonly StoreOperation[], _options: { sync: boolean }): Promise<void> {
    const sync = this.#unsynced + 1 >= SYNC_EVERY;
    await this.#store.write(operations, { sync });
    this.#unsynced = sync ? 0 : this.#unsynced + 1;
    this.#last = operations.at(-1) ?? this.#last;
  }

  /** Resolves when all that was written is on the disk. */
  async flush(): Promise<void> {
    if (this.#unsynced === 0 || this.#last === undefined) return;
    // A sync is of the whole log: the last operation once more takes all before it along.
    await this.#store.write([this.#last], { sync: true });
    this.#unsynced = 0;
  }

  async close(): Promise<void> {
    await this.flush();
    await this.#store.close();
  }
}
