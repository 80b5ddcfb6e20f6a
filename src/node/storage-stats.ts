/** What an account's directory takes on the disk, and what of it: the databases by kind of entry, and the files. */
import { readdir, stat } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import { CHAIN_DIRECTORY } from '../storage/data-directory.js';
import { readJournal } from '../storage/journal-store.js';
import { isDatabase, openShadow, type Shadow } from '../storage/shadow.js';
import { asRecordError } from '../storage/signer-record.js';
import { chainStats, type KindStats, totalStats } from '../storage/storage-stats.js';
import { ChainTables } from '../storage/tables.js';
import { type ChainPlace, openPlace } from './chain-place.js';

export interface FileStats {
  /** A directory or file of the account. */
  readonly path: string;
  readonly files: number;
  readonly bytes: number;
}

export interface StorageStats {
  /** Blocks of the chain; 0 if it has none. */
  readonly blocks: number;
  /** The lowest block whose state is kept; 0 if all is. */
  readonly base: number;
  readonly kinds: readonly KindStats[];
  readonly files: readonly FileStats[];
}

const SIGNER_DIRECTORY = 'signer';

/** Writes nothing. No node may be running there. @throws Error if there is no chain; StorageError */
export async function storageStats(place: ChainPlace, signal?: AbortSignal): Promise<StorageStats> {
  const { directory } = place;
  // A copy may lie anywhere: what is beside it is none of ours.
  const account = basename(directory) === CHAIN_DIRECTORY ? dirname(directory) : undefined;
  const shadow = await openPlace(place, null);
  try {
    const tables = new ChainTables(shadow.store);
    return {
      blocks: tables.head()?.number ?? 0,
      base: tables.base().number,
      kinds: [
        ...(await chainStats(shadow.store, signal)),
        ...(account === undefined ? [] : await signerStats(account)),
      ],
      files: [await sizeOf(directory, basename(directory)), ...(await filesBeside(directory, account))],
    };
  } finally {
    await shadow.close();
  }
}

/** One record a network. */
async function signerStats(account: string): Promise<KindStats[]> {
  const directory = join(account, SIGNER_DIRECTORY);
  const stats: KindStats[] = [];
  for (const network of await readdir(directory).catch(() => [])) {
    try {
      const record = await readSigner(join(directory, network));
      if (record === undefined) continue;
      const name = `signer's record of ${network.slice(0, 8)}`;
      stats.push(await totalStats(record.store, name).finally(() => record.close()));
    } catch (error) {
      throw asRecordError(error);
    }
  }
  return stats;
}

/** A journal, or the LevelDB of an older ccoin that did not run since. Undefined if there is neither. */
async function readSigner(directory: string): Promise<Pick<Shadow, 'store' | 'close'> | undefined> {
  const journal = await readJournal(directory);
  if (journal !== undefined) return { store: journal.entries, close: () => journal.entries.close() };
  return (await isDatabase(directory)) ? await openShadow(directory) : undefined;
}

async function filesBeside(chain: string, account: string | undefined): Promise<FileStats[]> {
  if (account === undefined) return [];
  const stats: FileStats[] = [];
  for (const name of await readdir(account)) {
    if (name !== basename(chain)) stats.push(await sizeOf(join(account, name), name));
  }
  return stats;
}

async function sizeOf(path: string, shownAs: string): Promise<FileStats> {
  const found = await stat(path);
  if (!found.isDirectory()) return { path: shownAs, files: 1, bytes: found.size };
  let files = 0;
  let bytes = 0;
  for (const entry of await readdir(path, { withFileTypes: true, recursive: true })) {
    if (!entry.isFile()) continue;
    // What is removed meanwhile takes nothing.
    const file = await stat(join(entry.parentPath, entry.name)).catch(() => undefined);
    if (file === undefined) continue;
    files++;
    bytes += file.size;
  }
  return { path: shownAs, files, bytes };
}
