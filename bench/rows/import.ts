/**
 * How fast a fresh node takes a chain from one peer over TCP, everything checked and stored. Both are processes of the
 * command line. Timed from when the fresh node, connected, begins to download until the last block is final there:
 * several blocks may become final at once, so the first of them is no beginning.
 */
import { cp } from 'node:fs/promises';
import { join } from 'node:path';
import { chainDirectory } from '../../src/storage/data-directory.js';
import { openLevelStore } from '../../src/storage/level-store.js';
import { withDirectory } from '../lib/cache.js';
import { Cluster, isFinal } from '../lib/cluster.js';
import { beginChain, extendChain } from '../lib/made-chain.js';
import type { Row, Settings } from '../lib/row.js';
import { signedTransfers } from '../lib/transfers.js';
import { BUSY, benchWorld, type World } from '../lib/world.js';

const PLANS = {
  full: { senders: 100, blocks: 300, perBlock: 1_000, runs: 3 },
  quick: { senders: 20, blocks: 12, perBlock: 500, runs: 1 },
};

export const importRow: Row = {
  name: 'import',
  async run({ quick, say, aroundL }: Settings) {
    const { senders, blocks, perBlock, runs } = quick ? PLANS.quick : PLANS.full;
    const world = await benchWorld(senders, BUSY);
    const wires = await signedTransfers(world, blocks * perBlock);
    const blocksPerSecond: number[] = [];
    const limits: number[] = [];
    await withDirectory(async (directory) => {
      const made = join(directory, 'made');
      await makeChain(made, world, wires, perBlock);
      for (let run = 0; run < runs; run++) {
        const { result, around } = await aroundL(() =>
          measure(join(directory, `run-${run}`), made, world, blocks),
        );
        blocksPerSecond.push(result);
        limits.push(around.perSecond);
        say(`  run ${run + 1}: ${result.toFixed(1)} blocks/s, L ${Math.round(around.perSecond)}/s`);
      }
    });
    const what = `${blocks} final blocks of ${perBlock} transfers, fetched from one peer over TCP, checked and stored`;
    return [
      { name: 'import blocks', what, unit: '/s', runs: blocksPerSecond },
      {
        name: 'import',
        what: `the transfers in them`,
        unit: '/s',
        runs: blocksPerSecond.map((perSecond) => perSecond * perBlock),
        limit: { name: 'L', values: limits },
        least: { atLeast: 0.25 },
        goal: { atLeast: 0.6 },
      },
    ];
  },
};

async function makeChain(
  directory: string,
  world: World,
  wires: readonly Uint8Array[],
  perBlock: number,
): Promise<void> {
  const store = await openLevelStore(directory);
  await extendChain(await beginChain(store, world.genesis), world, wires, perBlock);
  await store.close();
}

/** @param made the database of the chain that the fresh node is to take; returns blocks a second */
async function measure(directory: string, made: string, world: World, blocks: number): Promise<number> {
  const { genesis, followers } = world;
  const [full, fresh] = followers;
  if (full === undefined || fresh === undefined) throw new Error('two nodes are needed');
  const cluster = new Cluster(directory, genesis);
  const last = genesis.block.header.number + blocks;
  let startedMs = 0;
  const done = new Promise<number>((resolve) => {
    cluster.onEvent((node, event) => {
      if (node !== 1) return;
      if (event.event === 'phase' && event.phase === 'downloading' && startedMs === 0)
        startedMs = performance.now();
      if (isFinal(event) && event.number === last) resolve(performance.now());
    });
  });
  try {
    for (const account of [full, fresh]) await cluster.prepare(account);
    await cp(made, chainDirectory(directory, full.address), { recursive: true });
    await cluster.start(full, 'basic');
    await cluster.start(fresh, 'basic');
    return (1_000 * blocks) / ((await done) - startedMs);
  } finally {
    await cluster.stop();
  }
}
