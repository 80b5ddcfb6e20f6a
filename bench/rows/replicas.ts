/**
 * Reading from 1, 2 and 4 basic nodes at once, as behind a balancer. They share this machine, so that the answers a second
 * in all say nothing about machines of their own; the answers for a second of processor time do: a node costs the
 * others nothing.
 */
import type { Account } from '../../src/keys/account.js';
import { withDirectory } from '../lib/cache.js';
import type { RunningNode } from '../lib/cluster.js';
import { HelperProcess } from '../lib/helper-process.js';
import type { HttpLoadAnswer, HttpLoadJob } from '../lib/http-load.js';
import { type KeptChain, makeChain } from '../lib/kept-chain.js';
import { processorMsOf, withNode } from '../lib/one-node.js';
import type { Figure, Row, Settings } from '../lib/row.js';
import { median } from '../lib/statistics.js';
import { signedTransfers } from '../lib/transfers.js';
import { BUSY, benchWorld, type World } from '../lib/world.js';

const PLANS = {
  full: { rounds: 5, durationMs: 2_000 },
  quick: { rounds: 1, durationMs: 200 },
};
const WARM_UP_MS = 3_000;
const COUNTS = [1, 2, 4];
const CONNECTIONS = 32;
const SENDERS = 20;
const BLOCKS = 10;
const PER_BLOCK = 100;

interface Reading {
  readonly aSecond: number[];
  readonly aProcessorSecond: number[];
}

export const replicasRow: Row = {
  name: 'replicas',
  async run({ quick, say }: Settings) {
    const { rounds, durationMs } = quick ? PLANS.quick : PLANS.full;
    const world = await benchWorld(SENDERS, BUSY, 1, say);
    const [sender] = world.senders;
    if (sender === undefined) throw new Error('an account is needed');
    const wires = await signedTransfers(world, BLOCKS * PER_BLOCK);
    const path = `/account/${sender.address}`;
    const readings = await withDirectory(async (directory) => {
      const chain = await makeChain(directory, world, wires, PER_BLOCK);
      const readings: Reading[] = [];
      for (const count of COUNTS) {
        readings.push(
          await withReplicas(world, chain, [...world.followers, ...world.probes].slice(0, count), (nodes) =>
            read(nodes, path, rounds, durationMs),
          ),
        );
        say(`  ${count}: ${Math.round(median(readings.at(-1)?.aSecond ?? []))}/s in all`);
      }
      return readings;
    });
    const one = median(readings[0]?.aProcessorSecond ?? []);
    return readings.map(({ aProcessorSecond, aSecond }, i): Figure => {
      const count = COUNTS[i] ?? 0;
      const all = Math.round(median(aSecond)).toLocaleString('en');
      return {
        name: `replicas ${count}`,
        what: `GET /account/{a} from ${count} basic nodes at once, answers for a second of their processor time (${all}/s in all, on this one machine)`,
        unit: '/s',
        runs: aProcessorSecond,
        ...(count > 1 && { limit: { name: 'of one', value: one }, least: { atLeast: 0.8 } }),
      };
    });
  },
};

function withReplicas<T>(
  world: World,
  chain: KeptChain,
  [next, ...rest]: readonly Account[],
  use: (nodes: readonly RunningNode[]) => Promise<T>,
): Promise<T> {
  if (next === undefined) return use([]);
  return withNode(world, chain, next, ({ node }) =>
    withReplicas(world, chain, rest, (nodes) => use([node, ...nodes])),
  );
}

async function read(
  nodes: readonly RunningNode[],
  path: string,
  rounds: number,
  durationMs: number,
): Promise<Reading> {
  const readers = nodes.map(() => new HelperProcess<HttpLoadJob, HttpLoadAnswer>('./http-load.js'));
  const round = async (durationMs: number) => {
    const before = await processorMsOf(nodes);
    const answers = await Promise.all(
      nodes.map(async ({ http }, i) => {
        const job = { port: Number(new URL(http).port), paths: [path], connections: CONNECTIONS, durationMs };
        const answer = await readers[i]?.ask(job);
        if (answer?.answers === undefined) throw new Error(`${path}: ${answer?.error}`);
        return answer.answers;
      }),
    );
    const inAll = answers.reduce((sum, count) => sum + count, 0);
    return { inAll, processorMs: (await processorMsOf(nodes)) - before };
  };
  try {
    await round(WARM_UP_MS);
    const reading: Reading = { aSecond: [], aProcessorSecond: [] };
    for (let i = 0; i < rounds; i++) {
      const { inAll, processorMs } = await round(durationMs);
      reading.aSecond.push((inAll * 1_000) / durationMs);
      reading.aProcessorSecond.push((inAll * 1_000) / processorMs);
    }
    return reading;
  } finally {
    await Promise.all(readers.map((reader) => reader.close()));
  }
}
