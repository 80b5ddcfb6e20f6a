/**
 * Where a node of an account keeps what:
 *
 * - `<base_path>/<address>/.keys/`: the account's key
 * - `<base_path>/<address>/chain/`: the chain, which can be deleted and synced again
 * - `<base_path>/<address>/chain/files/`: what the node makes of it for itself, such as a copy of the state tree
 * - `<base_path>/<address>/signer/<genesis_id>/`: what a validator has signed, which must never be lost or copied
 *   without its key: it outlives a reset of the chain
 *
 * Both have a lock, LevelDB's own, so no second process can use them.
 */
import { join } from 'node:path';
import type { Address, Hash } from '../protocol/bytes.js';

export const keysDirectory = (basePath: string, address: Address) => join(basePath, address, '.keys');

export const CHAIN_DIRECTORY = 'chain';

export const chainDirectory = (basePath: string, address: Address) =>
  join(basePath, address, CHAIN_DIRECTORY);

export const filesDirectory = (basePath: string, address: Address) =>
  join(chainDirectory(basePath, address), 'files');

export const signerDirectory = (basePath: string, address: Address, genesisId: Hash) =>
  join(basePath, address, 'signer', genesisId);
