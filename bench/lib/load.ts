/**
 * Hands signed transfers to a running network over HTTP, in batches: as fast as it makes them final, or at a fixed rate.
 * Each node has several clients that ask one thing at a time, and a sender keeps to one client, as its nonces must
 * arrive in order.
 */
import { setTimeout as sleep } from 'node:timers/promises';
import { toBase64 } from '../../src/protocol/bytes.js';
import type { FinalCount, RunningNode } from './cluster.js';
import { ask } from './http.js';

const BATCH = 100;
/** Of each node. With a single one, the node waits for it as often as it waits for the node. */
const CLIENTS = 16;
/** At a fixed rate, batches are due at the same moments for all nodes, so many times a second. */
const TICK_MS = 20;

interface BatchAnswer {
  readonly items: readonly { readonly accepted: boolean; readonly error?: { readonly code: string } }[];
}

/** The wires that each client is given, in order; client i asks node i modulo `nodes`. */
export function shareOut(
  wires: readonly Uint8Array[],
  senders: number,
  nodes: number,
): readonly (readonly Uint8Array[])[] {
  const clients = Math.min(senders, nodes * CLIENTS);
  const shares: Uint8Array[][] = Array.from({ length: clients }, () => []);
  wires.forEach((wire, i) => {
    shares[(i % senders) % clients]?.push(wire);
  });
  return shares;
}

export class Load {
  readonly #nodes: readonly RunningNode[];
  readonly #shares: readonly (readonly Uint8Array[])[];
  /** Of each share, how many were submitted. */
  readonly #given: number[];
  readonly #signed: number;
  #submitted = 0;
  #over = false;

  /** @param shares of `shareOut` for so many nodes */
  constructor(nodes: readonly RunningNode[], shares: readonly (readonly Uint8Array[])[]) {
    this.#nodes = nodes;
    this.#shares = shares;
    this.#given = shares.map(() => 0);
    this.#signed = shares.reduce((sum, { length }) => sum + length, 0);
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
    const asked = this.#shares.map(() => Promise.resolve());
    for (let turn = 0; !this.#over; turn++) {
      const index = turn % this.#shares.length;
      await asked[index];
      await untilDue();
      if (this.#over) break;
      const wires = this.#take(index, batch);
      if (wires.length === 0) {
        if (this.#submitted === this.#signed) break;
        continue;
      }
      const request = submit(this.#nodes[index % this.#nodes.length] as RunningNode, wires);
      // Its failure is met when it is awaited.
      request.catch(() => {});
      asked[index] = request;
    }
    this.#over = true;
    await Promise.all(asked);
  }

  /** The next wires of a client; none when its share is used up. */
  #take(index: number, batch: number): readonly Uint8Array[] {
    const from = this.#given[index] ?? 0;
    const wires = this.#shares[index]?.slice(from, from + batch) ?? [];
    this.#given[index] = from + wires.length;
    this.#submitted += wires.length;
    return wires;
  }
}

async function submit({ http }: RunningNode, wires: readonly Uint8Array[]): Promise<void> {
  const { items } = await ask<BatchAnswer>(`${http}/txns?form=short`, JSON.stringify(wires.map(toBase64)));
  const refused = items.find(({ accepted }) => !accepted);
  if (refused !== undefined) throw new Error(`a transfer of the load was refused: ${refused.error?.code}`);
}
