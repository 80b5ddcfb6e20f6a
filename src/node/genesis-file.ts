/** `<base_path>/<address>/genesis.block`: where `initc` leaves the genesis block and a node takes it from. */
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { accountDirectory } from '../keys/account.js';
import { writeFileAtomic } from '../keys/write-file.js';
import type { Address } from '../protocol/bytes.js';
import { ProtocolError } from '../protocol/errors.js';
import { type Genesis, readGenesisBlock } from '../protocol/genesis.js';

export const GENESIS_FILE = 'genesis.block';

/**
 * The genesis that is there, if any.
 * @throws Error if the file is no sound genesis block, or cannot be read
 */
export function readGenesisFile(basePath: string, address: Address): Promise<Genesis | undefined> {
  return readGenesisAt(join(accountDirectory(basePath, address), GENESIS_FILE));
}

/** As `readGenesisFile`, of any file. */
export async function readGenesisAt(path: string): Promise<Genesis | undefined> {
  try {
    return readGenesisBlock(await readFile(path));
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
    if (!(error instanceof ProtocolError)) throw error;
    throw new Error(`${path} is damaged, or no genesis block: ${error.message}`, { cause: error });
  }
}

/**
 * Leaves `genesis` for the node of `address`. Writing the same again changes nothing.
 * @throws Error if another one is there: a node must not change its network by mistake
 */
export async function writeGenesisFile(basePath: string, address: Address, genesis: Genesis): Promise<void> {
  const path = join(accountDirectory(basePath, address), GENESIS_FILE);
  const before = await readGenesisFile(basePath, address);
  if (before?.block.id === genesis.block.id) return;
  if (before !== undefined) {
    throw new Error(
      `${path} holds another genesis block, ${before.block.id}, made from another genesis file (its time is ${before.config.time}): ` +
        'use that file, another account, or another app.base_path',
    );
  }
  await writeFileAtomic(path, genesis.block.wire, { mode: 0o644, directoryMode: 0o700, exclusive: true });
}
