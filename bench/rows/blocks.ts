/**
 * Whether a node becomes slower as its chain grows: what it does all day, after 10,000 blocks against after 100, with as
 * many accounts.
 */
import { withDirectory } from '../lib/cache.js';
import { httpRates } from '../lib/http-rates.js';
import { copyTables, type KeptChain, keptChains, TRANSFERS_PER_BLOCK } from '../lib/kept-chain.js';
import { shareOut } from '../lib/load.js';
import { figuresOf, pidOf, withNode } from '../lib/one-node.js';
import type { Bound, Figure, Row, Settings } from '../lib/row.js';
import { median } from '../lib/statistics.js';
import { sustained, windowText } from '../lib/throughput.js';
import { recipientOf, signedTransfers } from '../lib/transfers.js';
import { BUSY, benchWorld, type World } from '../lib/world.js';
import { blockTimes } from './accounts.js';

const PLANS = {
  full: {
    senders: 1_000,
    blocks: [100, 10_000],
    changing: 20,
    load: { underWay: 6_000, warmUpMs: 1_000, measuredMs: 8_000 },
    transfers: 200_000,
    rounds: 5,
    httpMs: 1_000,
  },
  quick: {
    senders: 20,
    blocks: [100, 300],
    changing: 5,
    load: { underWay: 2_000, warmUpMs: 200, measuredMs: 600 },
    transfers: 20_000,
    rounds: 1,
    httpMs: 200,
  },
};
type Plan = (typeof PLANS)[keyof typeof PLANS];

const LEAST = 1.3;
const GOAL = 1.1;
/** In turn. */
const BLOCKS_ASKED = 10;
const MB = 1_000_000;

/** Of one chain, one value or more a round. */
interface Measured {
  readonly blockMs: number[];
  readonly startMs: number[];
  readonly restMb: number[];
  readonly perSecond: number[];
  readonly windowMs: number[];
  readonly getBlock: number[];
  readonly getAccount: number[];
}

export const blocksRow: Row = {
  name: 'blocks',
  async run({ quick, say }: Settings) {
    const plan = quick ? PLANS.quick : PLANS.full;
    const world = await benchWorld(plan.senders, BUSY, 1, say);
    const chains = await keptChains(world, 'blocks', plan.blocks, say);
    const wires = await signedTransfers(world, plan.transfers);
    const all = chains.map(
      (): Measured => ({
        blockMs: [],
        startMs: [],
        restMb: [],
        perSecond: [],
        windowMs: [],
        getBlock: [],
        getAccount: [],
      }),
    );
    for (let round = 0; round < plan.rounds; round++) {
      for (const [i, chain] of chains.entries()) {
        await measure(world, chain, plan, wires, all[i] as Measured);
        say(`  round ${round + 1}, ${plan.blocks[i]} blocks measured`);
      }
    }
    const [few, many] = all;
    if (few === undefined || many === undefined) throw new Error('two chains are needed');
    const after = `after ${plan.blocks[1]} blocks of ${TRANSFERS_PER_BLOCK} against after ${plan.blocks[0]}`;
    const figure = (
      name: keyof Measured,
      shown: string,
      what: string,
      unit: string,
      faster = false,
    ): Figure => {
      const bound = (times: number): Bound => (faster ? { atLeast: 1 / times } : { atMost: times });
      return {
        name: `blocks ${shown}`,
        what: `${what}, ${after}`,
        unit,
        runs: many[name],
        limit: { name: `${plan.blocks[0]} blocks`, value: median(few[name]) },
        least: rounded(bound(LEAST)),
        goal: rounded(bound(GOAL)),
      };
    };
    const window = windowText([...few.windowMs, ...many.windowMs], plan.load.measuredMs);
    const changed = `${2 * plan.senders} accounts`;
    return [
      figure('blockMs', 'commit', `execute and commit a block that changes ${changed}`, 'ms'),
      figure(
        'perSecond',
        'single',
        `transfers made final by one validator under load (${window})`,
        '/s',
        true,
      ),
      figure('startMs', 'start', 'start of the process until ready', 'ms'),
      figure('restMb', 'memory', 'memory of its own at rest, without the tables that it has mapped', 'MB'),
      figure(
        'getBlock',
        'GET /blk',
        `requests for ${BLOCKS_ASKED} blocks in the middle of the chain in turn, in a second of processor time`,
        '/s',
        true,
      ),
      figure(
        'getAccount',
        'GET /account',
        'requests for an account in a second of processor time',
        '/s',
        true,
      ),
    ];
  },
};

async function measure(
  world: World,
  chain: KeptChain,
  { changing, load, httpMs }: Plan,
  wires: readonly Uint8Array[],
  into: Measured,
): Promise<void> {
  const [validator] = world.validators;
  const [follower] = world.followers;
  if (validator === undefined || follower === undefined) throw new Error('two nodes are needed');
  const recipients = world.senders.map((_, i) => recipientOf(i));
  await withDirectory(async (directory) => {
    await copyTables(chain.path, directory);
    into.blockMs.push(...(await blockTimes(directory, world, recipients, changing)));
  });
  await withNode(world, chain, follower, async ({ node, readyMs }) => {
    into.startMs.push(readyMs);
    into.restMb.push((await figuresOf(node)).anonymousBytes / MB);
    const middle = Array.from({ length: BLOCKS_ASKED }, (_, i) => `/blk/${(chain.height >> 1) + i}`);
    const server = { http: node.http, pid: pidOf(node) };
    const [block, account] = await httpRates(server, [middle, [`/account/${recipients[0]}`]], 1, httpMs);
    into.getBlock.push(...(block?.node ?? []));
    into.getAccount.push(...(account?.node ?? []));
  });
  await withNode(world, chain, validator, async ({ node, count }) => {
    const shares = shareOut(wires, world.senders.length, 1);
    const { perSecond, measuredMs } = await sustained([node], count, shares, load);
    into.perSecond.push(perSecond);
    into.windowMs.push(measuredMs);
  });
}

/** Two decimals, so that a bound reads well in the table. */
function rounded(bound: Bound): Bound {
  const short = (value: number) => Math.round(value * 100) / 100;
  return 'atLeast' in bound ? { atLeast: short(bound.atLeast) } : { atMost: short(bound.atMost) };
}
