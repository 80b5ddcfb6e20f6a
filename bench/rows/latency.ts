/**
 * How long one transfer takes from its submission over HTTP until it is final, on a quiet network of four validators,
 * beside what it cannot do without: three signatures, three synced writes, three hops (proposal, prevote, precommit).
 */
import { join } from 'node:path';
import { withDirectory } from '../lib/cache.js';
import { KeptConnection } from '../lib/kept-connection.js';
import { type FloorOfLatency, LatencyFloor } from '../lib/latency-floor.js';
import { processorMsOf } from '../lib/one-node.js';
import type { Row, Settings } from '../lib/row.js';
import { median, percentile } from '../lib/statistics.js';
import { submitUntilFinal } from '../lib/submit.js';
import { withValidators } from '../lib/throughput.js';
import { signedTransfers } from '../lib/transfers.js';
import { benchWorld, QUIET, VALIDATORS, type World } from '../lib/world.js';

const SENDERS = 8;
/** Connections and caches; what comes then is the beginning. */
const FIRST = 20;
const BEGINNING = 208;
/**
 * Each count a multiple of 16, after which every validator was handed a transfer at every distance from leading.
 * V8 still compiles a node's code in its first thousands of blocks: what it gives from then on is what it gives for days.
 */
const PLANS = {
  full: { runs: 3, warmUp: 4_000, transfers: 512 },
  quick: { runs: 1, warmUp: 16, transfers: 48 },
};

export const latencyRow: Row = {
  name: 'latency',
  async run({ quick, say }: Settings) {
    const { runs, warmUp, transfers } = quick ? PLANS.quick : PLANS.full;
    const world = await benchWorld(SENDERS, QUIET);
    const wires = await signedTransfers(world, warmUp + transfers);
    const floors: FloorOfLatency[] = [];
    const floorsBetween: number[] = [];
    const p50: number[] = [];
    const p99: number[] = [];
    const beginnings: number[] = [];
    const processor: number[] = [];
    for (let run = 0; run < runs; run++) {
      await withDirectory(async (directory) => {
        const floor = await LatencyFloor.open(join(directory, 'floor'), world);
        try {
          floors.push(await floor.atRest());
          const { times, processorMs } = await measure(directory, world, wires, warmUp, floor);
          floorsBetween.push(floor.soFar().ms);
          floors.push(await floor.atRest());
          beginnings.push(percentile(times.slice(FIRST, FIRST + BEGINNING), 50));
          processor.push(processorMs / transfers);
          p50.push(percentile(times.slice(warmUp), 50));
          p99.push(percentile(times.slice(warmUp), 99));
        } finally {
          await floor.close();
        }
      });
      const [before, after] = floors.slice(-2).map(({ ms }) => ms.toFixed(2));
      say(
        `  run ${run + 1}: p50 ${p50.at(-1)?.toFixed(1)} ms, floor ${before} and ${after} ms, between transfers ${floorsBetween.at(-1)?.toFixed(2)} ms`,
      );
    }
    const what = `POST /txn?wait= until it answers final, ${transfers} one at a time after ${warmUp}, by turns at the validator that leads and 1, 2 and 3 turns from it, min_bound 1, difficulty 0`;
    return [
      {
        name: 'latency floor',
        what: '3 signatures + 3 synced writes + 3 hops on loopback, medians of each, before and after each run; signatures as node:crypto makes them in a thread beside other work, as ever in this row',
        unit: 'ms',
        runs: floors.map(({ ms }) => ms),
      },
      {
        name: 'latency floor between',
        what: 'the same, one of each after every transfer: so they find the machine as a transfer does',
        unit: 'ms',
        runs: floorsBetween,
      },
      {
        name: 'latency p50',
        what,
        unit: 'ms',
        runs: p50,
        limit: { name: 'floor', value: median(floors.map(({ ms }) => ms)) },
        least: { atMost: 5 },
        goal: { atMost: 3 },
      },
      {
        name: 'latency p50 in place',
        what: 'the same p50, against a floor whose signatures are made in place, which is quicker and holds up all else: what the node does with votes and seals',
        unit: 'ms',
        runs: p50,
        limit: { name: 'that floor', value: median(floors.map(({ inPlaceMs }) => inPlaceMs)) },
      },
      {
        name: 'latency p50 between',
        what: 'the same p50, against the floor between transfers',
        unit: 'ms',
        runs: p50,
        limit: { name: 'floor between', values: floorsBetween },
      },
      {
        name: 'latency p99',
        what,
        unit: 'ms',
        runs: p99,
        limit: { name: 'p50', values: p50 },
        least: { atMost: 5 },
        goal: { atMost: 3 },
      },
      {
        name: 'latency at first',
        what: `the median of transfers ${FIRST} to ${FIRST + BEGINNING} of processes that have just started`,
        unit: 'ms',
        runs: beginnings,
      },
      {
        name: 'latency, processor',
        what: 'processor time that the four nodes spend on one such block and transfer, together',
        unit: 'ms',
        runs: processor,
      },
    ];
  },
};

/** Milliseconds of each transfer, in order, before each of which the last one is final everywhere; and processor time. */
function measure(
  directory: string,
  world: World,
  wires: readonly Uint8Array[],
  warmUp: number,
  floor: LatencyFloor,
): Promise<{ readonly times: readonly number[]; readonly processorMs: number }> {
  return withValidators(directory, world, async ({ nodes }, count) => {
    const times: number[] = [];
    let warmMs = 0;
    const connections = await Promise.all(nodes.map(({ http }) => KeptConnection.open(http)));
    for (const [index, wire] of wires.entries()) {
      if (index === warmUp) warmMs = await processorMsOf(nodes);
      const { ms, blockNumber } = await submitUntilFinal(connections[nodeFor(index)] as KeptConnection, wire);
      times.push(ms);
      await count.reaches(blockNumber);
      if (index >= warmUp) await floor.sample();
    }
    for (const connection of connections) connection.close();
    return { times, processorMs: (await processorMsOf(nodes)) - warmMs };
  });
}

/**
 * Which validator is handed transfer `index`. Who leads moves on by one with every block, as the transfers do: in plain
 * turn each would be handed in as many turns from the leader as the first. So every round of turns begins one further.
 */
export function nodeFor(index: number): number {
  return (index + Math.floor(index / VALIDATORS)) % VALIDATORS;
}
