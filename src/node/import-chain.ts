/**
 * Takes a chain from a file into a data directory that has none, or a shorter one of the same network. The file is
 * believed as little as a peer: each block comes in as it does while syncing. Whatever stops it, the directory holds
 * whole blocks, all of them checked.
 */
import type { Store } from '../ports/store.js';
import { decodeBlock } from '../protocol/block.js';
import type { Hash } from '../protocol/bytes.js';
import { ProtocolError } from '../protocol/errors.js';
import { readGenesisBlock } from '../protocol/genesis.js';
import { decodeSealedHeader } from '../protocol/sealed-header.js';
import { openLevelStore } from '../storage/level-store.js';
import { RelaxedStore } from '../storage/relaxed-store.js';
import { ChainTables, parsed } from '../storage/tables.js';
import type { Chain } from './chain.js';
import { ChainFile, ChainFileError } from './chain-file.js';
import { type ChainPlace, genesisBeside } from './chain-place.js';
import {
  BlockFault,
  chainOn,
  type NumberedBlock,
  type ReplayOptions,
  replay,
  withDiskCheck,
} from './replay.js';
import type { PlaceOptions } from './verify-chain.js';

export interface Imported {
  readonly genesisId: Hash;
  /** The head before; 0 if there was no chain. */
  readonly before: number;
  /** The head now. */
  readonly blocks: number;
}

/**
 * @throws ChainFileError for a file that is not what it should be or holds a bad block; Error and StorageError for a
 * directory of another network, or one that cannot be used
 */
export async function importChain(place: ChainPlace, path: string, options: PlaceOptions): Promise<Imported> {
  const file = await ChainFile.open(path);
  try {
    const expected = (await genesisBeside(place, options.pinned))?.block.id ?? options.pinned;
    if (expected !== null && file.genesisId !== expected) {
      const message = `${path} is of the network of genesis ${file.genesisId}, not of that of ${expected}`;
      throw new ChainFileError(message);
    }
    const blocks = file.blocks();
    const genesisBlock = await takeGenesis(file, path, blocks);
    const store = new RelaxedStore(await openLevelStore(place.directory));
    try {
      const chain = await chainOn(store, genesisBlock, options.worker);
      const before = place.exists ? chain.head.header.number : 0;
      await takeBlocks(chain, store, path, blocks, withDiskCheck(place.directory, options));
      return { genesisId: file.genesisId, before, blocks: chain.head.header.number };
    } finally {
      await store.close();
    }
  } finally {
    await file.close();
  }
}

async function takeGenesis(
  file: ChainFile,
  path: string,
  blocks: AsyncGenerator<NumberedBlock>,
): Promise<Uint8Array> {
  const first = await blocks.next();
  if (first.done === true) throw new ChainFileError(`${path} holds no block`);
  try {
    const { block } = readGenesisBlock(first.value.block);
    if (block.id === file.genesisId) return block.wire;
    throw new ChainFileError(`${path} begins with another genesis block than it says: ${block.id}`);
  } catch (error) {
    if (!(error instanceof ProtocolError)) throw error;
    throw new ChainFileError(`${path} begins with no genesis block: ${error.message}`, { cause: error });
  }
}

async function takeBlocks(
  chain: Chain,
  store: Store,
  path: string,
  blocks: AsyncGenerator<NumberedBlock>,
  options: ReplayOptions,
): Promise<void> {
  try {
    await replay(chain, behindHead(chain, store, blocks), options);
  } catch (error) {
    const what = error instanceof BlockFault ? `${path}: ${error.message}` : undefined;
    if (what === undefined && !(error instanceof ChainFileError)) throw error;
    const message = `${what ?? (error as Error).message}; the chain here ends with block ${chain.head.header.number}`;
    throw new ChainFileError(message, { cause: error });
  }
}

/** What is not here yet. @throws BlockFault if a block that is here is another one than in the file */
async function* behindHead(
  chain: Chain,
  store: Store,
  blocks: AsyncGenerator<NumberedBlock>,
): AsyncGenerator<NumberedBlock> {
  const { number: head } = chain.head.header;
  const tables = new ChainTables(store);
  for await (const block of blocks) {
    const { number } = block;
    if (number > head) {
      yield block;
      continue;
    }
    const own = ownId(tables, number);
    // Below what is kept even of headers nothing can be compared; the base proves all before it.
    if (own === undefined) continue;
    const other = idOf(chain, number, block.block);
    if (own !== other) throw new BlockFault(number, `it is ${other}, and here it is ${own}`);
  }
}

/** Undefined where not even its header is kept. */
function ownId(tables: ChainTables, number: number): Hash | undefined {
  const stored = tables.header(number);
  return stored && parsed(`block ${number}`, stored.sealedHeader, decodeSealedHeader).id;
}

function idOf(chain: Chain, number: number, block: Uint8Array | undefined): Hash {
  try {
    return decodeBlock(block ?? new Uint8Array(), chain.rules.genesisId).id;
  } catch (error) {
    if (!(error instanceof ProtocolError)) throw error;
    throw new BlockFault(number, `${error.code}: ${error.message}`, { cause: error });
  }
}
