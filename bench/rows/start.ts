/** How long a node takes from the start of its process until it is ready, with a long chain and many accounts. */
import { hash } from 'node:crypto';
import { keptChains, TRANSFERS_PER_BLOCK } from '../lib/kept-chain.js';
import { withNode } from '../lib/one-node.js';
import type { Row, Settings } from '../lib/row.js';
import { median } from '../lib/statistics.js';
import { BUSY, benchWorld } from '../lib/world.js';

/** The one chain of the rows that need a large one: accounts, start, memory. */
export const LARGE = {
  full: { senders: 1_000, blocks: 100_000 },
  quick: { senders: 20, blocks: 100 },
};
const RUNS = { full: 5, quick: 1 };
/** Fewer, as each takes many times as long. */
const RUNS_WITHOUT_COPY = 3;
/** For each account its key, its leaf, and one node: what rebuilding the tree cannot do without. */
const HASHES_AN_ACCOUNT = 3;
const HASHED_BYTES = 65;

export const startRow: Row = {
  name: 'start',
  async run({ quick, say }: Settings) {
    const { senders, blocks } = quick ? LARGE.quick : LARGE.full;
    const accounts = blocks * TRANSFERS_PER_BLOCK;
    const world = await benchWorld(senders, BUSY, 1, say);
    const [follower] = world.followers;
    const [chain] = await keptChains(world, 'accounts', [blocks], say);
    if (follower === undefined || chain === undefined) throw new Error('a node and a chain are needed');
    const runs: number[] = [];
    const rebuilt: number[] = [];
    const bare: number[] = [];
    const hashing: number[] = [];
    for (let run = 0; run < (quick ? RUNS.quick : RUNS.full); run++) {
      bare.push(await withNode(world, null, follower, async ({ readyMs }) => readyMs));
      runs.push(await withNode(world, chain, follower, async ({ readyMs }) => readyMs));
      const withoutCopy = { ...chain, copiedTree: false };
      if (run < RUNS_WITHOUT_COPY)
        rebuilt.push(await withNode(world, withoutCopy, follower, async ({ readyMs }) => readyMs));
      hashing.push(hashMs(HASHES_AN_ACCOUNT * accounts));
      say(`  run ${run + 1}: ${Math.round(runs.at(-1) ?? 0)} ms`);
    }
    return [
      {
        name: 'start empty',
        what: 'from the start of the process until ready and listening, with genesis alone',
        unit: 'ms',
        runs: bare,
      },
      {
        name: 'start',
        what:
          `the same with ${chain.height} blocks and ${accounts} accounts after a stop in order, which leaves a copy of ` +
          `the state tree; the limit is ${HASHES_AN_ACCOUNT} bare hashes an account, as building the tree anew takes`,
        unit: 'ms',
        runs,
        limit: { name: 'hashing', value: median(hashing) },
        judged: 'value',
        least: { atMost: 5_000 },
        goal: { atMost: 2_000 },
      },
      {
        name: 'start rebuilt',
        what: 'the same without that copy: the tree is built from the accounts',
        unit: 'ms',
        runs: rebuilt,
        limit: { name: 'hashing', value: median(hashing) },
      },
    ];
  },
};

function hashMs(count: number): number {
  const input = Buffer.alloc(HASHED_BYTES);
  const startMs = performance.now();
  for (let i = 0; i < count; i++) {
    input.writeUInt32LE(i);
    hash('sha256', input, 'binary');
  }
  return performance.now() - startMs;
}
