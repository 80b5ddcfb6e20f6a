/**
 * Hands signed transfers to a running network over HTTP, in batches: as fast as it makes them final, or at a fixed rate.
 * Each node is asked one thing at a time, and a sender keeps to one node, as its nonces must arrive in order.
 */
import { setTimeout as sleep } from 'node:timers/promises';
import { toBase64 } from '../../src/protocol/bytes.js';
import type { FinalCount, RunningNode } from './cluster.js';
import { ask } from './http.js';

const BATCH = 100;
/** At a fixed rate, batches are due at the same moments for all nodes, so many times a second. */
const TICK_MS = 20;

interface BatchAnswer {
  readonly items: readonly { readonly accepted: boolean; readonly error?: { readonly code: string } }[];
}

/** The wires that each of `nodes` nodes is given, in order. */
export function shareOut(
  wires: readonly Uint8Array[],
  senders: number,
  nodes: number,
): readonly (readonly Uint8Array[])[] {
  const shares: Uint8Array[][] = Array.from({ length: nodes }, () => []);
  wires.forEach((wire, i) => {
    shares[(i % senders) % nodes]?.push(wire);
  });
  return shares;
}

export class Load {
  readonly #nodes: readonly RunningNode[];
  readonly #shares: readonly (readonly Uint8Array[])[];
  /** Of each share, how many were submitted. */
  readonly #given: number[];
  #submitted = 0;
  #over = false;

  /** @param shares of `shareOut`, one for each node */
  constructor(nodes: readonly RunningNode[], shares: readonly (readonly Uint8Array[])[]) {
    this.#nodes = nodes;
    this.#shares = shares;
    this.#given = nodes.map(() => 0);
  }

  /** Whether nothing more will be submitted: it was stopped, or the signed transfers are used up. */
  get over(): boolean {
    return this.#over;
  }

  get submitted(): number {
    return this.#submitted;
  }

  stop(): void {
    this.#over = true;
  }

  /**
   * Keeps `underWay` transfers submitted and not yet final, so that the network is always busy and never overrun.
   * @throws Error if a transfer is refused
   */
  async keepUnderWay(underWay: number, count: FinalCount): Promise<void> {
    await this.#feed(BATCH, async () => {
      while (!this.#over && this.#submitted - count.transactions >= underWay) await count.next();
    });
  }

  /**
   * Submits `perSecond`, evenly spread over time and nodes, however long the network takes.
   * @throws Error if a transfer is refused
   */
  async keepRate(perSecond: number): Promise<void> {
    const startMs = performance.now();
    const batch = Math.max(1, Math.round((perSecond * TICK_MS) / 1_000 / this.#nodes.length));
    await this.#feed(batch, async () => {
      const dueMs = startMs + (this.#submitted * 1_000) / perSecond;
      const aheadMs = dueMs - performance.now();
      if (aheadMs > 0) await sleep(aheadMs);
    });
  }

  async #feed(batch: number, untilDue: () => Promise<void>): Promise<void> {
    const asked = this.#nodes.map(() => Promise.resolve());
    for (let turn = 0; !this.#over; turn++) {
      const index = turn % this.#nodes.length;
      await asked[index];
      await untilDue();
      if (this.#over) break;
      const wires = this.#take(index, batch);
      if (wires === undefined) break;
      const request = submit(this.#nodes[index] as RunningNode, wires);
      // Its failure is met when it is awaited.
      request.catch(() => {});
      asked[index] = request;
    }
    this.#over = true;
    await Promise.all(asked);
  }

  /** The next wires for a node; undefined when its share is used up. */
  #take(index: number, batch: number): readonly Uint8Array[] | undefined {
    const share = this.#shares[index] ?? [];
    const from = this.#given[index] ?? 0;
    if (from + batch > share.length) return undefined;
    this.#given[index] = from + batch;
    this.#submitted += batch;
    return share.slice(from, from + batch);
  }
}

async function submit({ http }: RunningNode, wires: readonly Uint8Array[]): Promise<void> {
  const { items } = await ask<BatchAnswer>(`${http}/txns`, JSON.stringify(wires.map(toBase64)));
  const refused = items.find(({ accepted }) => !accepted);
  if (refused !== undefined) throw new Error(`a transfer of the load was refused: ${refused.error?.code}`);
}
