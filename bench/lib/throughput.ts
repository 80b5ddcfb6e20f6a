/** A network of validators under as much load as it makes final: what the rows of throughput and memory run. */
import { Cluster, FinalCount, isFinal, type RunningNode } from './cluster.js';
import { Load } from './load.js';
import type { World } from './world.js';

export interface ThroughputPlan {
  /** Submitted and not yet final, a few blocks' worth, well below what the pools hold of each sender. */
  readonly underWay: number;
  readonly warmUpMs: number;
  readonly measuredMs: number;
}

/** Runs `use` beside the world's validators, each a process of its own; all their files lie under `directory`. */
export async function withValidators<T>(
  directory: string,
  world: World,
  use: (cluster: Cluster, count: FinalCount) => Promise<T>,
): Promise<T> {
  const cluster = new Cluster(directory, world.genesis);
  const count = new FinalCount(world.validators.length);
  cluster.onEvent((_, event) => {
    if (isFinal(event)) count.add(event);
  });
  try {
    for (const validator of world.validators) {
      await cluster.prepare(validator);
      await cluster.start(validator, 'validator');
    }
    await cluster.ready();
    return await use(cluster, count);
  } finally {
    await cluster.stop();
  }
}

/** A moment at which a block became final on all nodes. */
export interface Moment {
  readonly ms: number;
  /** Final by then. */
  readonly transactions: number;
}

export interface Sustained {
  readonly perSecond: number;
  /** How long that was; less than planned if the signed transfers were used up. */
  readonly measuredMs: number;
}

/** Less than this of the planned window says nothing about what is sustained. */
const MIN_PART_OF_WINDOW = 0.5;

/** Transfers a second that become final on all nodes while the load keeps them busy. @throws Error as `rateOf` */
export async function sustained(
  nodes: readonly RunningNode[],
  count: FinalCount,
  shares: readonly (readonly Uint8Array[])[],
  { underWay, warmUpMs, measuredMs }: ThroughputPlan,
): Promise<Sustained> {
  const load = new Load(nodes, shares);
  // A window begins and ends with a block, or it would count a part of one.
  const blockAfter = async (durationMs: number): Promise<Moment> => {
    const untilMs = performance.now() + durationMs;
    while (performance.now() < untilMs && !load.over) await count.next();
    return { ms: performance.now(), transactions: count.transactions };
  };
  const measuring = async () => {
    const from = await blockAfter(warmUpMs);
    const to = await blockAfter(measuredMs);
    load.stop();
    return rateOf(from, to, measuredMs);
  };
  const [result] = await Promise.all([measuring(), load.keepUnderWay(underWay, count)]);
  return result;
}

/**
 * What became final between two blocks.
 * @throws Error if that is nothing, or if it is less than half of the planned window: the signed transfers were used up
 */
export function rateOf(from: Moment, to: Moment, plannedMs: number): Sustained {
  const measuredMs = to.ms - from.ms;
  const transactions = to.transactions - from.transactions;
  if (transactions === 0) throw new Error('nothing became final while it was measured');
  if (measuredMs < MIN_PART_OF_WINDOW * plannedMs)
    throw new Error(
      `the signed transfers were used up after ${Math.round(measuredMs)} of ${plannedMs} ms: more must be signed`,
    );
  return { perSecond: (transactions * 1_000) / measuredMs, measuredMs };
}

/** For how long was measured, and that some runs ended early, if they did. */
export function windowText(runsMs: readonly number[], plannedMs: number): string {
  const shortestMs = Math.min(...runsMs);
  const planned = `${plannedMs / 1_000} s`;
  if (shortestMs >= plannedMs) return planned;
  return `${planned}, but once only ${(shortestMs / 1_000).toFixed(1)} s, as the signed transfers were used up`;
}
