/** A database that lasts as long as it is open. */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Store } from '../ports/store.js';
import { openLevelStore } from './level-store.js';

export interface TemporaryStore {
  readonly store: Store;
  close(): Promise<void>;
}

/** @throws StorageError if there is no room for one */
export async function openTemporaryStore(): Promise<TemporaryStore> {
  const directory = await mkdtemp(join(tmpdir(), 'ccoin-scratch-'));
  const remove = () => rm(directory, { recursive: true, force: true });
  try {
    const store = await openLevelStore(directory);
    return { store, close: () => store.close().finally(remove) };
  } catch (error) {
    await remove();
    throw error;
  }
}
