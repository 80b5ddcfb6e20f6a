/** One ccoin process of a devnet: started, watched through its log lines, stopped. */
import { type ChildProcess, spawn } from 'node:child_process';
import { createWriteStream } from 'node:fs';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';

const CCOIN = fileURLToPath(new URL('../../../bin/ccoin.js', import.meta.url));
const LEASH = new URL('../leash.js', import.meta.url).href;
/** What an ordered stop may take before it is forced. */
const STOP_WITHIN_MS = 20_000;
/** Lines go to the log file together: one write each would cost more than all else that is done with them. */
const LOG_EVERY_MS = 100;

/** A log line of a child that machines are meant to read. */
export interface ChildEvent {
  readonly event: string;
  readonly [field: string]: unknown;
}

export interface Exit {
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
}

export class Child {
  readonly name: string;
  /** Resolves when the process has ended and all its lines were read. */
  readonly exited: Promise<Exit>;
  readonly #process: ChildProcess;
  readonly #seen = new Map<string, ChildEvent>();
  readonly #waiting = new Map<string, (event: ChildEvent) => void>();
  #lastLine = '';
  #listener: (event: ChildEvent) => void = () => {};
  #stopping = false;

  /** Starts `ccoin ARGS…`; what it prints goes to `logFile`. */
  constructor(name: string, args: readonly string[], logFile: string) {
    this.name = name;
    // Its own process group: Ctrl-C in a terminal reaches the devnet alone, which then stops its children in order.
    this.#process = spawn(process.execPath, ['--import', LEASH, CCOIN, ...args], {
      stdio: ['ignore', 'pipe', 'pipe', 'ipc'],
      detached: true,
      env: withoutSettings(process.env),
    });
    const log = createWriteStream(logFile, { mode: 0o600 });
    // A full disk must not end the devnet: the lines are only for people who look for a fault.
    log.on('error', () => {});
    log.cork();
    const logging = setInterval(() => {
      log.uncork();
      log.cork();
    }, LOG_EVERY_MS);
    for (const stream of [this.#process.stdout, this.#process.stderr]) {
      if (stream === null) throw new Error('a child without pipes');
      createInterface({ input: stream }).on('line', (line) => {
        log.write(`${line}\n`);
        this.#read(line);
      });
    }
    this.exited = new Promise((resolve) => {
      this.#process.once('error', (error) => {
        this.#lastLine = error.message;
        resolve({ code: null, signal: null });
      });
      this.#process.once('close', (code, signal) => resolve({ code, signal }));
    });
    this.exited.then(() => {
      clearInterval(logging);
      log.end();
    });
  }

  get pid(): number | undefined {
    return this.#process.pid;
  }

  /** Whether it was asked to stop, so that its end is no surprise. */
  get stopping(): boolean {
    return this.#stopping;
  }

  /** What it printed last, for whoever wonders why it ended. */
  get lastLine(): string {
    return this.#lastLine;
  }

  onEvent(listener: (event: ChildEvent) => void): void {
    this.#listener = listener;
  }

  /**
   * The first event of that name, past or to come.
   * @throws Error if the child ends first, or after `timeoutMs`
   */
  async event(name: string, timeoutMs: number): Promise<ChildEvent> {
    const seen = this.#seen.get(name);
    if (seen !== undefined) return seen;
    let timer: NodeJS.Timeout | undefined;
    const coming = new Promise<ChildEvent>((resolve) => this.#waiting.set(name, resolve));
    const late = new Promise<never>((_, reject) => {
      timer = setTimeout(
        () => reject(new Error(`${this.name} is not up after ${timeoutMs / 1000} s`)),
        timeoutMs,
      );
    });
    const ended = this.exited.then(() => {
      throw new Error(`${this.name} ended before it was up: ${this.lastLine}`);
    });
    try {
      return await Promise.race([coming, late, ended]);
    } finally {
      clearTimeout(timer);
    }
  }

  /** Asks it to stop, and makes it after a while; resolves when it has ended. */
  async stop(): Promise<void> {
    this.#stopping = true;
    this.#process.kill('SIGINT');
    const force = setTimeout(() => this.#process.kill('SIGKILL'), STOP_WITHIN_MS);
    await this.exited;
    clearTimeout(force);
  }

  #read(line: string): void {
    const event = parseLine(line);
    this.#lastLine = typeof event?.msg === 'string' ? event.msg : line;
    if (typeof event?.event !== 'string') return;
    const named = event as ChildEvent;
    if (!this.#seen.has(named.event)) this.#seen.set(named.event, named);
    this.#waiting.get(named.event)?.(named);
    this.#waiting.delete(named.event);
    this.#listener(named);
  }
}

/** What the discovery service says, which writes no JSON. */
const DISCOVERY_LISTENING = /^Discovery service listening on http:.*:(\d+)$/;

/** The object that a line of JSON holds, or what a line of the discovery service says; else undefined. */
export function parseLine(line: string): Readonly<Record<string, unknown>> | undefined {
  const [, port] = DISCOVERY_LISTENING.exec(line) ?? [];
  if (port !== undefined) return { event: 'listening', port: Number(port) };
  if (!line.startsWith('{')) return undefined;
  try {
    return JSON.parse(line);
  } catch {
    return undefined;
  }
}

/** A devnet's nodes follow their own files alone, whatever settings the caller's environment has. */
function withoutSettings(env: NodeJS.ProcessEnv): NodeJS.ProcessEnv {
  return Object.fromEntries(Object.entries(env).filter(([name]) => !name.startsWith('CCOIN_')));
}
