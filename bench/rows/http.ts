/** How many requests a second a node answers, beside a bare fastify on the same machine that returns the same bytes. */
import { withDirectory } from '../lib/cache.js';
import { httpRates, type Rates } from '../lib/http-rates.js';
import { makeChain } from '../lib/kept-chain.js';
import { pidOf, withNode } from '../lib/one-node.js';
import type { Figure, Row, Settings } from '../lib/row.js';
import { median } from '../lib/statistics.js';
import { signedTransfers } from '../lib/transfers.js';
import { BUSY, benchWorld } from '../lib/world.js';

const PLANS = {
  full: { rounds: 15, durationMs: 500 },
  quick: { rounds: 1, durationMs: 200 },
};
const SENDERS = 20;
const BLOCKS = 10;
const PER_BLOCK = 100;

export const httpRow: Row = {
  name: 'http',
  async run({ quick, say }: Settings) {
    const { rounds, durationMs } = quick ? PLANS.quick : PLANS.full;
    const world = await benchWorld(SENDERS, BUSY, 1, say);
    const [follower] = world.followers;
    const [sender] = world.senders;
    if (follower === undefined || sender === undefined) throw new Error('a node and an account are needed');
    const wires = await signedTransfers(world, BLOCKS * PER_BLOCK);
    return withDirectory(async (directory) => {
      const chain = await makeChain(directory, world, wires, PER_BLOCK);
      const blocks = Array.from({ length: BLOCKS }, (_, i) => `/blk/${chain.height - i}`);
      const sorts = [
        { name: 'status', what: 'GET /status', paths: ['/status'] },
        { name: 'account', what: 'GET /account/{a}', paths: [`/account/${sender.address}`] },
        { name: 'blk', what: `GET /blk/{n} of ${BLOCKS} blocks in turn`, paths: blocks },
      ];
      return withNode(world, chain, follower, async ({ node }) => {
        const server = { http: node.http, pid: pidOf(node) };
        const paths = sorts.map(({ paths }) => paths);
        const rates = await httpRates(server, paths, rounds, durationMs);
        return sorts.map(({ name, what }, i): Figure => {
          const { bytes, node, bare } = rates[i] as Rates;
          say(`  ${name}: ${Math.round(median(node))}/s, bare ${Math.round(median(bare))}/s`);
          return {
            name: `http /${name}`,
            what: `${what} (${bytes} bytes), requests for a second of processor time`,
            unit: '/s',
            runs: node,
            limit: { name: 'bare fastify', values: bare },
            least: { atLeast: 0.5 },
            goal: { atLeast: 0.7 },
          };
        });
      });
    });
  },
};
