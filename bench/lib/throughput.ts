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

/** Transfers a second that become final on all nodes while the load keeps them busy. */
export async function sustained(
  nodes: readonly RunningNode[],
  count: FinalCount,
  shares: readonly (readonly Uint8Array[])[],
  { underWay, warmUpMs, measuredMs }: ThroughputPlan,
): Promise<number> {
  const load = new Load(nodes, shares);
  // A window begins and ends with a block, or it would count a part of one.
  const blockAfter = async (durationMs: number) => {
    const untilMs = performance.now() + durationMs;
    while (performance.now() < untilMs && !load.over) await count.next();
    return { ms: performance.now(), transactions: count.transactions };
  };
  const measuring = async () => {
    const from = await blockAfter(warmUpMs);
    const to = await blockAfter(measuredMs);
    load.stop();
    if (to.ms === from.ms) throw new Error('the signed transfers were used up before anything was measured');
    return ((to.transactions - from.transactions) * 1_000) / (to.ms - from.ms);
  };
  const [perSecond] = await Promise.all([measuring(), load.keepUnderWay(underWay, count)]);
  return perSecond;
}
