/** What a node with a million accounts holds in memory: at rest, and while it is given all the load it can bear. */
import { setTimeout as sleep } from 'node:timers/promises';
import { keptChains, TRANSFERS_PER_BLOCK } from '../lib/kept-chain.js';
import { shareOut } from '../lib/load.js';
import { figuresOf, withNode } from '../lib/one-node.js';
import type { Row, Settings } from '../lib/row.js';
import { median } from '../lib/statistics.js';
import { sustained, windowText } from '../lib/throughput.js';
import { signedTransfers } from '../lib/transfers.js';
import { BUSY, benchWorld } from '../lib/world.js';
import { LARGE } from './start.js';

const PLANS = {
  full: { restMs: 15_000, underWay: 6_000, warmUpMs: 1_000, measuredMs: 35_000, transfers: 700_000, runs: 2 },
  quick: { restMs: 500, underWay: 2_000, warmUpMs: 200, measuredMs: 600, transfers: 20_000, runs: 1 },
};
const SAMPLE_MS = 200;
const MB = 1_000_000;

export const memoryRow: Row = {
  name: 'memory',
  async run({ quick, say }: Settings) {
    const plan = quick ? PLANS.quick : PLANS.full;
    const { senders, blocks } = quick ? LARGE.quick : LARGE.full;
    const world = await benchWorld(senders, BUSY, 1, say);
    const [validator] = world.validators;
    const [chain] = await keptChains(world, 'accounts', [blocks], say);
    if (validator === undefined || chain === undefined) throw new Error('a node and a chain are needed');
    const shares = shareOut(await signedTransfers(world, plan.transfers, say), senders, 1);
    const empty: number[] = [];
    const rest: number[] = [];
    const loaded: number[] = [];
    const own: number[] = [];
    const windowsMs: number[] = [];
    for (let run = 0; run < plan.runs; run++) {
      empty.push(
        await withNode(world, null, validator, async ({ node }) => {
          await sleep(plan.restMs);
          return (await figuresOf(node)).residentBytes / MB;
        }),
      );
      await withNode(world, chain, validator, async ({ node, count }) => {
        await sleep(plan.restMs);
        rest.push((await figuresOf(node)).residentBytes / MB);
        const samples: { readonly residentBytes: number; readonly anonymousBytes: number }[] = [];
        const sampling = setInterval(
          () =>
            figuresOf(node).then(
              (figures) => samples.push(figures),
              () => {},
            ),
          SAMPLE_MS,
        );
        windowsMs.push((await sustained([node], count, shares, plan)).measuredMs);
        clearInterval(sampling);
        loaded.push(Math.max(...samples.map(({ residentBytes }) => residentBytes)) / MB);
        own.push(Math.max(...samples.map(({ anonymousBytes }) => anonymousBytes)) / MB);
      });
      say(
        `  run ${run + 1}: ${rest.at(-1)?.toFixed(0)} MB at rest, ${loaded.at(-1)?.toFixed(0)} MB under load`,
      );
    }
    const accounts = blocks * TRANSFERS_PER_BLOCK;
    const limit = { name: 'empty node', value: median(empty) };
    return [
      {
        name: 'memory empty',
        what: `resident, ${plan.restMs / 1000} s after it was ready, with genesis alone`,
        unit: 'MB',
        runs: empty,
      },
      {
        name: 'memory rest',
        what: `resident, ${plan.restMs / 1000} s after it was ready, with ${accounts} accounts`,
        unit: 'MB',
        runs: rest,
        limit,
        judged: 'value',
        least: { atMost: 500 },
        goal: { atMost: 300 },
      },
      {
        name: 'memory load',
        what:
          `the most that was resident under the load of the row single (${windowText(windowsMs, plan.measuredMs)}), of which ` +
          `${Math.round(median(own))} MB its own, the rest files that it has mapped`,
        unit: 'MB',
        runs: loaded,
        limit,
        judged: 'value',
        least: { atMost: 900 },
        goal: { atMost: 600 },
      },
    ];
  },
};
