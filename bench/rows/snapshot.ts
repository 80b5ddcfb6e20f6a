/**
 * How long a fresh node takes to be ready in a network with a long chain and many accounts: by a snapshot of its peer and
 * the blocks since, and by taking and executing all blocks. Both over TCP from the same peer, processes of the command
 * line, one after the other; timed from the start of the process until it takes part at the head.
 */
import type { Account } from '../../src/keys/account.js';
import { withDirectory } from '../lib/cache.js';
import { Cluster, isFinal } from '../lib/cluster.js';
import { keptChains, lengthenChain, placeChain, TRANSFERS_PER_BLOCK } from '../lib/kept-chain.js';
import type { Row, Settings } from '../lib/row.js';
import { median } from '../lib/statistics.js';
import { signedTransfers } from '../lib/transfers.js';
import { BUSY, benchWorld } from '../lib/world.js';
import { LARGE } from './start.js';

type Way = 'full' | 'snapshot';

/**
 * How many blocks the chain has had since the snapshot, which is seldom of the newest: half of what lies between two, if
 * one is made every 2,000 blocks. And the joins in order: by turns, so that whatever else the machine does is spread
 * over both; more of the short ones, which see less of it each.
 */
const PLANS: Record<'full' | 'quick', { readonly since: number; readonly joins: readonly Way[] }> = {
  full: {
    since: 1_000,
    joins: ['snapshot', 'snapshot', 'full', 'snapshot', 'snapshot', 'full', 'snapshot', 'snapshot'],
  },
  quick: { since: 10, joins: ['snapshot', 'full'] },
};
/** Of the time of taking all blocks. */
const GOAL = 1 / 20;

export const snapshotRow: Row = {
  name: 'snapshot',
  async run({ quick, say }: Settings) {
    const { senders, blocks } = quick ? LARGE.quick : LARGE.full;
    const world = await benchWorld(senders, BUSY, 1, say);
    const [source, fresh] = world.followers;
    const [chain] = await keptChains(world, 'accounts', [blocks], say);
    if (source === undefined || fresh === undefined || chain === undefined)
      throw new Error('two nodes and a chain are needed');

    const { since, joins } = quick ? PLANS.quick : PLANS.full;
    const wires = await signedTransfers(world, since * TRANSFERS_PER_BLOCK, say);
    const last = chain.height + since;
    const making: number[] = [];
    const took: Record<Way, number[]> = { snapshot: [], full: [] };
    await withDirectory(async (directory) => {
      await placeChain(chain, directory, source, world);
      const cluster = new Cluster(directory, world.genesis);
      try {
        await cluster.prepare(source);
        const made = snapshotMade(cluster);
        await cluster.start(source, 'basic', { snapshot: chain.height });
        making.push(await made);
        say(`  made in ${making[0]} ms`);
        await cluster.stopLast();
        await lengthenChain(directory, source, world, wires);
        await cluster.start(source, 'basic', { snapshot: chain.height });
        await cluster.ready();
        for (const sync of joins) {
          const ms = await joinMs(cluster, fresh, sync, last);
          took[sync].push(ms);
          say(`  ${sync}: ${Math.round(ms)} ms`);
        }
      } finally {
        await cluster.stop();
      }
    });

    const of = `${last} blocks and ${blocks * TRANSFERS_PER_BLOCK} accounts`;
    return [
      {
        name: 'snapshot making',
        what: `a node makes a snapshot of ${blocks * TRANSFERS_PER_BLOCK} accounts, beside its work (one run)`,
        unit: 'ms',
        runs: making,
      },
      {
        name: 'snapshot import',
        what: `a fresh node takes all of ${of} over TCP, until ready`,
        unit: 'ms',
        runs: took.full,
      },
      {
        name: 'snapshot',
        what: `the same by a snapshot, after which came ${since} blocks; the limit is the time of all blocks`,
        unit: 'ms',
        runs: took.snapshot,
        limit: { name: 'import', value: median(took.full) },
        least: { atMost: GOAL },
        goal: { atMost: GOAL },
      },
    ];
  },
};

/** How long the first node took to make a snapshot, once it has. */
function snapshotMade(cluster: Cluster): Promise<number> {
  return new Promise((resolve) => {
    cluster.onEvent((node, event) => {
      if (node === 0 && event.event === 'snapshot') resolve(Number(event.took_ms));
    });
  });
}

/** From the start of a fresh second node until it takes part with block `last` as its head; it is gone afterwards. */
async function joinMs(cluster: Cluster, fresh: Account, sync: Way, last: number): Promise<number> {
  await cluster.prepare(fresh);
  const atHead = new Promise<number>((resolve) => {
    let ready = false;
    let head = 0;
    cluster.onEvent((node, event) => {
      if (node !== 1) return;
      if (event.event === 'phase') {
        ready = event.phase === 'ready';
        head = Number(event.head);
      }
      if (isFinal(event)) head = event.number;
      if (ready && head === last) resolve(performance.now());
    });
  });
  const startMs = performance.now();
  const [endMs] = await Promise.all([atHead, cluster.start(fresh, 'basic', { sync })]);
  await cluster.drop(fresh);
  return endMs - startMs;
}
