/** Kills nodes without warning, one at a time, and starts each again; the leader of the moment among them. */
import { randomInt } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import type { LocalNode } from '../lib/local-network.js';

/** How long a killed node stays down, in milliseconds. */
const DOWN_MS = { from: 0, to: 5_000 };
/** One kill in so many asks who leads just now, and kills that one. */
const LEADER_EVERY = 3;

export interface Kill {
  readonly node: string;
  /** Whether it led the round in which it was killed. */
  readonly leader: boolean;
  readonly downMs: number;
  /** From its start until it took part again. */
  readonly recoveredMs: number;
}

export class Killer {
  readonly kills: Kill[] = [];
  readonly #victims: readonly LocalNode[];
  readonly #watcher: LocalNode;
  readonly #onDeath: (error: Error) => void;

  /**
   * @param victims whom to kill
   * @param watcher is never killed, and asked who leads
   * @param onDeath as of LocalNode.start
   */
  constructor(victims: readonly LocalNode[], watcher: LocalNode, onDeath: (error: Error) => void) {
    this.#victims = victims;
    this.#watcher = watcher;
    this.#onDeath = onDeath;
  }

  /**
   * One kill about every `everyMs` until `signal` is aborted; the last one has recovered when it resolves.
   * @throws Error if a node does not come back
   */
  async run(everyMs: number, signal: AbortSignal): Promise<void> {
    while (!signal.aborted) {
      const waitMs = randomInt(Math.ceil(everyMs / 2), Math.ceil((everyMs * 3) / 2));
      await sleep(waitMs, undefined, { signal }).catch(() => {});
      if (!signal.aborted) this.kills.push(await this.#kill());
    }
  }

  async #kill(): Promise<Kill> {
    const leader = await this.#leader();
    const leads = this.#victims.find(({ address }) => address === leader);
    const wanted = this.kills.length % LEADER_EVERY === 0 ? leads : undefined;
    const victim = wanted ?? (this.#victims[randomInt(this.#victims.length)] as LocalNode);
    await victim.kill();
    const downMs = randomInt(DOWN_MS.from, DOWN_MS.to);
    await sleep(downMs);
    const startedMs = performance.now();
    await victim.start(this.#onDeath);
    await victim.ready();
    const recoveredMs = Math.round(performance.now() - startedMs);
    return { node: victim.name, leader: victim === leads, downMs, recoveredMs };
  }

  async #leader(): Promise<string | undefined> {
    const status = await this.#watcher.client.status().catch(() => undefined);
    return status?.consensus.leader;
  }
}
