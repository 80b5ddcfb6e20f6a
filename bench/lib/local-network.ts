/** A network on this machine: processes of the command line with fixed ports, which can be killed and started again. */
import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { Child, type ChildEvent } from '../../plugins/lib/devnet/child.js';
import { Home } from '../../plugins/lib/devnet/home.js';
import { CcoinClient } from '../../src/client/index.js';
import type { Account } from '../../src/keys/account.js';
import { accountDirectory } from '../../src/keys/account.js';
import type { Hash } from '../../src/protocol/bytes.js';
import { freePorts } from './ports.js';

const HOST = '127.0.0.1';
/** Far longer than a start takes: they only end what hangs. */
const START_WITHIN_MS = 60_000;
const READY_WITHIN_MS = 120_000;
const POLL_MS = 100;

interface Place {
  readonly name: string;
  readonly role: 'validator' | 'basic';
  readonly address: string;
  readonly p2pPort: number;
  readonly httpPort: number;
}

export class LocalNode {
  readonly name: string;
  readonly role: 'validator' | 'basic';
  readonly address: string;
  readonly client: CcoinClient;
  readonly http: string;
  readonly httpPort: number;
  readonly p2pPort: number;
  readonly #directory: string;
  readonly #logs: string;
  #child: Child | undefined;
  #lives = 0;
  #listener: (event: ChildEvent) => void = () => {};

  constructor({ name, role, address, httpPort, p2pPort }: Place, home: string) {
    this.name = name;
    this.role = role;
    this.address = address;
    this.http = `http://${HOST}:${httpPort}`;
    this.httpPort = httpPort;
    this.p2pPort = p2pPort;
    this.client = new CcoinClient(this.http);
    this.#directory = join(home, name);
    this.#logs = join(home, 'logs');
  }

  /** Undefined while it is down. */
  get pid(): number | undefined {
    return this.#child?.pid;
  }

  /** How often it was started. */
  get lives(): number {
    return this.#lives;
  }

  /** Where its account keeps the chain and the signer's record. */
  get dataDirectory(): string {
    return accountDirectory(this.#directory, this.address);
  }

  get config(): string {
    return join(this.#directory, 'ccoin.json');
  }

  onEvent(listener: (event: ChildEvent) => void): void {
    this.#listener = listener;
  }

  /**
   * Resolves when it serves HTTP.
   * @param onDeath called if it ends without having been killed or stopped
   */
  async start(onDeath: (error: Error) => void): Promise<void> {
    this.#lives++;
    const log = join(this.#logs, `${this.name}-${this.#lives}.jsonl`);
    const child = new Child(this.name, ['cnode', '-c', this.config, '-t', this.role], log);
    this.#child = child;
    child.onEvent((event) => this.#listener(event));
    void child.exited.then(({ code, signal }) => {
      if (this.#child !== child || child.stopping) return;
      onDeath(new Error(`${this.name} ended by itself (${signal ?? code}): ${child.lastLine}`));
    });
    await child.event('http', START_WITHIN_MS);
  }

  /** Resolves once it takes part. @throws Error if it does not */
  async ready(): Promise<void> {
    const untilMs = performance.now() + READY_WITHIN_MS;
    for (;;) {
      const answer = await fetch(`${this.http}/health/ready`).catch(() => undefined);
      await answer?.body?.cancel();
      if (answer?.ok) return;
      if (performance.now() > untilMs)
        throw new Error(`${this.name} is not ready ${READY_WITHIN_MS / 1000} s after its start`);
      await sleep(POLL_MS);
    }
  }

  /** Without warning, as kill -9 does; resolves when it is gone. */
  async kill(): Promise<void> {
    const child = this.#child;
    if (child?.pid === undefined) return;
    this.#child = undefined;
    process.kill(child.pid, 'SIGKILL');
    await child.exited;
  }

  async stop(): Promise<void> {
    await this.#child?.stop();
    this.#child = undefined;
  }
}

export class LocalNetwork {
  readonly genesisId: Hash;
  readonly nodes: readonly LocalNode[];
  /** Accounts that genesis gave coins to spend. */
  readonly senders: readonly Account[];
  /** Where their keys are. */
  readonly sendersPath: string;

  private constructor(home: Home, nodes: readonly LocalNode[], senders: readonly Account[]) {
    this.genesisId = home.genesisId;
    this.nodes = nodes;
    this.senders = senders;
    this.sendersPath = join(home.path, 'load');
  }

  /** Makes keys, a genesis and configurations below `directory`; starts nothing. */
  static async create(
    directory: string,
    shape: { readonly validators: number; readonly basic: number },
  ): Promise<LocalNetwork> {
    const home = await Home.open(join(directory, 'network'), shape, true, Date.now());
    await mkdir(join(home.path, 'logs'));
    const ports = await freePorts(home.nodes.length * 2);
    const places = home.nodes.map(
      (node, i): Place => ({ ...node, p2pPort: ports[2 * i] ?? 0, httpPort: ports[2 * i + 1] ?? 0 }),
    );
    await Promise.all(places.map((place) => configure(place, places, home)));
    const nodes = places.map((place) => new LocalNode(place, home.path));
    return new LocalNetwork(home, nodes, await home.loadAccounts());
  }

  /** Resolves once all take part. */
  async start(onDeath: (error: Error) => void): Promise<void> {
    await Promise.all(this.nodes.map((node) => node.start(onDeath)));
    await Promise.all(this.nodes.map((node) => node.ready()));
  }

  async stop(): Promise<void> {
    await Promise.all(this.nodes.map((node) => node.stop()));
  }
}

function configure(place: Place, all: readonly Place[], home: Home): Promise<void> {
  const peers = all.filter(({ name }) => name !== place.name).map(({ p2pPort }) => `${HOST}:${p2pPort}`);
  const settings = {
    app: { base_path: '.' },
    client: { account_address: place.address },
    p2p: { host: HOST, port: place.p2pPort, peers },
    http: { host: HOST, port: place.httpPort },
    network: { genesis_id: home.genesisId },
    log: { level: 'info', pretty: false },
  };
  return writeFile(join(home.directoryOf(place.name), 'ccoin.json'), JSON.stringify(settings));
}
