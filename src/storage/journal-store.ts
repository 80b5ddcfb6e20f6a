/**
 * `Store` for a few entries that are written all the time, where whoever writes waits for the disk: a signer's record.
 * All of them are in memory; on the disk is a journal of what was written (`journal.ts`), a file of fixed size that is
 * written over in place, so that a sync has no more to do than those bytes. A journal that is full makes way for a new
 * one, which begins with all entries.
 *
 * A quick disk is waited for right here, in the thread that decides everything: the way to another thread and back takes
 * as long again. While the disk is not quick, and for much at once, a thread waits for it.
 *
 * Nothing here keeps a second process away.
 */
import { fdatasyncSync, writeSync } from 'node:fs';
import { type FileHandle, mkdir, open, readFile, rename, rm } from 'node:fs/promises';
import { join } from 'node:path';
import type { Clock } from '../ports/clock.js';
import type { KeyRange, Store, StoreOperation } from '../ports/store.js';
import { ProtocolError } from '../protocol/errors.js';
import { nameOf, storageError } from './disk-errors.js';
import { damaged } from './errors.js';
import { decodeJournal, encodeBatch, encodeJournal, type JournalContent } from './journal.js';
import { MemoryStore } from './memory-store.js';
import { Patience } from './patience.js';
import { syncDirectory } from './sync-directory.js';

const JOURNAL = 'journal';
const TEMPORARY = 'journal.part';
/** A thousand blocks of a quiet network. */
const MIN_BYTES = 1024 * 1024;
/** Of large entries there is room for so many times as much, before they are all written once more, */
const SPARE_TIMES = 3;
/** but no more than this: four proposals of the largest size. */
const MAX_SPARE_BYTES = 8 * 1024 * 1024;
/** Proposals of a few dozen transactions; the disk takes no longer for these than for a vote. */
const MAX_BYTES_IN_PLACE = 32 * 1024;

export interface ReadJournal {
  readonly entries: MemoryStore;
  /** What is wrong behind these entries, where others may have been; null if nothing is. */
  readonly damage: string | null;
}

/** What the journal in `directory` holds; undefined if there is none. Writes nothing. @throws StorageError */
export async function readJournal(directory: string): Promise<ReadJournal | undefined> {
  const bytes = await readFile(join(directory, JOURNAL)).catch((error: NodeJS.ErrnoException) => {
    if (error.code === 'ENOENT' || error.code === 'ENOTDIR') return undefined;
    throw storageError(directory, error);
  });
  if (bytes === undefined) return undefined;
  const { batches, damage } = decoded(directory, bytes);
  const entries = new MemoryStore();
  for (const batch of batches) entries.apply(batch);
  return { entries, damage };
}

/**
 * Goes on with these entries in a new journal. What was read may be in the memory of the system only, if a process or a
 * sync failed before, so it is written again, and synced, before anybody relies on it.
 * @param directory is made if need be; a journal that is there makes way
 * @param clock times the disk
 * @throws StorageError NOT_WRITABLE or DISK_FULL
 */
export async function beginJournal(
  directory: string,
  clock: Clock,
  entries: MemoryStore,
): Promise<JournalStore> {
  try {
    await mkdir(directory, { recursive: true });
    return new JournalStore(directory, clock, entries, await begin(directory, entries));
  } catch (error) {
    throw storageError(directory, error);
  }
}

/** An open journal, and where its next batch belongs. */
interface Place {
  readonly file: FileHandle;
  readonly sizeBytes: number;
  end: number;
}

export class JournalStore implements Store {
  readonly directory: string;
  readonly #clock: Clock;
  readonly #entries: MemoryStore;
  readonly #patience = new Patience();
  #place: Place;
  /** The last write. Once one has failed, nobody knows how much of it is on the disk, and all that follow fail with it. */
  #written: Promise<void> = Promise.resolve();
  /** How many batches were asked for, and how many of them a new journal began with. */
  #asked = 0;
  #begunWith = 0;
  #closed = false;

  constructor(directory: string, clock: Clock, entries: MemoryStore, place: Place) {
    this.directory = directory;
    this.#clock = clock;
    this.#entries = entries;
    this.#place = place;
  }

  get(key: Uint8Array): Uint8Array | undefined {
    return this.#entries.get(key);
  }

  getMany(keys: readonly Uint8Array[]): (Uint8Array | undefined)[] {
    return this.#entries.getMany(keys);
  }

  entries(range: KeyRange): AsyncIterable<readonly [Uint8Array, Uint8Array]> {
    return this.#entries.entries(range);
  }

  /** Every write is synced. What waits for its turn is read already. */
  write(operations: readonly StoreOperation[], _options: { sync: boolean }): Promise<void> {
    if (this.#closed) return Promise.reject(new Error('the journal is closed'));
    if (operations.length === 0) return this.#written;
    const batch = encodeBatch(operations);
    this.#entries.apply(operations);
    const number = ++this.#asked;
    this.#written = this.#written.then(() => this.#put(batch, number));
    return this.#written;
  }

  /** Waits for what was asked for. */
  async close(): Promise<void> {
    this.#closed = true;
    await this.#written.catch(() => {});
    await this.#place.file.close();
    await this.#entries.close();
  }

  async #put(batch: Buffer, number: number): Promise<void> {
    if (number <= this.#begunWith) return;
    try {
      const { file, end, sizeBytes } = this.#place;
      if (end + batch.length > sizeBytes) {
        await file.close();
        // With all that was asked for so far: once more, and it would bring back what later batches deleted.
        this.#begunWith = this.#asked;
        this.#place = await begin(this.directory, this.#entries);
        return;
      }
      this.#place.end += batch.length;
      if (batch.length > MAX_BYTES_IN_PLACE || !this.#patience.suffices()) {
        await writeInThread(file, batch, end);
        return;
      }
      const beganMs = this.#clock.monotonic();
      writeInPlace(file, batch, end);
      this.#patience.took(this.#clock.monotonic() - beganMs);
    } catch (error) {
      throw storageError(this.directory, error);
    }
  }
}

/** A journal with these entries takes the place of the one that is there, if any, whole or not at all. */
async function begin(directory: string, entries: MemoryStore): Promise<Place> {
  const batch = encodeBatch(entries.all());
  const spareBytes = Math.min(SPARE_TIMES * batch.length, MAX_SPARE_BYTES);
  const { bytes, end } = encodeJournal(batch, MIN_BYTES, spareBytes);
  const temporary = join(directory, TEMPORARY);
  const file = await open(temporary, 'w', 0o600);
  try {
    await file.writeFile(bytes);
    await file.sync();
    await rename(temporary, join(directory, JOURNAL));
    await syncDirectory(directory);
  } catch (error) {
    await file.close().catch(() => {});
    await rm(temporary, { force: true }).catch(() => {});
    throw error;
  }
  return { file, end, sizeBytes: bytes.length };
}

function writeInPlace({ fd }: FileHandle, bytes: Buffer, at: number): void {
  let done = 0;
  while (done < bytes.length) done += writeSync(fd, bytes, done, bytes.length - done, at + done);
  fdatasyncSync(fd);
}

async function writeInThread(file: FileHandle, bytes: Buffer, at: number): Promise<void> {
  let done = 0;
  while (done < bytes.length)
    done += (await file.write(bytes, done, bytes.length - done, at + done)).bytesWritten;
  await file.datasync();
}

function decoded(directory: string, bytes: Buffer): JournalContent {
  try {
    const content = decodeJournal(bytes);
    if (content !== undefined) return content;
  } catch (error) {
    if (!(error instanceof ProtocolError)) throw error;
    throw damaged(nameOf(directory), `its journal holds something else (${error.message})`, error);
  }
  throw damaged(nameOf(directory), 'its journal does not begin as one');
}
