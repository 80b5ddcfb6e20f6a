/**
 * The store of a signer's record: a journal, beside a lock that keeps every other process out. It was a LevelDB at
 * first; such a one is taken over.
 */
import { mkdir, readdir, rm } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import type { Clock } from '../ports/clock.js';
import type { Store } from '../ports/store.js';
import { storageError } from './disk-errors.js';
import { StorageError } from './errors.js';
import { beginJournal, readJournal } from './journal-store.js';
import { type LevelStore, openLevelStore } from './level-store.js';
import { MemoryStore } from './memory-store.js';
import { asRecordError, recordDamaged, SignerRecordStore, WHOLE_RECORD } from './signer-record.js';
import { syncDirectory } from './sync-directory.js';

/** An empty LevelDB, for its lock: node itself has none that ends with its process. */
const GUARD = 'guard';
const CURRENT = 'CURRENT';
const OF_LEVELDB = /^(CURRENT|LOCK|LOG|LOG\.old|MANIFEST-\d+|\d+\.(log|ldb|sst|dbtmp))$/;

export interface SignerStore {
  readonly store: Store;
  /** What is lost of the end of the record, for people; it is doubtful from then on. Null if nothing is. */
  readonly damage: string | null;
  close(): Promise<void>;
}

/**
 * The key's record of that network, begun if there is none.
 * @param directory see `signerDirectory`
 * @param clock times the disk
 * @throws StorageError LOCKED, DAMAGED, NOT_WRITABLE or DISK_FULL
 */
export async function openSignerStore(directory: string, clock: Clock): Promise<SignerStore> {
  await makeDirectory(directory);
  const guard = await openGuard(directory);
  try {
    const { entries, damage } = await readRecord(directory);
    if (damage !== null) await SignerRecordStore.distrust(entries);
    const store = await beginJournal(directory, clock, entries);
    const close = () => store.close().finally(() => guard.close());
    try {
      await removeLevel(directory);
    } catch (error) {
      await store.close();
      throw storageError(directory, error);
    }
    return { store, damage, close };
  } catch (error) {
    await guard.close();
    throw asRecordError(error);
  }
}

/** The names above it are synced as well, whoever made them: a record that a power cut takes away was never there. */
async function makeDirectory(directory: string): Promise<void> {
  try {
    await mkdir(directory, { recursive: true });
    for (const made of [directory, dirname(directory)]) await syncDirectory(dirname(made));
  } catch (error) {
    throw storageError(directory, error);
  }
}

async function openGuard(directory: string): Promise<LevelStore> {
  const path = join(directory, GUARD);
  try {
    return await openLevelStore(path, directory);
  } catch (error) {
    if (!(error instanceof StorageError) || error.code !== 'DAMAGED') throw error;
    const why = `the lock of the signer's record is damaged: ${error.why}`;
    throw new StorageError('DAMAGED', `${why}; remove ${path}, in which nothing else is`, {
      cause: error,
      why,
    });
  }
}

interface Found {
  readonly entries: MemoryStore;
  readonly damage: string | null;
}

async function readRecord(directory: string): Promise<Found> {
  const names = await namesIn(directory);
  const journal = await readJournal(directory);
  if (!names.includes(CURRENT)) {
    if (journal !== undefined) return journal;
    // LevelDB would begin a new one there.
    if (names.some((name) => OF_LEVELDB.test(name))) throw recordDamaged('its file CURRENT is missing');
    return { entries: new MemoryStore(), damage: null };
  }
  const level = await readLevel(directory);
  if (journal === undefined) return level;
  // Not removed yet, when it was taken over; but an older ccoin may have run here since then.
  if (isBeyond(level.entries, journal.entries))
    throw recordDamaged(
      journal.damage ?? 'an older ccoin has signed since this one did, without the record of that',
    );
  return { entries: journal.entries, damage: journal.damage ?? level.damage };
}

async function readLevel(directory: string): Promise<Found> {
  const level = await openLevelStore(directory, directory, { create: false });
  try {
    // LevelDB says so once only.
    if (level.droppedAtOpen.length > 0) await SignerRecordStore.distrust(level);
    const entries = new MemoryStore();
    for await (const [key, value] of level.entries(WHOLE_RECORD)) entries.apply([{ key, value }]);
    const { doubtful } = SignerRecordStore.open(entries);
    return { entries, damage: doubtful ? (level.droppedAtOpen[0] ?? 'it lost its end before') : null };
  } finally {
    await level.close();
  }
}

function isBeyond(one: Store, other: Store): boolean {
  const [a, b] = [SignerRecordStore.open(one).state, SignerRecordStore.open(other).state];
  if (a === null || b === null) return a !== null;
  return a.height > b.height || (a.height === b.height && a.slot > b.slot);
}

/** The file without which there is no LevelDB first: what is left then is known for what it is. */
async function removeLevel(directory: string): Promise<void> {
  const names = await namesIn(directory);
  if (!names.some((name) => OF_LEVELDB.test(name))) return;
  await rm(join(directory, CURRENT), { force: true });
  await syncDirectory(directory);
  for (const name of names) if (OF_LEVELDB.test(name)) await rm(join(directory, name), { force: true });
}

/** Anything else that fails must not look like an empty directory. */
async function namesIn(directory: string): Promise<string[]> {
  try {
    return await readdir(directory);
  } catch (error) {
    throw storageError(directory, error);
  }
}
