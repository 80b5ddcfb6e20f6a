/**
 * How long a fresh node takes to be ready in a network with a long chain and many accounts: by a snapshot of its peer, and
 * by taking and executing all blocks. Both over TCP from the same peer, processes of the command line, one after the
 * other; timed from the start of the process until it takes part at the head.
 */

import { withDirectory } from '../lib/cache.js';
import { Cluster } from '../lib/cluster.js';
import { keptChains, placeChain, TRANSFERS_PER_BLOCK } from '../lib/kept-chain.js';
import type { Row, Settings } from '../lib/row.js';
import { median } from '../lib/statistics.js';
import { BUSY, benchWorld } from '../lib/world.js';
import { LARGE } from './start.js';

const JOINS = { full: 3, quick: 1 };
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

    const [making, joins, imports] = await withDirectory(async (directory) => {
      await placeChain(chain, directory, source, world);
      const cluster = new Cluster(directory, world.genesis);
      let readyAt: (ms: number) => void = () => {};
      let made: (ms: number) => void = () => {};
      const snapshotMade = new Promise<number>((resolve) => {
        made = resolve;
      });
      cluster.onEvent((node, event) => {
        if (node === 0 && event.event === 'snapshot') made(Number(event.took_ms));
        if (node === 1 && event.event === 'phase' && event.phase === 'ready' && event.head === chain.height)
          readyAt(performance.now());
      });
      const timed = async (sync: 'full' | 'snapshot'): Promise<number> => {
        await cluster.prepare(fresh);
        const ready = new Promise<number>((resolve) => {
          readyAt = resolve;
        });
        const startMs = performance.now();
        const [endMs] = await Promise.all([ready, cluster.start(fresh, 'basic', { sync })]);
        await cluster.drop(fresh);
        say(`  ${sync}: ${Math.round(endMs - startMs)} ms`);
        return endMs - startMs;
      };
      try {
        await cluster.prepare(source);
        await cluster.start(source, 'basic', { snapshot: chain.height });
        const makingMs = await snapshotMade;
        say(`  made in ${makingMs} ms`);
        const joinMs: number[] = [];
        for (let run = 0; run < (quick ? JOINS.quick : JOINS.full); run++)
          joinMs.push(await timed('snapshot'));
        return [[makingMs], joinMs, [await timed('full')]];
      } finally {
        await cluster.stop();
      }
    });

    const of = `${chain.height} blocks and ${blocks * TRANSFERS_PER_BLOCK} accounts`;
    return [
      {
        name: 'snapshot making',
        what: `a node makes a snapshot of ${of}, beside its work`,
        unit: 'ms',
        runs: making,
      },
      {
        name: 'snapshot import',
        what: `a fresh node takes all of ${of} over TCP, until ready`,
        unit: 'ms',
        runs: imports,
      },
      {
        name: 'snapshot',
        what: 'the same by a snapshot; the limit is the time of all blocks',
        unit: 'ms',
        runs: joins,
        limit: { name: 'import', value: median(imports) },
        least: { atMost: GOAL },
        goal: { atMost: GOAL },
      },
    ];
  },
};
