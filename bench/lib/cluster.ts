/** Nodes as real processes of the compiled command line, on loopback, each with its own databases. */
import { cp, mkdir, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { Child, type ChildEvent } from '../../plugins/lib/devnet/child.js';
import type { Account } from '../../src/keys/account.js';
import { accountDirectory } from '../../src/keys/account.js';
import { writeGenesisFile } from '../../src/node/genesis-file.js';
import type { Genesis } from '../../src/protocol/genesis.js';
import { ACCOUNTS_PATH } from './cache.js';

const HOST = '127.0.0.1';
/** Far longer than a start takes: it only ends what hangs. */
const START_WITHIN_MS = 60_000;
const READY_POLL_MS = 50;

/** A `final` line of a node's log. */
export interface FinalLine extends ChildEvent {
  readonly number: number;
  readonly id: string;
  readonly transactions: number;
}

export interface RunningNode {
  readonly p2pPort: number;
  readonly http: string;
  readonly child: Child;
}

export class Cluster {
  readonly nodes: RunningNode[] = [];
  readonly #directory: string;
  readonly #genesis: Genesis;
  readonly #listeners: ((node: number, event: ChildEvent) => void)[] = [];

  /** @param directory the base path of all nodes, and of their logs */
  constructor(directory: string, genesis: Genesis) {
    this.#directory = directory;
    this.#genesis = genesis;
  }

  /** Gives the account's node its key and genesis, in its own part of the base path. */
  async prepare({ address }: Account): Promise<void> {
    const base = this.#directory;
    await mkdir(base, { recursive: true });
    await cp(accountDirectory(ACCOUNTS_PATH, address), accountDirectory(base, address), { recursive: true });
    await writeGenesisFile(base, address, this.#genesis);
  }

  /**
   * Starts the node of a prepared account; it dials those that run already.
   * @param storage settings of that section
   */
  async start(
    { address }: Account,
    role: 'validator' | 'basic',
    storage: Readonly<Record<string, number | string>> = {},
  ): Promise<RunningNode> {
    const config = join(this.#directory, `${address}.json`);
    const settings = {
      app: { base_path: '.' },
      client: { account_address: address },
      p2p: { host: HOST, port: 0, peers: this.nodes.map(({ p2pPort }) => `${HOST}:${p2pPort}`) },
      http: { host: HOST, port: 0 },
      network: { genesis_id: this.#genesis.block.id },
      storage,
      log: { level: 'info', pretty: false },
    };
    await writeFile(config, JSON.stringify(settings));
    const index = this.nodes.length;
    const child = new Child(
      `node-${index}`,
      ['cnode', '-c', config, '-t', role],
      join(this.#directory, `${address}.log`),
    );
    child.onEvent((event) => {
      for (const listener of this.#listeners) listener(index, event);
    });
    try {
      const p2p = await child.event('listening', START_WITHIN_MS);
      const http = await child.event('http', START_WITHIN_MS);
      const node = { p2pPort: Number(p2p.p2p_port), http: `http://${HOST}:${http.http_port}`, child };
      this.nodes.push(node);
      return node;
    } catch (error) {
      await child.stop();
      throw error;
    }
  }

  /** Whatever the nodes say that machines are meant to read, as it comes. */
  onEvent(listener: (node: number, event: ChildEvent) => void): void {
    this.#listeners.push(listener);
  }

  /** Resolves once every node takes part. */
  async ready(): Promise<void> {
    const isReady = async ({ http }: RunningNode) => (await fetch(`${http}/health/ready`)).ok;
    const untilMs = performance.now() + START_WITHIN_MS;
    while (!(await Promise.all(this.nodes.map(isReady))).every(Boolean)) {
      if (performance.now() > untilMs) throw new Error('the nodes do not become ready');
      await sleep(READY_POLL_MS);
    }
  }

  /** Stops the node that was started last. It can be started again with what it has. */
  async stopLast(): Promise<void> {
    await this.nodes.pop()?.child.stop();
  }

  /** Stops the node that was started last, and forgets all that it had. */
  async drop({ address }: Account): Promise<void> {
    await this.stopLast();
    await rm(accountDirectory(this.#directory, address), { recursive: true });
  }

  async stop(): Promise<void> {
    await Promise.all(this.nodes.map(({ child }) => child.stop()));
  }
}

export function isFinal(event: ChildEvent): event is FinalLine {
  return event.event === 'final';
}

/** Counts what is final on every one of `nodes` nodes, and calls a difference between them by its name. */
export class FinalCount {
  readonly #nodes: number;
  readonly #blocks = new Map<number, { readonly id: string; seen: number }>();
  readonly #waiting: (() => void)[] = [];
  #transactions = 0;
  #height = 1;
  #error: Error | undefined;

  constructor(nodes: number) {
    this.#nodes = nodes;
  }

  /** Transactions in blocks that are final on all nodes. */
  get transactions(): number {
    return this.#transactions;
  }

  /** The last block that is final on all nodes. */
  get height(): number {
    return this.#height;
  }

  add({ number, id, transactions }: FinalLine): void {
    const block = this.#blocks.get(number) ?? { id, seen: 0 };
    this.#blocks.set(number, block);
    if (block.id !== id) this.#error = new Error(`block ${number} is not the same on all nodes`);
    block.seen++;
    if (block.seen < this.#nodes) return;
    this.#transactions += transactions;
    this.#height = Math.max(this.#height, number);
    for (const wake of this.#waiting.splice(0)) wake();
  }

  /** Resolves with the next block that is final on all nodes. @throws Error if two nodes differ */
  async next(): Promise<void> {
    if (this.#error !== undefined) throw this.#error;
    await new Promise<void>((resolve) => this.#waiting.push(resolve));
  }

  async reaches(height: number): Promise<void> {
    while (this.#height < height) await this.next();
  }
}
