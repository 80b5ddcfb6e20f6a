/** Where a chain lies on the disk, for the commands that work on one while no node runs on it. */
import { basename, dirname, join, resolve } from 'node:path';
import type { Store } from '../ports/store.js';
import { GENESIS_NUMBER } from '../protocol/block.js';
import type { Hash } from '../protocol/bytes.js';
import { ProtocolError } from '../protocol/errors.js';
import { type Genesis, readGenesisBlock } from '../protocol/genesis.js';
import { CHAIN_DIRECTORY } from '../storage/data-directory.js';
import { StorageError } from '../storage/errors.js';
import { bringUpToDate } from '../storage/format.js';
import { isDatabase, openShadow, type Shadow } from '../storage/shadow.js';
import { ChainTables } from '../storage/tables.js';
import { GENESIS_FILE, readGenesisAt } from './genesis-file.js';

export interface ChainPlace {
  /** Of the database; its parent is the account's directory. */
  readonly directory: string;
  /** Whether there are files of a database. */
  readonly exists: boolean;
}

/** @param path an account's directory or its chain directory */
export async function chainPlace(path: string): Promise<ChainPlace> {
  const directory = resolve(path);
  const below = join(directory, CHAIN_DIRECTORY);
  if (await isDatabase(below)) return { directory: below, exists: true };
  if (await isDatabase(directory)) return { directory, exists: true };
  return { directory: basename(directory) === CHAIN_DIRECTORY ? directory : below, exists: false };
}

/**
 * The genesis that `initc` left, or a peer gave, beside the chain.
 * @param pinned network.genesis_id, if it is set
 * @throws Error if it is damaged, or another than the pinned one
 */
export async function genesisBeside(
  { directory }: ChainPlace,
  pinned: Hash | null,
): Promise<Genesis | undefined> {
  const path = join(dirname(directory), GENESIS_FILE);
  const genesis = await readGenesisAt(path);
  if (genesis !== undefined && pinned !== null && genesis.block.id !== pinned) {
    throw new Error(`${path} is ${genesis.block.id}, but network.genesis_id names ${pinned}`);
  }
  return genesis;
}

/**
 * The database as it stands, locked, and never written to; in today's format, if it says that it has an older one.
 * @param genesisId of the network that it has to be of, if that is known
 * @param salvage makes what can be made of a database that cannot be opened any more
 * @throws Error if there is none; StorageError LOCKED, NEWER_FORMAT, OTHER_GENESIS, DAMAGED if it cannot be opened
 */
export async function openPlace(
  { directory, exists }: ChainPlace,
  genesisId: Hash | null,
  { salvage = false } = {},
): Promise<Shadow> {
  if (!exists) throw new Error(`there is no chain in ${directory}`);
  const shadow = await openShadow(directory, { salvage });
  try {
    await unlessDamaged(() => bringUpToDate(shadow.store));
    await unlessDamaged(() => assertNetwork(shadow.store, genesisId));
    return shadow;
  } catch (error) {
    await shadow.close();
    throw error;
  }
}

export function isDamage(error: unknown): error is StorageError {
  return error instanceof StorageError && error.code === 'DAMAGED';
}

/** Damage is left to whoever looks into the database. */
async function unlessDamaged(look: () => unknown): Promise<void> {
  try {
    await look();
  } catch (error) {
    if (!isDamage(error) && !(error instanceof ProtocolError)) throw error;
  }
}

/** A whole genesis block of its own makes it another network's; a wrong id alone is damage. */
function assertNetwork(store: Store, genesisId: Hash | null): void {
  const stored = new ChainTables(store).block(GENESIS_NUMBER);
  if (genesisId === null || stored === undefined) return;
  const { block } = readGenesisBlock(stored.block);
  if (block.id === genesisId) return;
  const message = `the chain database belongs to the network of genesis ${block.id}, not to that of ${genesisId}`;
  throw new StorageError('OTHER_GENESIS', message);
}
