/**
 * How many transfers a second a network of four validators makes final, each a process of its own, all on this machine
 * together with the load: a fixed number of transfers is kept under way, so the network is always busy and never
 * overrun.
 */
import { toBase64 } from '../../src/protocol/bytes.js';
import { withDirectory } from '../lib/cache.js';
import { Cluster, FinalCount, isFinal, type RunningNode } from '../lib/cluster.js';
import { ask } from '../lib/http.js';
import type { Row, Settings } from '../lib/row.js';
import { signedTransfers } from '../lib/transfers.js';
import { BUSY, benchWorld, VALIDATORS, type World } from '../lib/world.js';

const BATCH = 100;
/** `underWay`: submitted and not yet final, a few blocks' worth, well below what the pools hold of each sender. */
const PLANS = {
  full: { senders: 100, underWay: 6_000, transfers: 120_000, warmUpMs: 3_000, measuredMs: 20_000, runs: 3 },
  quick: { senders: 20, underWay: 2_000, transfers: 12_000, warmUpMs: 1_000, measuredMs: 3_000, runs: 1 },
};

type Plan = (typeof PLANS)[keyof typeof PLANS];

interface BatchAnswer {
  readonly items: readonly { readonly accepted: boolean; readonly error?: { readonly code: string } }[];
}

export const networkRow: Row = {
  name: 'network',
  async run({ quick, say }: Settings) {
    const plan = quick ? PLANS.quick : PLANS.full;
    const world = await benchWorld(plan.senders, BUSY);
    say(`  signing ${plan.transfers} transfers, unless they are kept from an earlier run`);
    const batches = batchesOf(await signedTransfers(world, plan.transfers), world);
    const runs: number[] = [];
    for (let run = 0; run < plan.runs; run++) {
      const perSecond = await withDirectory((directory) => measure(directory, world, batches, plan));
      say(`  run ${run + 1}: ${Math.round(perSecond)}/s`);
      runs.push(perSecond);
    }
    return [
      {
        name: 'network',
        what:
          `transfers final on all of ${VALIDATORS} validators, sustained for ${plan.measuredMs / 1000} s ` +
          `(or until the ${plan.transfers} that are signed are used up), ` +
          `${plan.senders} senders, ${plan.underWay} under way, min_bound ${BUSY.minBound}, difficulty 0`,
        unit: '/s',
        runs,
        limit: { name: 'L/4', partOfL: 1 / VALIDATORS },
        goal: { atLeast: 0.2 },
      },
    ];
  },
};

/** Request bodies for each validator: a sender keeps to one, as its nonces must arrive in order. */
function batchesOf(wires: readonly Uint8Array[], { senders }: World): string[][] {
  return Array.from({ length: VALIDATORS }, (_, validator) => {
    const own = wires.filter((_, i) => (i % senders.length) % VALIDATORS === validator);
    const bodies: string[] = [];
    for (let at = 0; at + BATCH <= own.length; at += BATCH)
      bodies.push(JSON.stringify(own.slice(at, at + BATCH).map(toBase64)));
    return bodies;
  });
}

async function measure(
  directory: string,
  world: World,
  batches: readonly (readonly string[])[],
  { underWay, warmUpMs, measuredMs }: Plan,
): Promise<number> {
  const cluster = new Cluster(directory, world.genesis);
  const count = new FinalCount(VALIDATORS);
  cluster.onEvent((_, event) => {
    if (isFinal(event)) count.add(event);
  });
  try {
    for (const validator of world.validators) {
      await cluster.prepare(validator);
      await cluster.start(validator, 'validator');
    }
    await cluster.ready();
    const load = new ClosedLoop(count, underWay);
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
      return ((to.transactions - from.transactions) * 1_000) / (to.ms - from.ms);
    };
    const [perSecond] = await Promise.all([measuring(), load.feed(cluster.nodes, batches)]);
    return perSecond;
  } finally {
    await cluster.stop();
  }
}

/** Hands batches to the validators in turn, as long as fewer than `underWay` transfers are under way. */
class ClosedLoop {
  readonly #count: FinalCount;
  readonly #underWay: number;
  #submitted = 0;
  #over = false;

  constructor(count: FinalCount, underWay: number) {
    this.#count = count;
    this.#underWay = underWay;
  }

  /** Whether nothing more will be submitted: it was stopped, or the signed transfers are used up. */
  get over(): boolean {
    return this.#over;
  }

  stop(): void {
    this.#over = true;
  }

  /** @throws Error if a transfer is refused */
  async feed(nodes: readonly RunningNode[], batches: readonly (readonly string[])[]): Promise<void> {
    // One request at a time to each validator, so that a sender's transfers arrive in the order of their nonces.
    const asked = nodes.map(() => Promise.resolve());
    const turns = Math.min(...batches.map((bodies) => bodies.length)) * nodes.length;
    for (let turn = 0; turn < turns; turn++) {
      const validator = turn % nodes.length;
      await asked[validator];
      while (!this.#over && this.#submitted - this.#count.transactions >= this.#underWay)
        await this.#count.next();
      if (this.#over) break;
      this.#submitted += BATCH;
      const { http } = nodes[validator] as RunningNode;
      const body = batches[validator]?.[Math.floor(turn / nodes.length)] as string;
      const request = submit(http, body);
      // Its failure is met when it is awaited.
      request.catch(() => {});
      asked[validator] = request;
    }
    await Promise.all(asked);
    this.#over = true;
  }
}

async function submit(http: string, body: string): Promise<void> {
  const { items } = await ask<BatchAnswer>(`${http}/txns`, body);
  const refused = items.find(({ accepted }) => !accepted);
  if (refused !== undefined) throw new Error(`a transfer of the load was refused: ${refused.error?.code}`);
}
