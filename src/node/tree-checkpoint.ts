/**
 * Keeps a copy of the state tree on the disk, now and then and at a clean stop, and takes it up again at the next start:
 * only what the blocks since did, as their records of changes say, has to be hashed then. The copy is never more than a
 * shortcut. Without one, with one that is damaged or of another chain, or if what comes out is not the head's state root,
 * the tree is built from the accounts as ever.
 */
import type { Files } from '../ports/files.js';
import type { Address } from '../protocol/bytes.js';
import type { AccountRecord } from '../protocol/state.js';
import { StateTree, type TrailOf } from '../protocol/state-tree.js';
import type { ChainStore } from '../storage/chain-store.js';
import { readTree, type StoredTree, writeTree } from '../storage/tree-file.js';
import type { Log } from './log.js';

export const TREE_FILE = 'state-tree';
/** Blocks between two copies: what a start after a crash has to catch up with, at the most. */
export const CHECKPOINT_EVERY = 1_000;
/** Blocks whose changes make one update of the tree. */
const BLOCKS_AT_ONCE = 64;

export interface OpenedTree {
  readonly tree: StateTree;
  /** The block of the copy that it was made from; 0 if it was built from the accounts. */
  readonly copied: number;
}

/**
 * The tree of the store's head.
 * @param taken one that is not on the disk, if there is one
 * @throws StorageError DAMAGED if the accounts do not give the head's state root
 */
export async function openTree(
  store: ChainStore,
  files: Files | undefined,
  taken: StoredTree | null = null,
): Promise<OpenedTree> {
  if (taken !== null && (await catchUp(taken, store))) return { tree: taken.tree, copied: 0 };
  const kept = files === undefined ? undefined : await readTree(files, TREE_FILE);
  if (kept !== undefined && (await catchUp(kept, store))) return { tree: kept.tree, copied: kept.number };
  const tree = await StateTree.buildAsync(store.records());
  store.assertStateRoot(tree.root);
  return { tree, copied: 0 };
}

/** False if that is not possible, or does not lead to the head's state root. */
async function catchUp(
  { tree, number, blockId, genesisId, begin }: StoredTree,
  store: ChainStore,
): Promise<boolean> {
  const { head, base } = store;
  if (genesisId !== store.genesisId || number < base.number || number > head.number) return false;
  // The trails of a chain that was joined by a snapshot begin there, those of a whole one at genesis.
  if (store.blockNumber(blockId) !== number || begin !== base.lowestHeader) return false;
  for (let from = number + 1; from <= head.number; from += BLOCKS_AT_ONCE) {
    const records = new Map<Address, AccountRecord>();
    const to = Math.min(head.number, from + BLOCKS_AT_ONCE - 1);
    for (let block = from; block <= to; block++)
      for (const [address, record] of store.touchedRecords(block)) records.set(address, record);
    const trailOf: TrailOf = (address) => {
      const { touchedIn, transactedIn, touches } = records.get(address) as AccountRecord;
      return { touchedIn, transactedIn, touches: touches - (tree.record(address)?.touches ?? 0) };
    };
    tree.update(records, trailOf).commit();
  }
  return tree.root === store.headBlock.header.hashState;
}

export class TreeCheckpoint {
  readonly #files: Files;
  readonly #store: ChainStore;
  readonly #tree: StateTree;
  readonly #log: Log;
  /** The block of the last copy, or of the one that is being made. */
  #copied: number;
  #writing: Promise<void> = Promise.resolve();
  #isWriting = false;

  constructor(files: Files, store: ChainStore, { tree, copied }: OpenedTree, log: Log) {
    this.#files = files;
    this.#store = store;
    this.#tree = tree;
    this.#log = log;
    this.#copied = copied;
  }

  /** To be called whenever the head has moved. */
  headMoved(): void {
    const { head, base } = this.#store;
    // Right behind the snapshot that a chain was joined by, the blocks since are being taken: nothing to hold up with a copy.
    const since = Math.max(this.#copied, base.lowestHeader);
    if (head.number - since >= CHECKPOINT_EVERY && !this.#isWriting) this.#copy();
  }

  /** A last copy, so that the next start has nothing to catch up with. */
  async close(): Promise<void> {
    await this.#writing;
    if (this.#store.head.number !== this.#copied) this.#copy();
    await this.#writing;
  }

  #copy(): void {
    const { head, base, genesisId } = this.#store;
    this.#copied = head.number;
    const image = this.#tree.image();
    this.#isWriting = true;
    this.#writing = writeTree(
      this.#files,
      TREE_FILE,
      { genesisId, begin: base.lowestHeader, number: head.number, blockId: head.id },
      image,
    )
      .catch((error: unknown) => {
        this.#log('warn', { reason: String(error) }, 'no copy of the state tree could be written');
      })
      .finally(() => {
        image.release();
        this.#isWriting = false;
      });
  }
}
