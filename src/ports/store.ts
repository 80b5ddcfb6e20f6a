/** An ordered map of bytes on a disk. Keys sort as unsigned bytes. */
export interface Store {
  /** Synchronous: an answer from LevelDB's cache costs less than a promise. */
  get(key: Uint8Array): Uint8Array | undefined;
  getMany(keys: readonly Uint8Array[]): (Uint8Array | undefined)[];
  /** Entries as of the moment of the call, in key order (or reverse), later writes unseen. */
  entries(range: KeyRange): AsyncIterable<readonly [key: Uint8Array, value: Uint8Array]>;
  /** All or nothing. With `sync` it has reached the disk when the promise resolves. */
  write(operations: readonly StoreOperation[], options: { sync: boolean }): Promise<void>;
  /** Gives back the room of what was deleted there, where that does not come by itself. */
  compact?(range: Pick<KeyRange, 'from' | 'to'>): Promise<void>;
  close(): Promise<void>;
}

export interface KeyRange {
  /** Inclusive. */
  readonly from: Uint8Array;
  /** Exclusive. */
  readonly to: Uint8Array;
  readonly reverse?: boolean;
  readonly limit?: number;
}

/** Puts `value`, or deletes the key if it is null. */
export interface StoreOperation {
  readonly key: Uint8Array;
  readonly value: Uint8Array | null;
}
