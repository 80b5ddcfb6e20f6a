/**
 * Long chains, made once by the node's own code and kept: of one authority, each block with ten transfers, all of it
 * signed, checked and executed as in a node that runs. Making the longest takes some minutes; one that was interrupted
 * goes on where it was. Rows work on copies, which share the immutable tables of LevelDB with what is kept.
 */
import { copyFile, cp, link, mkdir, readdir, rename, rm } from 'node:fs/promises';
import { join } from 'node:path';
import type { Account } from '../../src/keys/account.js';
import type { Chain } from '../../src/node/chain.js';
import { openChain } from '../../src/node/open-stores.js';
import { systemClock } from '../../src/node/system-clock.js';
import { TREE_FILE, TreeCheckpoint } from '../../src/node/tree-checkpoint.js';
import { chainDirectory, signerDirectory } from '../../src/storage/data-directory.js';
import { DiskFiles } from '../../src/storage/disk-files.js';
import { FORMAT } from '../../src/storage/format.js';
import { openLevelStore } from '../../src/storage/level-store.js';
import { RelaxedStore } from '../../src/storage/relaxed-store.js';
import { SignerRecordStore } from '../../src/storage/signer-record.js';
import { openSignerStore } from '../../src/storage/signer-store.js';
import { readTree } from '../../src/storage/tree-file.js';
import { CHAINS_PATH, exists } from './cache.js';
import { addBlock, beginChain, extendChain } from './made-chain.js';
import { madeAddress, recipientOf, signedTransfer } from './transfers.js';
import type { World } from './world.js';

export const TRANSFERS_PER_BLOCK = 10;
/** Blocks whose transfers are being signed while earlier ones are executed. */
const SIGNED_AHEAD = 16;
const SAY_EVERY = 5_000;
/** What `filesDirectory` of the data directory calls it. */
export const FILES_DIRECTORY = 'files';
/** The precommit of round 0. */
const LAST_SLOT = 2;

/** Who is paid: an address that nobody knows yet, or one of a thousand. */
export type Growth = 'accounts' | 'blocks';

export interface KeptChain {
  /** The chain's database. */
  readonly path: string;
  readonly height: number;
  /** False to leave the copy of the state tree behind. */
  readonly copiedTree?: boolean;
}

/**
 * Chains that are each the beginning of the next, with so many blocks after genesis, in rising order: with growth in
 * accounts each block makes ten of them, else there are never more than the senders and a thousand recipients.
 */
export async function keptChains(
  world: World,
  growth: Growth,
  blockCounts: readonly number[],
  say: (text: string) => void,
): Promise<readonly KeptChain[]> {
  const { id, header } = world.genesis.block;
  const name = `${growth}-${id.slice(0, 16)}-${world.makers.length}-${FORMAT}`;
  const chains = blockCounts.map((count) => ({
    path: join(CHAINS_PATH, `${name}-${count}`),
    height: header.number + count,
  }));
  for (const { path } of chains)
    if ((await exists(path)) && !(await hasTree(path))) await copyTree(path, world);
  const present = await Promise.all(chains.map(({ path }) => exists(path)));
  if (present.every(Boolean)) return chains;
  const growing = join(CHAINS_PATH, `${name}-growing`);
  for (const { path, height } of chains) {
    await growTo(growing, world, growth, height, say);
    if (await exists(path)) continue;
    await copyTables(growing, `${path}.new`);
    await copyTree(`${path}.new`, world);
    await rename(`${path}.new`, path);
  }
  return chains;
}

/** A chain in `directory` with all of these transfers, `perBlock` in each block. */
export async function makeChain(
  directory: string,
  world: World,
  wires: readonly Uint8Array[],
  perBlock: number,
): Promise<KeptChain> {
  const path = join(directory, 'made');
  const store = new RelaxedStore(await openLevelStore(path));
  try {
    const chain = await beginChain(store, world.genesis);
    await extendChain(chain, world, wires, perBlock);
    return { path, height: chain.head.header.number };
  } finally {
    await store.close();
  }
}

/** Gives the account's node under `basePath` a copy of the chain; a validator's with a record of what it signed. */
export async function placeChain(
  { path, height, copiedTree = true }: KeptChain,
  basePath: string,
  { address }: Account,
  { genesis, validators }: World,
): Promise<void> {
  const directory = chainDirectory(basePath, address);
  await copyTables(path, directory);
  if (!copiedTree) await rm(join(directory, FILES_DIRECTORY), { recursive: true });
  if (!validators.some((validator) => validator.address === address)) return;
  const { store, close } = await openSignerStore(
    signerDirectory(basePath, address, genesis.block.id),
    systemClock,
  );
  await SignerRecordStore.open(store).persist({ height, slot: LAST_SLOT, locked: null, valid: null }, []);
  await close();
}

/** Adds blocks with these transfers to the chain of a stopped node that `placeChain` gave it. */
export async function lengthenChain(
  basePath: string,
  { address }: Account,
  world: World,
  wires: readonly Uint8Array[],
): Promise<void> {
  const directory = chainDirectory(basePath, address);
  const store = new RelaxedStore(await openLevelStore(directory));
  try {
    const chain = await beginChain(store, world.genesis, new DiskFiles(join(directory, FILES_DIRECTORY)));
    await extendChain(chain, world, wires, TRANSFERS_PER_BLOCK);
  } finally {
    await store.close();
  }
}

/**
 * Copies a closed LevelDB database and the files beside it: its tables and those files are never changed, only replaced,
 * so they are linked.
 */
export async function copyTables(from: string, to: string): Promise<void> {
  await mkdir(to, { recursive: true });
  for (const entry of await readdir(from, { withFileTypes: true })) {
    const [source, target] = [join(from, entry.name), join(to, entry.name)];
    if (entry.isDirectory()) await cp(source, target, { recursive: true });
    else if (entry.name.endsWith('.ldb')) await link(source, target);
    else await copyFile(source, target);
  }
}

/** Whether there is a copy of the state tree that a node takes up: one of another version is none. */
async function hasTree(path: string): Promise<boolean> {
  return (await readTree(new DiskFiles(join(path, FILES_DIRECTORY)), TREE_FILE)) !== undefined;
}

/** Leaves a copy of the state tree beside the database, as a node does when it stops. */
async function copyTree(path: string, { genesis }: World): Promise<void> {
  const files = new DiskFiles(join(path, FILES_DIRECTORY));
  const store = await openLevelStore(path);
  try {
    const opened = await openChain(store, genesis.block.wire, files);
    await new TreeCheckpoint(files, opened.store, opened, failLoudly).close();
  } finally {
    await store.close();
  }
}

function failLoudly(_level: string, fields: object, message: string): void {
  throw new Error(`${message}: ${JSON.stringify(fields)}`);
}

async function growTo(
  directory: string,
  world: World,
  growth: Growth,
  height: number,
  say: (text: string) => void,
): Promise<void> {
  const store = new RelaxedStore(await openLevelStore(directory));
  try {
    const chain = await beginChain(store, world.genesis);
    if (chain.head.header.number < height) await grow(chain, world, growth, height, say);
  } finally {
    await store.close();
  }
}

async function grow(
  chain: Chain,
  world: World,
  growth: Growth,
  height: number,
  say: (text: string) => void,
): Promise<void> {
  const ahead: Promise<readonly Uint8Array[]>[] = [];
  let next = chain.head.header.number + 1;
  const sign = () => {
    if (next <= height) ahead.push(transfersOf(world, growth, next++));
  };
  for (let i = 0; i < SIGNED_AHEAD; i++) sign();
  for (let wires = ahead.shift(); wires !== undefined; wires = ahead.shift()) {
    await addBlock(chain, world, await wires);
    sign();
    const { number } = chain.head.header;
    if (number % SAY_EVERY === 0) say(`  a chain to keep: block ${number} of ${height}`);
  }
}

/** What block `number` holds. */
function transfersOf(world: World, growth: Growth, number: number): Promise<readonly Uint8Array[]> {
  const first = (number - world.genesis.block.header.number - 1) * TRANSFERS_PER_BLOCK;
  const { makers } = world;
  return Promise.all(
    Array.from({ length: TRANSFERS_PER_BLOCK }, (_, i) => {
      const index = first + i;
      const maker = makers[index % makers.length];
      if (maker === undefined) throw new Error('nobody pays');
      const to = growth === 'accounts' ? accountOf(index) : recipientOf(index);
      return signedTransfer(world, maker, Math.floor(index / makers.length), to);
    }),
  );
}

/** The address that the transfer of that index made an account of. */
export function accountOf(index: number): string {
  return madeAddress(`account ${index}`);
}
