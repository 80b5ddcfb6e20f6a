/**
 * Long chains, made once by the node's own code and kept: of one authority, each block with ten transfers, all of it
 * signed, checked and executed as in a node that runs. Making the longest takes some minutes; one that was interrupted
 * goes on where it was. Rows work on copies, which share the immutable tables of LevelDB with what is kept.
 */
import { copyFile, link, mkdir, readdir, rename } from 'node:fs/promises';
import { join } from 'node:path';
import type { Account } from '../../src/keys/account.js';
import type { Chain } from '../../src/node/chain.js';
import { chainDirectory, signerDirectory } from '../../src/storage/data-directory.js';
import { FORMAT } from '../../src/storage/format.js';
import { openLevelStore } from '../../src/storage/level-store.js';
import { RelaxedStore } from '../../src/storage/relaxed-store.js';
import { SignerRecordStore } from '../../src/storage/signer-record.js';
import { CHAINS_PATH, exists } from './cache.js';
import { addBlock, beginChain, extendChain } from './made-chain.js';
import { madeAddress, recipientOf, signedTransfer } from './transfers.js';
import type { World } from './world.js';

export const TRANSFERS_PER_BLOCK = 10;
/** Blocks whose transfers are being signed while earlier ones are executed. */
const SIGNED_AHEAD = 16;
const SAY_EVERY = 5_000;
/** The precommit of round 0. */
const LAST_SLOT = 2;

/** Who is paid: an address that nobody knows yet, or one of a thousand. */
export type Growth = 'accounts' | 'blocks';

export interface KeptChain {
  /** The chain's database. */
  readonly path: string;
  readonly height: number;
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
  const present = await Promise.all(chains.map(({ path }) => exists(path)));
  if (present.every(Boolean)) return chains;
  const growing = join(CHAINS_PATH, `${name}-growing`);
  for (const { path, height } of chains) {
    await growTo(growing, world, growth, height, say);
    if (await exists(path)) continue;
    await copyTables(growing, `${path}.new`);
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
  { path, height }: KeptChain,
  basePath: string,
  { address }: Account,
  { genesis, validators }: World,
): Promise<void> {
  await copyTables(path, chainDirectory(basePath, address));
  if (!validators.some((validator) => validator.address === address)) return;
  const store = await openLevelStore(signerDirectory(basePath, address, genesis.block.id));
  const record = SignerRecordStore.open(store);
  await record.persist({ height, slot: LAST_SLOT, locked: null, valid: null }, []);
  await record.close();
}

/** Copies a closed LevelDB database: its tables never change, so they are only linked. */
export async function copyTables(from: string, to: string): Promise<void> {
  await mkdir(to, { recursive: true });
  for (const name of await readdir(from)) {
    const put = name.endsWith('.ldb') ? link : copyFile;
    await put(join(from, name), join(to, name));
  }
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
