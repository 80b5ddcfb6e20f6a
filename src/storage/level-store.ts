/**
 * `Store` on LevelDB.
 *
 * LevelDB checks the checksums of its log, but this binding does not let it check those of its tables, and a
 * compaction would even give flipped bits a good checksum again. So every value carries a CRC-32 over its key and
 * itself: what `get` and `entries` give is what was written, or a DAMAGED error. An entry whose *key* was hit is
 * missing to `get`: whoever knows that it must be there (ChainStore) says so.
 */
import { mkdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { crc32 } from 'node:zlib';
import { ClassicLevel, type Iterator as LevelIterator } from 'classic-level';
import type { KeyRange, Store, StoreOperation } from '../ports/store.js';
import { nameOf, storageError } from './disk-errors.js';
import { damaged } from './errors.js';

/** LevelDB's log grows to this before it becomes a table; two logs may be alive at once. */
export const WRITE_BUFFER_BYTES = 8 * 1024 * 1024;
/** LevelDB's cache of table blocks. */
const BLOCK_CACHE_BYTES = 32 * 1024 * 1024;
/**
 * Entries an iterator hands over at a time: few at first, for whoever wants a page, then ever more, as each handing over
 * is a way into a thread and back. By itself the binding would stop at 16 KiB.
 */
const ENTRIES_AT_FIRST = 64;
const ENTRIES_AT_ONCE = 4_096;
const BYTES_AT_ONCE = 128 * 1024;
const CHECKSUM_BYTES = 4;

type Level = ClassicLevel<Uint8Array, Uint8Array>;

/**
 * Opens the database in `directory`, which is made if need be; one process at a time may hold it.
 * @param shownAs what errors call it, if another name says more to the operator
 * @param create false to take only one that is there, and to leave nothing behind where none is
 * @throws StorageError LOCKED, DAMAGED, NOT_WRITABLE or DISK_FULL
 */
export async function openLevelStore(
  directory: string,
  shownAs = directory,
  { create = true } = {},
): Promise<LevelStore> {
  const level: Level = new ClassicLevel(directory, {
    keyEncoding: 'view',
    valueEncoding: 'view',
    writeBufferSize: WRITE_BUFFER_BYTES,
    cacheSize: BLOCK_CACHE_BYTES,
    createIfMissing: create,
  });
  try {
    if (create) await mkdir(directory, { recursive: true });
    await level.open();
    return new LevelStore(shownAs, level, await droppedFromLog(directory));
  } catch (error) {
    throw storageError(shownAs, error);
  }
}

/**
 * Makes a database out of whatever tables and logs are in `directory`, for one that cannot be opened any more. Entries
 * may be lost, and older ones come back in the place of newer: what it holds afterwards is to be checked.
 * @throws StorageError
 */
export async function salvageLevelStore(directory: string, shownAs = directory): Promise<void> {
  try {
    await ClassicLevel.repair(directory);
  } catch (error) {
    throw storageError(shownAs, error);
  }
}

export class LevelStore implements Store {
  readonly directory: string;
  /**
   * What LevelDB found unreadable in its log when it opened, and left out, in its own words: after a power cut the
   * tail of a write that was never confirmed; anything else is a damaged disk. Empty after every orderly stop.
   */
  readonly droppedAtOpen: readonly string[];
  readonly #level: Level;
  /** Once a write has failed nobody knows how much of it is on the disk, so nothing may follow it. */
  #failure: Error | undefined;

  constructor(directory: string, level: Level, droppedAtOpen: readonly string[]) {
    this.directory = directory;
    this.#level = level;
    this.droppedAtOpen = droppedAtOpen;
  }

  get(key: Uint8Array): Uint8Array | undefined {
    let stored: Uint8Array | undefined;
    try {
      stored = this.#level.getSync(key);
    } catch (error) {
      throw storageError(this.directory, error);
    }
    return stored && this.#unseal(key, stored);
  }

  /** Twice as fast one by one as LevelDB's own getMany, which crosses into a thread and back. */
  getMany(keys: readonly Uint8Array[]): (Uint8Array | undefined)[] {
    return keys.map((key) => this.get(key));
  }

  /** An iterable that is never iterated holds its snapshot until the store is closed. */
  entries(range: KeyRange): AsyncIterable<readonly [Uint8Array, Uint8Array]> {
    const iterator = this.#level.iterator({
      gte: range.from,
      lt: range.to,
      reverse: range.reverse ?? false,
      limit: range.limit ?? -1,
      highWaterMarkBytes: BYTES_AT_ONCE,
    });
    return this.#drain(iterator);
  }

  async *#drain(
    iterator: LevelIterator<Level, Uint8Array, Uint8Array>,
  ): AsyncGenerator<readonly [Uint8Array, Uint8Array]> {
    try {
      for (let count = ENTRIES_AT_FIRST; ; count = Math.min(2 * count, ENTRIES_AT_ONCE)) {
        const batch = await iterator.nextv(count);
        if (batch.length === 0) return;
        for (const [key, stored] of batch) yield [key, this.#unseal(key, stored)];
      }
    } catch (error) {
      throw storageError(this.directory, error);
    } finally {
      await iterator.close();
    }
  }

  async write(operations: readonly StoreOperation[], options: { sync: boolean }): Promise<void> {
    if (this.#failure !== undefined) throw this.#failure;
    if (operations.length === 0) return;
    // A chained batch keeps the calling thread for a twentieth of the time that an array of operations does.
    const batch = this.#level.batch();
    for (const { key, value } of operations) {
      if (value === null) batch.del(key);
      else batch.put(key, seal(key, value));
    }
    try {
      await batch.write(options);
    } catch (error) {
      this.#failure = storageError(this.directory, error);
      throw this.#failure;
    }
  }

  /** In a thread of its own. LevelDB by itself leaves deleted entries in large files until something moves these. */
  async compact({ from, to }: Pick<KeyRange, 'from' | 'to'>): Promise<void> {
    try {
      await this.#level.compactRange(from, to);
    } catch (error) {
      throw storageError(this.directory, error);
    }
  }

  async close(): Promise<void> {
    await this.#level.close();
  }

  #unseal(key: Uint8Array, stored: Uint8Array): Uint8Array {
    const value = stored.subarray(CHECKSUM_BYTES);
    if (stored.length < CHECKSUM_BYTES || readChecksum(stored) !== checksum(key, value)) {
      throw damaged(
        nameOf(this.directory),
        `the entry ${Buffer.from(key).toString('hex')} fails its checksum`,
      );
    }
    return value;
  }
}

function checksum(key: Uint8Array, value: Uint8Array): number {
  return crc32(value, crc32(key));
}

function seal(key: Uint8Array, value: Uint8Array): Uint8Array {
  const sealed = Buffer.allocUnsafe(CHECKSUM_BYTES + value.length);
  sealed.writeUInt32BE(checksum(key, value));
  sealed.set(value, CHECKSUM_BYTES);
  return sealed;
}

function readChecksum(stored: Uint8Array): number {
  return new DataView(stored.buffer, stored.byteOffset).getUint32(0);
}

/** LevelDB says what it dropped only in its own LOG, which it starts anew at each open. */
async function droppedFromLog(directory: string): Promise<string[]> {
  const log = await readFile(join(directory, 'LOG'), 'utf8').catch((error: NodeJS.ErrnoException) => {
    // Whoever tries to open it too moves this file away before it finds the lock taken.
    if (error.code === 'ENOENT') return '';
    throw error;
  });
  return log.split('\n').filter((line) => line.includes(': dropping '));
}
