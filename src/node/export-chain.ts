/** Writes the chain of a data directory to one file. It is copied, not verified: who imports it does that. */
import { existsSync } from 'node:fs';
import { GENESIS_NUMBER } from '../protocol/block.js';
import type { Hash } from '../protocol/bytes.js';
import { ChainStore } from '../storage/chain-store.js';
import type { BlockBytes } from '../storage/tables.js';
import { writeChainFile } from './chain-file.js';
import { type ChainPlace, openPlace } from './chain-place.js';
import type { ReplayOptions } from './replay.js';

export interface ExportOptions extends ReplayOptions {
  /** network.genesis_id, if it is set. */
  readonly pinned: Hash | null;
  /** Told once how many blocks there are. */
  readonly onTotal?: (blocks: number) => void;
}

export interface Exported {
  readonly genesisId: Hash;
  readonly blocks: number;
}

/** @throws Error if there is no chain, or the file is there already; StorageError for a damaged one */
export async function exportChain(
  place: ChainPlace,
  path: string,
  options: ExportOptions,
): Promise<Exported> {
  // Found out now, not after hours of writing.
  if (existsSync(path)) throw new Error(`${path} is there already`);
  const shadow = await openPlace(place, options.pinned);
  try {
    const chain = await ChainStore.open(shadow.store);
    if (chain === undefined) throw new Error(`there is no chain in ${place.directory}`);
    const { base, head } = chain;
    if (base.number > GENESIS_NUMBER)
      throw new Error(
        `the chain in ${place.directory} has blocks 2 to ${base.number} no more: only a chain that keeps everything can be exported`,
      );
    options.onTotal?.(head.number);
    const blocks = await writeChainFile(path, chain.genesisId, blocksOf(chain, options));
    return { genesisId: chain.genesisId, blocks };
  } finally {
    await shadow.close();
  }
}

async function* blocksOf(chain: ChainStore, { onBlock, signal }: ReplayOptions): AsyncGenerator<BlockBytes> {
  for (let number = GENESIS_NUMBER; number <= chain.head.number; number++) {
    signal?.throwIfAborted();
    const block = chain.blockBytes(number);
    if (block === undefined) throw new Error(`the chain ends before block ${number}`);
    yield block;
    await onBlock?.(number);
  }
}
