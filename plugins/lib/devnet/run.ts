/** Runs a devnet: starts discovery and the nodes, tells what becomes final, and stops all in order. */
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { BlockFeed, type BlockLine } from './block-feed.js';
import { Child, type ChildEvent, type Exit } from './child.js';
import { Home } from './home.js';
import { Load } from './load.js';
import type { NodePlan, Wishes } from './plan.js';
import type { Running, RunningNode, Show } from './show.js';

/** Far longer than a start takes: it only ends what hangs. */
const START_WITHIN_MS = 120_000;
const READY_WITHIN_MS = 60_000;
const READY_POLL_MS = 100;

export interface DevnetOptions extends Wishes {
  readonly basePath: string;
  readonly reset: boolean;
  /** Transfers a second; 0 for none. */
  readonly load: number;
  /** Stops by itself after so many seconds; undefined to run until told to stop. */
  readonly seconds?: number | undefined;
}

/**
 * Runs until `stop` is aborted, `options.seconds` are over, or no validator is left.
 * @throws Error of one sentence if the devnet cannot be made or started
 */
export async function runDevnet(options: DevnetOptions, show: Show, stop: AbortSignal): Promise<void> {
  const home = await Home.open(options.basePath, options, options.reset, Date.now());
  const devnet = new Devnet(home, show);
  try {
    if (!stop.aborted) await Promise.race([devnet.start(), aborted(stop)]);
    if (!stop.aborted) await devnet.run(options, stop);
  } finally {
    await devnet.stop();
  }
}

class Devnet {
  readonly #home: Home;
  readonly #show: Show;
  readonly #feed = new BlockFeed();
  readonly #children = new Map<string, Child>();
  /** Blocks that became final before the table was printed. */
  #early: BlockLine[] | null = [];
  #running: Running | undefined;
  #load: Load | undefined;
  #stopping = false;
  /** Aborted when it is time to stop. */
  readonly #end = new AbortController();
  #noValidator = false;

  constructor(home: Home, show: Show) {
    this.#home = home;
    this.#show = show;
  }

  async start(): Promise<void> {
    const home = this.#home;
    const database = join(home.path, 'discovery');
    const discovery = this.#spawn('discovery', [
      'discovery',
      '-p',
      '0',
      '-h',
      '127.0.0.1',
      '--data',
      database,
    ]);
    const discoveryPort = portOf(await discovery.event('listening', START_WITHIN_MS), 'port');
    const configs = await home.configure(discoveryPort);
    const nodes = await Promise.all(
      home.nodes.map((node) => this.#startNode(node, configs.get(node.name) ?? '')),
    );
    this.#running = {
      genesisId: home.genesisId,
      path: home.path,
      nodes,
      discovery: `http://127.0.0.1:${discoveryPort}`,
    };
    this.#show.started(this.#running);
    for (const block of this.#early ?? []) this.#show.block(block);
    this.#early = null;
  }

  /** Resolves when it is time to stop. */
  async run({ load, seconds }: DevnetOptions, stop: AbortSignal): Promise<void> {
    const end = this.#end;
    stop.addEventListener('abort', () => end.abort(), { once: true });
    if (stop.aborted) end.abort();
    const timer = seconds === undefined ? undefined : setTimeout(() => end.abort(), seconds * 1000);
    if (load > 0) await this.#startLoad(load, end.signal);
    await aborted(end.signal);
    clearTimeout(timer);
    if (this.#load !== undefined) {
      this.#show.remark('the load ends; waiting for what is under way');
      this.#show.summary(await this.#load.stop());
    }
    if (this.#noValidator) throw new Error('no validator is left');
  }

  /** Nodes first: they take their leave from each other and from discovery. */
  async stop(): Promise<void> {
    this.#stopping = true;
    const children = [...this.#children.values()];
    await Promise.all(children.filter(({ name }) => name !== 'discovery').map((child) => child.stop()));
    await Promise.all(children.map((child) => child.stop()));
  }

  async #startNode({ name, role, address }: NodePlan, config: string): Promise<RunningNode> {
    const child = this.#spawn(name, ['cnode', '-c', config, '-p', '0', '--http-port', '0', '-t', role]);
    child.onEvent((event) => this.#heard(name, event));
    const p2pPort = portOf(await child.event('listening', START_WITHIN_MS), 'p2p_port');
    const httpPort = portOf(await child.event('http', START_WITHIN_MS), 'http_port');
    const { pid } = child;
    if (pid === undefined) throw new Error(`${name} has no process`);
    return { name, role, address, p2p: `127.0.0.1:${p2pPort}`, http: `http://127.0.0.1:${httpPort}`, pid };
  }

  #spawn(name: string, args: readonly string[]): Child {
    if (this.#stopping) throw new Error('the devnet is stopping');
    const child = new Child(name, args, join(this.#home.directoryOf(name), 'log.jsonl'));
    this.#children.set(name, child);
    void child.exited.then((exit) => this.#ended(child, exit));
    return child;
  }

  #ended(child: Child, { code, signal }: Exit): void {
    if (this.#stopping || child.stopping) return;
    this.#children.delete(child.name);
    // Who was killed had no time to say why.
    const why = signal ?? `exit code ${code}: ${child.lastLine}`;
    this.#show.remark(`${child.name} ended by itself (${why})`);
    const validators = this.#home.nodes.filter(({ role }) => role === 'validator');
    if (validators.some(({ name }) => this.#children.has(name))) return;
    this.#noValidator = true;
    this.#end.abort();
  }

  #heard(name: string, event: ChildEvent): void {
    const block = this.#feed.next(event);
    if (block === undefined) return;
    if (this.#early !== null) this.#early.push(block);
    else this.#show.block(block);
    const url = this.#running?.nodes.find((node) => node.name === name)?.http;
    if (block.transactions === 0 || this.#load === undefined || url === undefined) return;
    this.#load.blockFinal(block.number, url).catch((error: Error) => this.#show.remark(error.message));
  }

  async #startLoad(perSecond: number, end: AbortSignal): Promise<void> {
    const accounts = await this.#home.loadAccounts();
    const urls = (this.#running?.nodes ?? [])
      .filter(({ role }) => role === 'validator')
      .map(({ http }) => http);
    await untilReady(urls, end);
    if (!end.aborted) this.#load = await Load.start(accounts, urls, this.#home.genesisId, perSecond);
  }
}

/** A load on nodes that still look for each other would measure their start. */
async function untilReady(urls: readonly string[], end: AbortSignal): Promise<void> {
  const untilMs = performance.now() + READY_WITHIN_MS;
  const ready = async (url: string) =>
    (await fetch(`${url}/health/ready`).catch(() => undefined))?.ok === true;
  while (!end.aborted && !(await Promise.all(urls.map(ready))).every(Boolean)) {
    if (performance.now() > untilMs)
      throw new Error(`the validators are not ready after ${READY_WITHIN_MS / 1000} s`);
    await sleep(READY_POLL_MS);
  }
}

function portOf(event: ChildEvent, field: string): number {
  const port = event[field];
  if (typeof port !== 'number') throw new Error(`a ${event.event} line without ${field}`);
  return port;
}

/** Resolves once the signal is aborted. */
function aborted(signal: AbortSignal): Promise<void> {
  if (signal.aborted) return Promise.resolve();
  return new Promise((resolve) => signal.addEventListener('abort', () => resolve(), { once: true }));
}
