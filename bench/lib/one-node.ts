/** One node of the command line on a chain that is there already: started, watched, stopped. */
import type { Account } from '../../src/keys/account.js';
import { withDirectory } from './cache.js';
import { Cluster, FinalCount, isFinal, type RunningNode } from './cluster.js';
import { type KeptChain, placeChain } from './kept-chain.js';
import { type ProcessFigures, processFigures } from './process-figures.js';
import type { World } from './world.js';

/** Far longer than a start takes: it only ends what hangs. */
const READY_WITHIN_MS = 300_000;

export interface ReadyNode {
  readonly node: RunningNode;
  /** From the start of its process until it takes part and answers over HTTP. */
  readonly readyMs: number;
  readonly count: FinalCount;
  /** Where its files lie: see `storage/data-directory.ts`. */
  readonly directory: string;
}

/** Runs `use` beside a node of `account` on a copy of `chain`, or from genesis if that is null. */
export function withNode<T>(
  world: World,
  chain: KeptChain | null,
  account: Account,
  use: (ready: ReadyNode) => Promise<T>,
): Promise<T> {
  return withDirectory(async (directory) => {
    if (chain !== null) await placeChain(chain, directory, account, world);
    const cluster = new Cluster(directory, world.genesis);
    const count = new FinalCount(1);
    const ready = new Promise<number>((resolve, reject) => {
      const timer = setTimeout(() => reject(new Error('the node does not become ready')), READY_WITHIN_MS);
      cluster.onEvent((_, event) => {
        if (isFinal(event)) count.add(event);
        if (event.event !== 'phase' || event.phase !== 'ready') return;
        clearTimeout(timer);
        resolve(performance.now());
      });
    });
    ready.catch(() => {});
    await cluster.prepare(account);
    const isValidator = world.validators.some(({ address }) => address === account.address);
    try {
      const startMs = performance.now();
      const node = await cluster.start(account, isValidator ? 'validator' : 'basic');
      const listeningMs = performance.now();
      const readyMs = Math.max(listeningMs, await ready) - startMs;
      return await use({ node, readyMs, count, directory });
    } finally {
      await cluster.stop();
    }
  });
}

/** @throws Error if the node's process has ended */
export async function figuresOf(node: RunningNode): Promise<ProcessFigures> {
  const figures = await processFigures(pidOf(node));
  if (figures === undefined) throw new Error(`the node has ended: ${node.child.lastLine}`);
  return figures;
}

/** Processor time of all of them since they started. */
export async function processorMsOf(nodes: readonly RunningNode[]): Promise<number> {
  const figures = await Promise.all(nodes.map(figuresOf));
  return figures.reduce((sum, { processorMs }) => sum + processorMs, 0);
}

export function pidOf({ child }: RunningNode): number {
  if (child.pid === undefined) throw new Error('a node that did not start');
  return child.pid;
}
