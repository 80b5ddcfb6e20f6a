/** A chain of the block maker as a directory on the disk, for what works on one offline. */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach } from 'vitest';
import type { Store, StoreOperation } from '../../src/ports/store.js';
import { EVERYTHING } from '../../src/storage/keys.js';
import { openLevelStore } from '../../src/storage/level-store.js';
import { MemoryStore } from '../../src/storage/memory-store.js';
import type { BlockMaker } from './block-maker.js';
import { keyOf } from './running-nodes.js';

/** Blocks behind genesis up to `last`, every fourth of them empty. */
export async function growTo(maker: BlockMaker, last: number): Promise<void> {
  const sender = keyOf(0);
  for (let number = maker.chain.head.header.number + 1; number <= last; number++) {
    const nonce = maker.chain.account(sender.address)?.nonce ?? 0;
    const payment = maker.transfer(sender, { nonce, to: keyOf(5).address, amount: number });
    await maker.add({ miner: maker.leader(number), transactions: number % 4 === 0 ? [] : [payment] });
  }
}

/** All that is in `from`, and then `changes`, in memory. */
export async function copyOf(from: Store, changes: readonly StoreOperation[] = []): Promise<MemoryStore> {
  const copy = new MemoryStore();
  await copyInto(copy, from, changes);
  return copy;
}

/** Puts all that is in `from` into the database in `directory`, and then `changes`. */
export async function writeChain(
  directory: string,
  from: Store,
  changes: readonly StoreOperation[] = [],
): Promise<void> {
  const store = await openLevelStore(directory);
  await copyInto(store, from, changes);
  await store.close();
}

async function copyInto(to: Store, from: Store, changes: readonly StoreOperation[]): Promise<void> {
  for await (const [key, value] of from.entries(EVERYTHING))
    await to.write([{ key, value }], { sync: false });
  await to.write(changes, { sync: true });
}

/** Gives each test a directory of its own, removed after it. */
export function directoryForEach(): () => Promise<string> {
  const made: string[] = [];
  afterEach(async () => {
    for (const path of made.splice(0)) await rm(path, { recursive: true, force: true });
  });
  return async () => {
    const path = await mkdtemp(join(tmpdir(), 'ccoin-chain-'));
    made.push(path);
    return path;
  };
}
