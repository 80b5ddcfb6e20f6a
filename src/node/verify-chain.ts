/**
 * Whether a chain's database is what its blocks say: all of them replayed from genesis on a state of its own, or those
 * that are kept whole on the state at its base, and every record held against what that gives. Writes nothing to the
 * database.
 */
import type { Store } from '../ports/store.js';
import type { Worker } from '../ports/worker.js';
import { GENESIS_NUMBER } from '../protocol/block.js';
import type { Hash } from '../protocol/bytes.js';
import { ProtocolError } from '../protocol/errors.js';
import { readGenesisBlock } from '../protocol/genesis.js';
import { CheckingStore, RecordFault } from '../storage/checking-store.js';
import { isWellFormed } from '../storage/describe.js';
import { accountsBehind, HEADERS, numberIn } from '../storage/keys.js';
import type { Shadow } from '../storage/shadow.js';
import { ChainTables } from '../storage/tables.js';
import { openTemporaryStore } from '../storage/temporary-store.js';
import type { Chain, Committed } from './chain.js';
import { beginAtBase } from './chain-base.js';
import { type ChainPlace, genesisBeside, isDamage, openPlace } from './chain-place.js';
import { BlockFault, chainOn, type ReplayOptions, replay, storedBlock, storedBlocks } from './replay.js';

export type Verdict =
  | {
      readonly sound: true;
      readonly blocks: number;
      /** Of the blocks above genesis up to this one there are headers only; 0 if all are whole. */
      readonly base: number;
      /** In the blocks that are whole. */
      readonly transactions: number;
      readonly accounts: number;
    }
  | {
      readonly sound: false;
      /** The first thing wrong: what, where, what was expected and what was found. */
      readonly fault: string;
      /** Blocks from genesis on that are valid, each with all of its records. */
      readonly soundBlocks: number;
    };

/**
 * @param scratch an empty store to work in
 * @param genesisBlock the one that the chain must begin with; undefined to believe its own
 */
export async function verifyChain(
  database: Store,
  scratch: Store,
  genesisBlock: Uint8Array | undefined,
  worker: Worker,
  replayOptions: ReplayOptions = {},
): Promise<Verdict> {
  const tables = new ChainTables(database);
  const checking = new CheckingStore(database, scratch);
  let chain: Chain | undefined;
  let transactions = 0;
  try {
    const count = (committed: readonly Committed[]): void => {
      for (const { block } of committed) transactions += block.transactions.length;
    };
    // One by one, so that of the sound blocks none is missed that shares a write with a bad one.
    const options = { maxWriteBlocks: 1 };
    const begun = genesisBlock ?? ownGenesis(tables);
    const genesis = readGenesisBlock(begun);
    const parts = { database, tables, genesis, worker, target: checking, scratch };
    const base = await beginAtBase(parts, replayOptions);
    chain = await chainOn(checking, begun, worker, count, options);
    await replay(chain, storedBlocks(tables, base), replayOptions);
    const blocks = chain.head.header.number;
    await assertNoneBehind(database, tables, blocks);
    await checking.finish();
    return { sound: true, blocks, base, transactions, accounts: await countAccounts(scratch) };
  } catch (error) {
    const fault = faultOf(error);
    if (fault === undefined) throw error;
    return { sound: false, fault, soundBlocks: chain?.head.header.number ?? 0 };
  }
}

export interface PlaceOptions extends ReplayOptions {
  readonly worker: Worker;
  /** network.genesis_id, if it is set. */
  readonly pinned: Hash | null;
  /** Told how many blocks there are, before they are replayed. */
  readonly onTotal?: (blocks: number) => void;
  /** Told, in one sentence, of what is strange and not wrong. */
  readonly onNote?: (note: string) => void;
}

/** Verifies the chain at `place` as it stands. @throws Error and StorageError for what cannot be looked at */
export async function verifyPlace(place: ChainPlace, options: PlaceOptions): Promise<Verdict> {
  const genesis = await genesisBeside(place, options.pinned);
  let shadow: Shadow | undefined;
  try {
    shadow = await openPlace(place, genesis?.block.id ?? options.pinned);
    return await verifyShadow(shadow, genesis?.block.wire, options);
  } catch (error) {
    if (!isDamage(error)) throw error;
    return { sound: false, fault: error.why, soundBlocks: 0 };
  } finally {
    await shadow?.close();
  }
}

/** As `verifyChain`, with a store of its own to work in. */
export async function verifyShadow(
  { store, droppedAtOpen }: Shadow,
  genesisBlock: Uint8Array | undefined,
  options: PlaceOptions,
): Promise<Verdict> {
  for (const what of droppedAtOpen) options.onNote?.(`a crash or damage cut the database's log: ${what}`);
  options.onTotal?.(await highestBlock(store));
  const scratch = await openTemporaryStore();
  try {
    return await verifyChain(store, scratch.store, genesisBlock, options.worker, options);
  } finally {
    await scratch.close();
  }
}

/** The genesis block that the database holds. @throws BlockFault if it is none */
export function ownGenesis(tables: ChainTables): Uint8Array {
  const stored = storedBlock(tables, GENESIS_NUMBER);
  if (stored === undefined) throw new BlockFault(GENESIS_NUMBER, 'it is missing');
  try {
    readGenesisBlock(stored.block);
  } catch (error) {
    if (!(error instanceof ProtocolError)) throw error;
    throw new BlockFault(GENESIS_NUMBER, `${error.code}: ${error.message}`, { cause: error });
  }
  return stored.block;
}

/** @throws BlockFault if the chain was meant to go on behind `last` */
async function assertNoneBehind(database: Store, tables: ChainTables, last: number): Promise<void> {
  const next = last + 1;
  const highest = await highestBlock(database);
  if (highest > last) throw new BlockFault(next, `it is missing, while block ${highest} is there`);
  const head = tables.head()?.number ?? last;
  if (head > last) throw new BlockFault(next, `it is missing, while the head record names block ${head}`);
}

/** The number of the last block in a database, sound or not; 0 if there is none. */
export async function highestBlock(database: Store): Promise<number> {
  for await (const [key] of database.entries({ ...HEADERS, reverse: true, limit: 1 })) {
    if (isWellFormed(key)) return numberIn(key, 1);
  }
  return 0;
}

async function countAccounts(scratch: Store): Promise<number> {
  let count = 0;
  for await (const _ of scratch.entries(accountsBehind(undefined))) count++;
  return count;
}

/** What of the database's faults an error is; undefined if it is another's. */
function faultOf(error: unknown): string | undefined {
  if (error instanceof BlockFault || error instanceof RecordFault) return error.message;
  return isDamage(error) ? error.why : undefined;
}
