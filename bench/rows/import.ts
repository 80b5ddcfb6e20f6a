/**
 * How fast a fresh node takes a chain from one peer over TCP, everything checked and stored. Both are processes of the
 * command line. Timed from the first to the last block that the fresh node applies, so starting and connecting are left
 * out.
 */
import { chainDirectory } from '../../src/storage/data-directory.js';
import { openLevelStore } from '../../src/storage/level-store.js';
import { withDirectory } from '../lib/cache.js';
import { Cluster, isFinal } from '../lib/cluster.js';
import { beginChain, extendChain } from '../lib/made-chain.js';
import type { Row, Settings } from '../lib/row.js';
import { signedTransfers } from '../lib/transfers.js';
import { BUSY, benchWorld, type World } from '../lib/world.js';

const PLANS = {
  full: { senders: 100, blocks: 50, perBlock: 1_000, runs: 3 },
  quick: { senders: 20, blocks: 12, perBlock: 500, runs: 1 },
};

export const importRow: Row = {
  name: 'import',
  async run({ quick, say }: Settings) {
    const { senders, blocks, perBlock, runs } = quick ? PLANS.quick : PLANS.full;
    const world = await benchWorld(senders, BUSY);
    const wires = await signedTransfers(world, blocks * perBlock);
    const blocksPerSecond: number[] = [];
    for (let run = 0; run < runs; run++) {
      blocksPerSecond.push(
        await withDirectory((directory) => measure(directory, world, wires, perBlock, blocks)),
      );
      say(`  run ${run + 1}: ${blocksPerSecond.at(-1)?.toFixed(1)} blocks/s`);
    }
    const what = `${blocks} final blocks of ${perBlock} transfers, fetched from one peer over TCP, checked and stored`;
    return [
      { name: 'import blocks', what, unit: '/s', runs: blocksPerSecond },
      {
        name: 'import',
        what: `the transfers in them`,
        unit: '/s',
        runs: blocksPerSecond.map((perSecond) => perSecond * perBlock),
        limit: { name: 'L', partOfL: 1 },
        goal: { atLeast: 0.25 },
      },
    ];
  },
};

async function measure(
  directory: string,
  world: World,
  wires: readonly Uint8Array[],
  perBlock: number,
  blocks: number,
): Promise<number> {
  const { genesis, followers } = world;
  const [full, fresh] = followers;
  if (full === undefined || fresh === undefined) throw new Error('two nodes are needed');
  const store = await openLevelStore(chainDirectory(directory, full.address));
  await extendChain(await beginChain(store, genesis), world, wires, perBlock);
  await store.close();

  const cluster = new Cluster(directory, genesis);
  const times = new Map<number, number>();
  const last = genesis.block.header.number + blocks;
  const done = new Promise<void>((resolve) => {
    cluster.onEvent((node, event) => {
      if (node !== 1 || !isFinal(event)) return;
      times.set(event.number, performance.now());
      if (event.number === last) resolve();
    });
  });
  try {
    for (const account of [full, fresh]) await cluster.prepare(account);
    await cluster.start(full, 'basic');
    await cluster.start(fresh, 'basic');
    await done;
    const first = genesis.block.header.number + 1;
    const seconds = ((times.get(last) ?? 0) - (times.get(first) ?? 0)) / 1_000;
    return (last - first) / seconds;
  } finally {
    await cluster.stop();
  }
}
