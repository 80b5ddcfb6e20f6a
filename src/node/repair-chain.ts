/**
 * Mends a damaged chain: its blocks are replayed, from genesis up to the last sound one, into a fresh database beside it,
 * which then takes its place. Accounts, history and indexes are thereby made anew; evidence is taken along. The signer's
 * record lies elsewhere and is not touched: it outlives whatever becomes of the chain.
 */
import { rename, rm } from 'node:fs/promises';
import { dirname } from 'node:path';
import { syncDirectory } from '../keys/write-file.js';
import type { Store } from '../ports/store.js';
import { readGenesisBlock } from '../protocol/genesis.js';
import { EvidenceStore } from '../storage/evidence.js';
import { openLevelStore } from '../storage/level-store.js';
import { RelaxedStore } from '../storage/relaxed-store.js';
import { ChainTables } from '../storage/tables.js';
import { beginAtBase } from './chain-base.js';
import { type ChainPlace, genesisBeside, isDamage, openPlace } from './chain-place.js';
import { openChain } from './open-stores.js';
import { BlockFault, chainOn, replay, storedBlocks, withDiskCheck } from './replay.js';
import { highestBlock, ownGenesis, type PlaceOptions, verifyShadow } from './verify-chain.js';

export interface Repaired {
  /** The first thing that was wrong. */
  readonly fault: string;
  /** The blocks from genesis on that the chain has now. */
  readonly blocks: number;
}

/**
 * @param keepAs where to leave the damaged database; null to remove it
 * @returns null if nothing is wrong, and then nothing was done
 * @throws Error if not even genesis can be had; StorageError
 */
export async function repairPlace(
  place: ChainPlace,
  keepAs: string | null,
  options: PlaceOptions,
): Promise<Repaired | null> {
  const genesis = await genesisBeside(place, options.pinned);
  const shadow = await openPlace(place, genesis?.block.id ?? options.pinned, { salvage: true });
  try {
    const verdict = await verifyShadow(shadow, genesis?.block.wire, options);
    const fault = shadow.refusal ?? (verdict.sound ? null : verdict.fault);
    if (fault === null) return null;
    const fresh = `${place.directory}.repaired`;
    const blocks = await rebuild(shadow.store, fresh, genesis?.block.wire, options);
    await takePlace(fresh, place.directory, keepAs);
    return { fault, blocks };
  } finally {
    await shadow.close();
  }
}

/** @returns the number of the last sound block */
async function rebuild(
  source: Store,
  directory: string,
  genesisBlock: Uint8Array | undefined,
  options: PlaceOptions,
): Promise<number> {
  // A repair that was interrupted may have left one.
  await rm(directory, { recursive: true, force: true });
  const store = new RelaxedStore(await openLevelStore(directory));
  options.onTotal?.(await highestBlock(source));
  try {
    const tables = new ChainTables(source);
    const begun = genesisBlock ?? soundGenesis(tables);
    const base = await soundBase(source, store, begun, options);
    const chain = await chainOn(store, begun, options.worker);
    try {
      await replay(chain, storedBlocks(tables, base), withDiskCheck(directory, options));
    } catch (error) {
      if (!(error instanceof BlockFault)) throw error;
    }
    await copyEvidence(source, store);
    await store.close();
    return chain.head.header.number;
  } catch (error) {
    await store.close();
    await rm(directory, { recursive: true, force: true });
    throw error;
  }
}

/** Where the blocks that are whole begin; nothing can be kept of a chain whose beginning is not sound. */
async function soundBase(
  source: Store,
  store: Store,
  genesisBlock: Uint8Array,
  { worker, signal }: PlaceOptions,
): Promise<number> {
  const genesis = readGenesisBlock(genesisBlock);
  const tables = new ChainTables(source);
  try {
    const parts = { database: source, tables, genesis, worker, target: store, scratch: store };
    const base = await beginAtBase(parts, signal === undefined ? {} : { signal });
    // Whether its accounts are those of the base.
    if (base > 0) await openChain(store, genesisBlock);
    return base;
  } catch (error) {
    if (!(error instanceof BlockFault) && !isDamage(error)) throw error;
    throw nothingToKeep(error);
  }
}

function nothingToKeep(error: Error): Error {
  const why = isDamage(error) ? error.why : error.message;
  const message = `nothing can be kept (${why}): delete the chain, and the node syncs it again`;
  return new Error(message, { cause: error });
}

function soundGenesis(tables: ChainTables): Uint8Array {
  try {
    return ownGenesis(tables);
  } catch (error) {
    if (!(error instanceof BlockFault)) throw error;
    throw nothingToKeep(error);
  }
}

/** What can be read of it: it proves who lied, and no peer may have it. */
async function copyEvidence(source: Store, store: Store): Promise<void> {
  const kept = new EvidenceStore(store);
  try {
    for (const evidence of await new EvidenceStore(source).list()) await kept.add(evidence);
  } catch (error) {
    if (!isDamage(error)) throw error;
  }
}

async function takePlace(fresh: string, directory: string, keepAs: string | null): Promise<void> {
  const aside = keepAs ?? `${directory}.discarded`;
  await rename(directory, aside);
  try {
    await rename(fresh, directory);
  } catch (error) {
    await rename(aside, directory);
    throw error;
  }
  await syncDirectory(dirname(directory));
  if (keepAs === null) await rm(aside, { recursive: true, force: true });
}
