/** One node of the network: its directory, the way to it, and the process that it runs as at present, if any. */
import type { CcoinClient } from '../../src/client/index.js';
import type { Address } from '../../src/protocol/bytes.js';
import type { End, Line, NodeHome, NodeProcess } from '../support/node-process.js';
import type { Junction } from './junction.js';

export type MemberName = 'v0' | 'v1' | 'v2' | 'v3' | 'basic' | 'late';

export interface StartOptions {
  readonly args?: readonly string[];
  readonly env?: Readonly<Record<string, string>>;
}

/** How a process ended, and what it wrote to standard error. */
export interface Ended {
  readonly code: number | null;
  readonly errors: string;
}

/** Lines of its log that are shown when something went wrong. */
const LAST_LINES = 12;

export class Member {
  readonly name: MemberName;
  readonly role: 'validator' | 'basic';
  readonly home: NodeHome;
  readonly junction: Junction;
  paused = false;
  /** What came of the processes that ended although nobody asked them to. */
  readonly surprises: string[] = [];
  #process: NodeProcess | null = null;
  #endExpected = false;
  #ended: readonly string[] = [];
  #onSurprise: () => void = () => {};

  constructor(name: MemberName, role: 'validator' | 'basic', home: NodeHome, junction: Junction) {
    this.name = name;
    this.role = role;
    this.home = home;
    this.junction = junction;
  }

  get address(): Address {
    return this.home.key.address;
  }

  get running(): boolean {
    return this.#process !== null;
  }

  get process(): NodeProcess {
    if (this.#process === null) throw new Error(`${this.name} does not run`);
    return this.#process;
  }

  /** Called once if its process ends unasked. */
  onSurprise(call: () => void): void {
    this.#onSurprise = call;
  }

  start({ args = [], env = {} }: StartOptions = {}): NodeProcess {
    if (this.#process !== null) throw new Error(`${this.name} runs already`);
    const process = this.home.start(['-t', this.role, ...args], env);
    this.#process = process;
    this.#endExpected = false;
    void process.ended.then((end) => this.#hasEnded(process, end));
    // A process that never got that far says why in its end.
    process.event('listening').then(
      ({ p2p_port }) => {
        if (this.#process === process) this.junction.target = p2p_port as number;
      },
      () => {},
    );
    return process;
  }

  /** kill -9 */
  async kill(): Promise<void> {
    await this.#end('SIGKILL', null);
  }

  /** @throws Error unless it stops in order, without a word on standard error */
  async stop(): Promise<void> {
    await this.#end('SIGTERM', 0);
  }

  /** From now on it may end by itself: whoever plays the scenario looks at how. */
  mayEnd(): void {
    this.#endExpected = true;
  }

  /** It was left to itself, and is sound: from now on its end is a surprise again. */
  mustNotEnd(): void {
    this.#endExpected = false;
  }

  /** What comes first: its end by itself, or what is awaited of it (null). */
  async endOr(awaited: Promise<unknown>): Promise<Ended | null> {
    const { process } = this;
    this.#endExpected = true;
    const ended = process.ended.then(({ code }) => ({ code, errors: process.errors }));
    return Promise.race([
      ended,
      awaited.then(
        () => null,
        () => ended,
      ),
    ]);
  }

  pause(): void {
    this.paused = true;
    this.process.signal('SIGSTOP');
  }

  resume(): void {
    this.paused = false;
    this.process.signal('SIGCONT');
  }

  client(): Promise<CcoinClient> {
    return this.process.client();
  }

  /** The number of its head, as its log last said. */
  get head(): number {
    const line = this.#process?.lines.all.findLast((each) => headIn(each) !== undefined);
    return line === undefined ? 1 : (headIn(line) ?? 1);
  }

  /** Resolves once its head is at `number` or above. */
  async untilHead(number: number): Promise<void> {
    await this.process.until((line) => (headIn(line) ?? 0) >= number);
  }

  /** The last lines of this process's log, or of the last one. */
  lastLines(): readonly string[] {
    return this.#process === null ? this.#ended : linesOf(this.#process, 'it runs');
  }

  async #end(signal: NodeJS.Signals, code: number | null): Promise<void> {
    const { process } = this;
    this.#endExpected = true;
    process.signal(signal);
    const end = await process.ended;
    if (signal === 'SIGTERM' && (end.code !== code || process.errors !== ''))
      throw new Error(`${this.name} was to stop in order: ${endText(end)} ${process.errors}`);
  }

  #hasEnded(process: NodeProcess, end: End): void {
    this.#ended = linesOf(process, endText(end));
    this.#process = null;
    this.paused = false;
    this.junction.target = null;
    if (this.#endExpected) return;
    this.surprises.push(`${this.name} ended by itself: ${endText(end)} ${process.errors}`);
    this.#onSurprise();
  }
}

function headIn({ event, number, head }: Line): number | undefined {
  if (event === 'final') return number as number;
  return event === 'node' ? (head as number) : undefined;
}

function endText({ code, signal }: End): string {
  return `exit ${code === null ? signal : `code ${code}`}.`;
}

function linesOf(process: NodeProcess, end: string): readonly string[] {
  const lines = process.lines.all.slice(-LAST_LINES).map((line) => JSON.stringify(line));
  return [...lines, ...process.errors.split('\n').filter((line) => line !== ''), end];
}
