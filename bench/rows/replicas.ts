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
  full: { rounds: 9, durationMs: 1_000 },
  quick: { rounds: 1, durationMs: 200 },
};
const WARM_UP_MS = 3_000;
const COUNTS = [1, 2, 4];
const CONNECTIONS = 32;
const SENDERS = 20;
const BLOCKS = 10;
const PER_BLOCK = 100;

/** Of as many nodes as `count`, one value a round. */
interface Reading {
  readonly count: number;
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
    const accounts = [...world.followers, ...world.probes].slice(0, Math.max(...COUNTS));
    const readings = await withDirectory(async (directory) => {
      const chain = await makeChain(directory, world, wires, PER_BLOCK);
      return withReplicas(world, chain, accounts, (nodes) => read(nodes, path, rounds, durationMs));
    });
    const ofOne = readings[0]?.aProcessorSecond ?? [];
    return readings.map(({ count, aProcessorSecond, aSecond }): Figure => {
      const all = Math.round(median(aSecond)).toLocaleString('en');
      return {
        name: `replicas ${count}`,
        what: `GET /account/{a} from ${count} basic nodes at once, answers for a second of their processor time (${all}/s in all, on this one machine)`,
        unit: '/s',
        runs: aProcessorSecond,
        ...(count > 1 && { limit: { name: 'of one', values: ofOne }, least: { atLeast: 0.8 } }),
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

/** One, two and all of them by turns, as the machine's pace changes from one minute to the next. */
async function read(
  nodes: readonly RunningNode[],
  path: string,
  rounds: number,
  durationMs: number,
): Promise<Reading[]> {
  const replicas = nodes.map((node) => new Replica(node, path));
  try {
    for (const replica of replicas) await replica.answersWithin(WARM_UP_MS);
    const readings = COUNTS.map((count): Reading => ({ count, aSecond: [], aProcessorSecond: [] }));
    for (let i = 0; i < rounds; i++) {
      for (const { count, aSecond, aProcessorSecond } of readings) {
        const before = await processorMsOf(nodes.slice(0, count));
        const answers = await Promise.all(
          replicas.slice(0, count).map((replica) => replica.answersWithin(durationMs)),
        );
        const processorMs = (await processorMsOf(nodes.slice(0, count))) - before;
        const inAll = answers.reduce((sum, some) => sum + some, 0);
        aSecond.push((inAll * 1_000) / durationMs);
        aProcessorSecond.push((inAll * 1_000) / processorMs);
      }
    }
    return readings;
  } finally {
    await Promise.all(replicas.map((replica) => replica.close()));
  }
}

/** A node with a process of its own that reads from it. */
class Replica {
  readonly #reader = new HelperProcess<HttpLoadJob, HttpLoadAnswer>('./http-load.js');
  readonly #port: number;
  readonly #path: string;

  constructor({ http }: RunningNode, path: string) {
    this.#port = Number(new URL(http).port);
    this.#path = path;
  }

  async answersWithin(durationMs: number): Promise<number> {
    const job = { port: this.#port, paths: [this.#path], connections: CONNECTIONS, durationMs };
    const { answers, error } = await this.#reader.ask(job);
    if (answers === undefined) throw new Error(`${this.#path}: ${error}`);
    return answers;
  }

  async close(): Promise<void> {
    await this.#reader.close();
  }
}
