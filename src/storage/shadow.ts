/**
 * A database as it stands, read without changing a byte of it. Opening LevelDB rewrites its log and may compact its
 * tables; so it is opened in a temporary directory instead, with copies of its log and manifest, and with links to its
 * tables, which LevelDB never changes and of which it removes the link only.
 *
 * Its lock is held meanwhile: LOCK is a link as well, and what LevelDB locks is the file behind it.
 */
import { constants } from 'node:fs';
import { access, copyFile, mkdir, readdir, symlink } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import type { Store } from '../ports/store.js';
import { damaged, StorageError } from './errors.js';
import { type LevelStore, openLevelStore, salvageLevelStore } from './level-store.js';
import { lendTemporary } from './temporary.js';

const LOCK = 'LOCK';
const TABLE = /^\d+\.(ldb|sst)$/;
const COPIED = /^(CURRENT|MANIFEST-\d+|\d+\.log)$/;

export interface Shadow {
  readonly store: Store;
  /** As LevelStore's. */
  readonly droppedAtOpen: readonly string[];
  /** Why LevelDB itself refused the database, if it had to be salvaged. */
  readonly refusal: string | undefined;
  /** Gives the lock back and removes the temporary directory. */
  close(): Promise<void>;
}

/** Whether there are files of a database in `directory`, sound or not. */
export async function isDatabase(directory: string): Promise<boolean> {
  const names = await readdir(directory).catch(() => []);
  return names.some((name) => TABLE.test(name) || COPIED.test(name));
}

/**
 * @param salvage makes what can be made of a database that LevelDB itself refuses to open
 * @throws StorageError LOCKED, DAMAGED, and NOT_WRITABLE if it may not be locked
 */
export async function openShadow(directory: string, { salvage = false } = {}): Promise<Shadow> {
  const { path: temporary, giveBack } = await lendTemporary('ccoin-shadow-');
  const closers = [giveBack];
  const close = async () => {
    for (const closer of closers.splice(0).reverse()) await closer();
  };
  try {
    const lock = await holdLock(resolve(directory), join(temporary, 'lock'));
    if (lock !== undefined) closers.push(() => lock.close());
    const copy = join(temporary, 'copy');
    await shadowFiles(resolve(directory), copy);
    const refusal = salvage ? await salvageIfRefused(copy, directory) : undefined;
    const store = await open(copy, directory);
    closers.push(() => store.close());
    return { store, droppedAtOpen: store.droppedAtOpen, refusal, close };
  } catch (error) {
    await close();
    throw error;
  }
}

/** Locks by opening an empty database whose LOCK is that of `directory`. Undefined if nobody could be using it. */
async function holdLock(directory: string, holder: string): Promise<Store | undefined> {
  const lock = join(directory, LOCK);
  const obstacle = await access(lock, constants.R_OK | constants.W_OK).then(
    () => undefined,
    (error: NodeJS.ErrnoException) => error.code,
  );
  // Whoever uses a database makes its lock and can write there.
  if (obstacle === 'ENOENT' || obstacle === 'EROFS') return undefined;
  await mkdir(holder);
  await symlink(lock, join(holder, LOCK));
  return openLevelStore(holder, directory);
}

async function shadowFiles(directory: string, copy: string): Promise<void> {
  await mkdir(copy);
  for (const name of await readdir(directory)) {
    const [from, to] = [join(directory, name), join(copy, name)];
    if (TABLE.test(name)) await symlink(from, to);
    else if (COPIED.test(name)) await copyFile(from, to);
  }
}

async function open(copy: string, directory: string): Promise<LevelStore> {
  if ((await readdir(copy)).includes('CURRENT')) return openLevelStore(copy, directory);
  // LevelDB would begin a new one there.
  throw damaged(`the database ${directory}`, 'its file CURRENT is missing');
}

async function salvageIfRefused(copy: string, directory: string): Promise<string | undefined> {
  try {
    await (await open(copy, directory)).close();
    return undefined;
  } catch (error) {
    if (!(error instanceof StorageError) || error.code !== 'DAMAGED') throw error;
    await salvageLevelStore(copy, directory);
    return error.why;
  }
}
