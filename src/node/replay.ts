/**
 * A chain made again out of its blocks: each is checked and executed as if a peer had given it, by the same `Chain`.
 * Verifying, repairing and importing are this, from different sources and onto different stores.
 */
import { rulesOf } from '../ledger/rules.js';
import type { Store } from '../ports/store.js';
import type { Worker } from '../ports/worker.js';
import { GENESIS_NUMBER } from '../protocol/block.js';
import { ProtocolError } from '../protocol/errors.js';
import { DiskGuard } from '../storage/disk-guard.js';
import { StorageError } from '../storage/errors.js';
import type { BlockBytes, ChainTables } from '../storage/tables.js';
import { numberOfBlock } from '../sync/block-number.js';
import type { ImportVerdict } from './block-import.js';
import { Chain, type Committed } from './chain.js';
import { openChain } from './open-stores.js';
import { SignatureCache } from './signature-cache.js';

/** Even of the largest blocks so many are fewer bytes than what DiskGuard keeps free. */
const CHECK_DISK_EVERY = 32;

/** The first block that is missing, unreadable or invalid; the message says which it is, and why. */
export class BlockFault extends Error {
  override readonly name = 'BlockFault';
  readonly number: number;

  constructor(number: number, why: string, options?: ErrorOptions) {
    super(`block ${number}: ${why}`, options);
    this.number = number;
  }
}

export interface NumberedBlock extends BlockBytes {
  /** Where it was found; what it says of itself is checked. */
  readonly number: number;
}

export interface ReplayOptions {
  /** Called when the block of that number is applied; what it throws ends the replay. */
  readonly onBlock?: (number: number) => void | Promise<void>;
  /** Aborted, the replay ends after a whole block, with the signal's reason. */
  readonly signal?: AbortSignal;
}

/**
 * The chain in `store`, begun with genesis if the store is empty.
 * @throws ProtocolError for a bad genesis block, StorageError
 */
export async function chainOn(
  store: Store,
  genesisBlock: Uint8Array,
  worker: Worker,
  onCommit: (committed: readonly Committed[]) => void = () => {},
  options: { readonly maxWriteBlocks?: number } = {},
): Promise<Chain> {
  const opened = await openChain(store, genesisBlock);
  const rules = rulesOf(opened.genesis, opened.store.genesisId);
  return new Chain({ ...opened, ...options, rules, worker, verified: new SignatureCache() }, onCommit);
}

/**
 * Applies `blocks`, the first of which follows the head. Whatever ends it, all good blocks up to there are applied.
 * @throws BlockFault, and what `blocks` and the store throw
 */
export async function replay(
  chain: Chain,
  blocks: Iterable<NumberedBlock> | AsyncIterable<NumberedBlock>,
  { onBlock, signal }: ReplayOptions = {},
): Promise<void> {
  const taken = new Taken(chain, async (number) => {
    await onBlock?.(number);
    signal?.throwIfAborted();
  });
  try {
    for await (const { number, block, certificate } of blocks) {
      if (certificate === null) throw new BlockFault(number, 'its certificate is missing');
      // The chain itself takes no offence at a block that it has already.
      if (isBelow(number, block)) throw new BlockFault(number, 'another, older block is there');
      while (!chain.hasRoom(block.length + certificate.length)) await taken.settleFirst();
      taken.add(number, chain.applyCertified(block, certificate));
    }
  } catch (error) {
    // A fault of a block before goes before it.
    await taken.settle();
    throw error;
  }
  await taken.settle();
}

function isBelow(number: number, block: Uint8Array): boolean {
  try {
    return numberOfBlock(block) < number;
  } catch (error) {
    // What has no number is for the chain to refuse.
    if (error instanceof ProtocolError) return false;
    throw error;
  }
}

/** Blocks that were handed to the chain and not judged yet: how many is bounded by the chain's room. */
class Taken {
  readonly #chain: Chain;
  readonly #onBlock: (number: number) => Promise<void>;
  readonly #waiting: { readonly number: number; readonly verdict: Promise<ImportVerdict> }[] = [];

  constructor(chain: Chain, onBlock: (number: number) => Promise<void>) {
    this.#chain = chain;
    this.#onBlock = onBlock;
  }

  add(number: number, verdict: Promise<ImportVerdict>): void {
    // Whoever settles it hears of a rejection; those behind the first one are not waited for.
    verdict.catch(() => {});
    this.#waiting.push({ number, verdict });
  }

  /** @throws BlockFault, what the store and `onBlock` throw; nothing else can be settled then */
  async settleFirst(): Promise<void> {
    const first = this.#waiting.shift();
    if (first === undefined) return;
    const { number } = first;
    try {
      const error = await first.verdict;
      if (error === undefined)
        throw new Error(`block ${number} was not judged although those before are good`);
      if (error !== null) throw new BlockFault(number, `${error.code}: ${error.message}`, { cause: error });
      await this.#onBlock(number);
    } catch (error) {
      this.#waiting.length = 0;
      await this.#chain.settled();
      throw error;
    }
  }

  async settle(): Promise<void> {
    while (this.#waiting.length > 0) await this.settleFirst();
  }
}

/** `options`, with a look at the disk of `directory` now and then. What is thrown when it is full: StorageError DISK_FULL */
export function withDiskCheck(directory: string, options: ReplayOptions): ReplayOptions {
  const disk = new DiskGuard(directory);
  return {
    ...options,
    onBlock: async (number) => {
      if (number % CHECK_DISK_EVERY === 0) await disk.check();
      await options.onBlock?.(number);
    },
  };
}

/**
 * The blocks of a chain's database behind genesis, or behind `base`, up to the last one that has all before it.
 * @throws BlockFault for one that cannot be read
 */
export function* storedBlocks(tables: ChainTables, base = 0): Generator<NumberedBlock> {
  for (let number = Math.max(base, GENESIS_NUMBER) + 1; ; number++) {
    const stored = storedBlock(tables, number);
    if (stored === undefined) return;
    yield { number, ...stored };
  }
}

/** @throws BlockFault if it cannot be read */
export function storedBlock(tables: ChainTables, number: number): BlockBytes | undefined {
  try {
    return tables.block(number);
  } catch (error) {
    if (!(error instanceof StorageError)) throw error;
    throw new BlockFault(number, `it cannot be read: ${error.why}`, { cause: error });
  }
}
