/**
 * How long one transfer takes from its submission over HTTP until it is final while the network of four validators has
 * half of the load that it can bear: beside that load, one account of each validator sends one transfer after the other.
 */
import type { Account } from '../../src/keys/account.js';
import { withDirectory } from '../lib/cache.js';
import type { FinalCount } from '../lib/cluster.js';
import { KeptConnection } from '../lib/kept-connection.js';
import { Load, shareOut } from '../lib/load.js';
import type { Row, Settings } from '../lib/row.js';
import { percentile } from '../lib/statistics.js';
import { submitUntilFinal } from '../lib/submit.js';
import { withValidators } from '../lib/throughput.js';
import { madeAddress, signedTransfer, signedTransfers } from '../lib/transfers.js';
import { BUSY, benchWorld, VALIDATORS, type World } from '../lib/world.js';
import { LOAD_SENDERS } from './network.js';

/** The first seconds of new processes, in which V8 compiles, are a figure of their own, as in the row `latency`. */
const PLANS = {
  full: { runs: 3, warmUpMs: 15_000, measuredMs: 45_000, probes: 1_000 },
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
    const p99AtFirst: number[] = [];
    const rates: number[] = [];
    for (let run = 0; run < plan.runs; run++) {
      await withDirectory((directory) =>
        withValidators(directory, world, async ({ nodes }, count) => {
          const load = new Load(nodes, shares);
          const measuring = async () => {
            const running = await Promise.all(
              nodes.map(async ({ http }, i) => new Probe(await KeptConnection.open(http), probes[i] ?? [])),
            );
            try {
              const atFirst = await beside(running, count, plan.warmUpMs);
              const then = await beside(running, count, plan.measuredMs);
              return { atFirst, then };
            } finally {
              load.stop();
              for (const probe of running) probe.close();
            }
          };
          const [{ atFirst, then }] = await Promise.all([measuring(), load.keepRate(perSecond)]);
          p50.push(percentile(then.times, 50));
          p99.push(percentile(then.times, 99));
          p99AtFirst.push(percentile(atFirst.times, 99));
          rates.push(then.rate);
          say(
            `  run ${run + 1}: ${then.times.length} transfers, p50 ${p50.at(-1)?.toFixed(1)} ms, ` +
              `p99 ${p99.at(-1)?.toFixed(1)} ms (at first ${p99AtFirst.at(-1)?.toFixed(1)} ms), ` +
              `${Math.round(then.rate)}/s final beside them`,
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
      {
        name: 'loaded latency at first',
        what: `the 99th percentile in the first ${plan.warmUpMs / 1_000} s of new processes, which are not counted above`,
        unit: 'ms',
        runs: p99AtFirst,
      },
    ];
  },
};

/** One account that sends one transfer after the other to one node. */
class Probe {
  readonly #connection: KeptConnection;
  readonly #wires: Iterator<Uint8Array>;

  constructor(connection: KeptConnection, wires: Iterable<Uint8Array>) {
    this.#connection = connection;
    this.#wires = wires[Symbol.iterator]();
  }

  /** How long each took, in ms, of those begun before then. */
  async timesUntil(untilMs: number): Promise<number[]> {
    const times: number[] = [];
    while (performance.now() < untilMs) {
      const { done, value } = this.#wires.next();
      if (done === true) throw new Error('there are too few transfers to measure with');
      times.push((await submitUntilFinal(this.#connection, value)).ms);
    }
    return times;
  }

  close(): void {
    this.#connection.close();
  }
}

/** What the probes meet for so long, and how much of the load becomes final beside them, a second. */
async function beside(
  probes: readonly Probe[],
  count: FinalCount,
  durationMs: number,
): Promise<{ readonly times: readonly number[]; readonly rate: number }> {
  const before = { ms: performance.now(), transactions: count.transactions };
  const times = (await Promise.all(probes.map((probe) => probe.timesUntil(before.ms + durationMs)))).flat();
  const transactions = count.transactions - before.transactions - times.length;
  return { times, rate: (transactions * 1_000) / (performance.now() - before.ms) };
}

function probeWires(world: World, probe: Account, count: number): Promise<readonly Uint8Array[]> {
  const to = madeAddress('probed');
  return Promise.all(Array.from({ length: count }, (_, nonce) => signedTransfer(world, probe, nonce, to)));
}
