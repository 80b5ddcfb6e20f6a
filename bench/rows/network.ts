/**
 * How many transfers a second become final: with four validators and with one, each a process of its own, all on this
 * machine together with the load. A fixed number of transfers is kept under way, so the network is always busy and never
 * overrun.
 */
import { withDirectory } from '../lib/cache.js';
import { shareOut } from '../lib/load.js';
import type { Figure, Row, Settings } from '../lib/row.js';
import { sustained, windowText, withValidators } from '../lib/throughput.js';
import { signedTransfers } from '../lib/transfers.js';
import { BUSY, benchWorld, VALIDATORS } from '../lib/world.js';

/** `transfers`: as many as are signed for a run; it ends early if they are used up, so a smoke run is short. */
const PLANS = {
  full: { senders: 1_000, underWay: 6_000, warmUpMs: 3_000, measuredMs: 60_000, runs: 3 },
  quick: { senders: 20, underWay: 2_000, warmUpMs: 200, measuredMs: 600, runs: 1 },
};
const NETWORK_TRANSFERS = { full: 500_000, quick: 12_000 };
const SINGLE_TRANSFERS = { full: 1_250_000, quick: 20_000 };

type Bounds = Pick<Figure, 'least' | 'goal'>;

/** The load of the throughput rows, for others that run beside it. */
export const LOAD_SENDERS = { full: PLANS.full.senders, quick: PLANS.quick.senders };

export const networkRow: Row = throughputRow('network', VALIDATORS, NETWORK_TRANSFERS, {
  least: { atLeast: 0.2 },
  goal: { atLeast: 0.5 },
});

export const singleRow: Row = throughputRow('single', 1, SINGLE_TRANSFERS, {
  least: { atLeast: 0.2 },
  goal: { atLeast: 0.4 },
});

function throughputRow(
  name: string,
  validators: number,
  signed: { readonly full: number; readonly quick: number },
  bounds: Bounds,
): Row {
  return {
    name,
    async run({ quick, say, aroundL }: Settings) {
      const plan = quick ? PLANS.quick : PLANS.full;
      const transfers = quick ? signed.quick : signed.full;
      const world = await benchWorld(plan.senders, BUSY, validators, say);
      say(`  signing ${transfers} transfers, unless they are kept from an earlier run`);
      const shares = shareOut(await signedTransfers(world, transfers, say), plan.senders, validators);
      const runs: number[] = [];
      const limits: number[] = [];
      const windowsMs: number[] = [];
      for (let run = 0; run < plan.runs; run++) {
        const { result, around } = await aroundL(() =>
          withDirectory((directory) =>
            withValidators(directory, world, ({ nodes }, count) => sustained(nodes, count, shares, plan)),
          ),
        );
        const { perSecond, measuredMs } = result;
        limits.push(around.perSecond / validators);
        say(`  run ${run + 1}: ${Math.round(perSecond)}/s, L ${Math.round(around.perSecond)}/s`);
        runs.push(perSecond);
        windowsMs.push(measuredMs);
      }
      const nodes = validators === 1 ? 'the one validator' : `all of ${validators} validators`;
      return [
        {
          name,
          what:
            `transfers final on ${nodes}, sustained for ${windowText(windowsMs, plan.measuredMs)}; ` +
            `${plan.senders} senders, ${plan.underWay} under way, min_bound ${BUSY.minBound}, difficulty 0`,
          unit: '/s',
          runs,
          limit: { name: validators === 1 ? 'L' : `L/${validators}`, values: limits },
          ...bounds,
        },
      ];
    },
  };
}
