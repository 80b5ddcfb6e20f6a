/**
 * Whether a chain's database is what its blocks say: all of them replayed from genesis on a state of its own, and every
 * record held against what that gives. Writes nothing to the database.
 */
import type { Store } from '../ports/store.js';
import type { Worker } from '../ports/worker.js';
import { GENESIS_NUMBER } from '../protocol/block.js';
import { ProtocolError } from '../protocol/errors.js';
import { readGenesisBlock } from '../protocol/genesis.js';
import { CheckingStore, RecordFault } from '../storage/checking-store.js';
import { StorageError } from '../storage/errors.js';
import { accountsBehind, BLOCKS, numberIn } from '../storage/keys.js';
import { ChainTables } from '../storage/tables.js';
import type { Chain } from './chain.js';
import { BlockFault, chainOn, type ReplayOptions, replay, storedBlock, storedBlocks } from './replay.js';

export type Verdict =
  | {
      readonly sound: true;
      readonly blocks: number;
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
  options: ReplayOptions = {},
): Promise<Verdict> {
  const tables = new ChainTables(database);
  const checking = new CheckingStore(database, scratch);
  let chain: Chain | undefined;
  let transactions = 0;
  try {
    const genesis = genesisBlock ?? ownGenesis(tables);
    readGenesis(genesis);
    chain = await chainOn(checking, genesis, worker, ({ block }) => {
      transactions += block.transactions.length;
    });
    await replay(chain, storedBlocks(tables), options);
    const blocks = chain.head.header.number;
    await assertNoneBehind(database, tables, blocks);
    await checking.finish();
    return { sound: true, blocks, transactions, accounts: await countAccounts(scratch) };
  } catch (error) {
    const fault = faultOf(error);
    if (fault === undefined) throw error;
    return { sound: false, fault, soundBlocks: chain?.head.header.number ?? 0 };
  }
}

/** The genesis block that the database holds. @throws BlockFault */
export function ownGenesis(tables: ChainTables): Uint8Array {
  const stored = storedBlock(tables, GENESIS_NUMBER);
  if (stored === undefined) throw new BlockFault(GENESIS_NUMBER, 'it is missing');
  return stored.block;
}

function readGenesis(block: Uint8Array): void {
  try {
    readGenesisBlock(block);
  } catch (error) {
    if (!(error instanceof ProtocolError)) throw error;
    throw new BlockFault(GENESIS_NUMBER, `${error.code}: ${error.message}`, { cause: error });
  }
}

/** @throws BlockFault if the chain was meant to go on behind `last` */
async function assertNoneBehind(database: Store, tables: ChainTables, last: number): Promise<void> {
  const next = last + 1;
  for await (const [key] of database.entries({ ...BLOCKS, reverse: true, limit: 1 })) {
    const highest = numberIn(key, 1);
    if (highest > last) throw new BlockFault(next, `it is missing, while block ${highest} is there`);
  }
  const head = tables.head()?.number ?? last;
  if (head > last) throw new BlockFault(next, `it is missing, while the head record names block ${head}`);
}

async function countAccounts(scratch: Store): Promise<number> {
  let count = 0;
  for await (const _ of scratch.entries(accountsBehind(undefined))) count++;
  return count;
}

/** What of the database's faults an error is; undefined if it is another's. */
function faultOf(error: unknown): string | undefined {
  if (error instanceof BlockFault || error instanceof RecordFault) return error.message;
  return error instanceof StorageError && error.code === 'DAMAGED' ? error.why : undefined;
}
