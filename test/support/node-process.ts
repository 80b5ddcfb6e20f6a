/** `ccoin cnode` as a process of its own: started with a configuration, watched through its log lines, killed by its id. */
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { pathToFileURL } from 'node:url';
import { parseLine } from '../../plugins/lib/devnet/child.js';
import { CcoinClient } from '../../src/client/index.js';
import { keysDirectory } from '../../src/storage/data-directory.js';
import type { TestGenesis, TestKey } from './genesis.js';
import { History } from './history.js';
import { repositoryFile } from './repository.js';

export const ROOT = repositoryFile('.');
const CCOIN = repositoryFile('dist/bin/ccoin.js');
/** Ends a node whose tests died. */
const LEASH = pathToFileURL(repositoryFile('dist/plugins/lib/leash.js')).href;

/** A JSON line of the log. */
export type Line = Readonly<Record<string, unknown>>;

export interface End {
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
}

/** What is still to be stopped and removed after the tests of a file. */
const running = new Set<NodeProcess>();
const directories = new Set<string>();

/** To be called after the tests of a file, whatever became of them. */
export async function cleanUp(): Promise<void> {
  for (const node of running) node.signal('SIGKILL');
  await Promise.all([...running].map(({ ended }) => ended));
  await Promise.all([...directories].map((path) => rm(path, { recursive: true, force: true })));
  directories.clear();
}

export async function temporaryDirectory(): Promise<string> {
  const path = await mkdtemp(join(tmpdir(), 'ccoin-e2e-'));
  directories.add(path);
  return path;
}

/** This process's environment without its settings of ccoin. */
export function environment(extra: Readonly<Record<string, string>> = {}): NodeJS.ProcessEnv {
  const own = Object.entries(process.env).filter(([name]) => !name.startsWith('CCOIN_'));
  return { ...Object.fromEntries(own), ...extra };
}

/** What a command printed, and its exit code. */
export interface Result {
  readonly code: number | null;
  readonly out: string;
  readonly err: string;
}

/** Runs `ccoin ARGS…` to its end. */
export async function ccoin(...args: string[]): Promise<Result> {
  const child = spawn(process.execPath, [CCOIN, ...args], {
    env: environment(),
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  let [out, err] = ['', ''];
  child.stdout.on('data', (chunk) => (out += chunk));
  child.stderr.on('data', (chunk) => (err += chunk));
  const [code] = await once(child, 'close');
  return { code, out, err };
}

export class NodeProcess {
  readonly lines = new History<Line>();
  readonly ended: Promise<End>;
  /** What it wrote to standard error. */
  errors = '';
  readonly #child: ChildProcess;

  constructor(args: readonly string[], env: Readonly<Record<string, string>> = {}) {
    const child = spawn(process.execPath, ['--import', LEASH, CCOIN, ...args], {
      env: environment(env),
      stdio: ['ignore', 'pipe', 'pipe', 'ipc'],
    });
    this.#child = child;
    running.add(this);
    child.stderr?.on('data', (chunk) => {
      this.errors += chunk;
    });
    createInterface({ input: child.stdout as NodeJS.ReadableStream }).on('line', (text) => {
      // A kill may cut the last one short.
      const line = parseLine(text);
      if (line !== undefined) this.lines.add(line);
    });
    this.ended = once(child, 'close').then(([code, signal]) => {
      running.delete(this);
      return { code, signal };
    });
  }

  /** @throws Error if the process ends before that line comes */
  async until(matches: (line: Line) => boolean, from = 0): Promise<Line> {
    const ended = this.ended.then(({ code, signal }) => {
      throw new Error(`the node ended with ${code ?? signal}: ${this.errors}`);
    });
    return Promise.race([this.lines.until(matches, from), ended]);
  }

  event(name: string): Promise<Line> {
    return this.until(({ event }) => event === name);
  }

  /** Its line about block `number`, or the first above it, being final. */
  untilFinal(number: number): Promise<Line> {
    return this.until(({ event, number: at }) => event === 'final' && (at as number) >= number);
  }

  get pid(): number {
    const { pid } = this.#child;
    if (pid === undefined) throw new Error('the process did not start');
    return pid;
  }

  async client(): Promise<CcoinClient> {
    const { http_port } = await this.event('http');
    return new CcoinClient(`http://127.0.0.1:${http_port}`);
  }

  signal(signal: NodeJS.Signals): void {
    this.#child.kill(signal);
  }
}

/** A node's directory: its key, its genesis block, and a ccoin.json that can be written again. */
export class NodeHome {
  readonly path: string;
  readonly key: TestKey;

  private constructor(path: string, key: TestKey) {
    this.path = path;
    this.key = key;
  }

  /** @param pem the key's file, if it is to be another than the plain one */
  static async create(key: TestKey, genesis: TestGenesis | null, pem?: string): Promise<NodeHome> {
    const home = new NodeHome(await temporaryDirectory(), key);
    const keys = keysDirectory(home.path, key.address);
    await mkdir(keys, { recursive: true, mode: 0o700 });
    const plain = key.privateKey.export({ type: 'pkcs8', format: 'pem' }) as string;
    await writeFile(join(keys, 'id_rsa'), pem ?? plain, { mode: 0o600 });
    if (genesis !== null) await writeFile(home.file('genesis.block'), genesis.wire);
    await home.configure({});
    return home;
  }

  /** A file in the account's directory. */
  file(name: string): string {
    return join(this.path, this.key.address, name);
  }

  get config(): string {
    return join(this.path, 'ccoin.json');
  }

  /** Writes ccoin.json: any free ports on loopback, and whatever else is given by section. */
  async configure(sections: Readonly<Record<string, object>>): Promise<void> {
    const config = {
      app: { base_path: this.path },
      client: { account_address: this.key.address },
      log: { level: 'info', pretty: false },
      ...sections,
      p2p: { host: '127.0.0.1', port: 0, ...sections.p2p },
    };
    await writeFile(this.config, JSON.stringify(config));
  }

  start(args: readonly string[] = [], env: Readonly<Record<string, string>> = {}): NodeProcess {
    return new NodeProcess(['cnode', '-c', this.config, ...args], env);
  }
}
