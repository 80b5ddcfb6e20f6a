/**
 * How long one transfer takes from its submission over HTTP until it is final while the network of four validators has
 * half of the load that it can bear: beside that load, one account of each validator sends one transfer after the other.
 */
import { setTimeout as sleep } from 'node:timers/promises';
import type { Account } from '../../src/keys/account.js';
import { withDirectory } from '../lib/cache.js';
import { KeptConnection } from '../lib/kept-connection.js';
import { Load, shareOut } from '../lib/load.js';
import type { Row, Settings } from '../lib/row.js';
import { percentile } from '../lib/statistics.js';
import { submitUntilFinal } from '../lib/submit.js';
import { withValidators } from '../lib/throughput.js';
import { madeAddress, signedTransfer, signedTransfers } from '../lib/transfers.js';
import { BUSY, benchWorld, VALIDATORS, type World } from '../lib/world.js';
import { LOAD_SENDERS } from './network.js';

const PLANS = {
  full: { runs: 3, warmUpMs: 5_000, measuredMs: 30_000, probes: 1_000 },
  quick: { runs: 1, warmUpMs: 500, measuredMs: 2_000, probes: 100 },
};
const PART_OF_NETWORK = 0.5;
/** Of the rate that was asked for; less, and it was not beside that load that latencies were measured. */
const LEAST_OF_LOAD = 0.95;

export const loadedRow: Row = {
  name: 'loaded',
  needs: ['network'],
  async run({ quick, say, earlier }: Settings) {
    const plan = quick ? PLANS.quick : PLANS.full;
    const network = earlier.get('network');
    if (network === undefined)
      throw new Error('the load is half of what the row network reached, which failed');
    const perSecond = PART_OF_NETWORK * network;
    const senders = quick ? LOAD_SENDERS.quick : LOAD_SENDERS.full;
    const world = await benchWorld(senders, BUSY, VALIDATORS, say);
    const needed = Math.ceil(((plan.warmUpMs + plan.measuredMs) / 1_000 + 5) * perSecond);
    const shares = shareOut(await signedTransfers(world, needed), senders, VALIDATORS);
    const probes = await Promise.all(world.probes.map((probe) => probeWires(world, probe, plan.probes)));
    const p50: number[] = [];
    const p99: number[] = [];
    const rates: number[] = [];
    for (let run = 0; run < plan.runs; run++) {
      await withDirectory((directory) =>
        withValidators(directory, world, async ({ nodes }, count) => {
          const load = new Load(nodes, shares);
          const measuring = async () => {
            await sleep(plan.warmUpMs);
            const before = { ms: performance.now(), transactions: count.transactions };
            const untilMs = before.ms + plan.measuredMs;
            const times = await Promise.all(
              nodes.map(async ({ http }, i) => {
                const own: number[] = [];
                const connection = await KeptConnection.open(http);
                for (const wire of probes[i] ?? []) {
                  if (performance.now() >= untilMs) break;
                  own.push((await submitUntilFinal(connection, wire)).ms);
                }
                connection.close();
                return own;
              }),
            );
            const transactions = count.transactions - before.transactions - times.flat().length;
            rates.push((transactions * 1_000) / (performance.now() - before.ms));
            load.stop();
            return times.flat();
          };
          const [times] = await Promise.all([measuring(), load.keepRate(perSecond)]);
          p50.push(percentile(times, 50));
          p99.push(percentile(times, 99));
          say(
            `  run ${run + 1}: ${times.length} transfers, p50 ${p50.at(-1)?.toFixed(1)} ms, ` +
              `p99 ${p99.at(-1)?.toFixed(1)} ms, ${Math.round(rates.at(-1) ?? 0)}/s final beside them`,
          );
        }),
      );
    }
    const what =
      `POST /txn?wait= until it answers final, one transfer at a time at each validator, beside a load of ` +
      `${Math.round(perSecond)}/s`;
    return [
      {
        name: 'loaded rate',
        what: 'transfers of that load made final on all validators: short of it, the latencies are those of another load',
        unit: '/s',
        runs: rates,
        limit: { name: 'asked', value: perSecond },
        least: { atLeast: LEAST_OF_LOAD },
      },
      { name: 'loaded latency p50', what, unit: 'ms', runs: p50 },
      {
        name: 'loaded latency p99',
        what,
        unit: 'ms',
        runs: p99,
        least: { atMost: 2_000 },
        goal: { atMost: 1_000 },
      },
    ];
  },
};

function probeWires(world: World, probe: Account, count: number): Promise<readonly Uint8Array[]> {
  const to = madeAddress('probed');
  return Promise.all(Array.from({ length: count }, (_, nonce) => signedTransfer(world, probe, nonce, to)));
}
