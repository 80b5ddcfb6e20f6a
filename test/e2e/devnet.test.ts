/**
 * The devnet as a person or program starts it: real processes over real TCP, under load, and what all its nodes then
 * agree on.
 */
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest';

const CCOIN = join(import.meta.dirname, '../../dist/bin/ccoin.js');

interface NodeLine {
  readonly name: string;
  readonly role: string;
  readonly http: string;
  readonly pid: number;
}

interface NetworkLine {
  readonly genesis_id: string;
  readonly nodes: readonly NodeLine[];
  readonly discovery: string;
}

interface BlockLine {
  readonly block: { readonly number: number; readonly id: string; readonly transactions: number };
}

interface BlockView {
  readonly id: string;
  readonly hash_state: string;
  readonly reward: number;
  readonly body: readonly { readonly id: string }[];
  readonly state: Readonly<Record<string, { readonly balance: number; readonly stake: number }>>;
}

let base: string;
let child: ChildProcess | undefined;

beforeAll(async () => {
  base = await mkdtemp(join(tmpdir(), 'ccoin-devnet-'));
});
// Its nodes notice that it is gone.
afterEach(() => child?.kill('SIGKILL'));
afterAll(() => rm(base, { recursive: true, force: true, maxRetries: 10, retryDelay: 200 }));

class Devnet {
  readonly process: ChildProcess;
  readonly network: NetworkLine;
  readonly #lines: AsyncIterator<string>;
  readonly #errors: readonly string[];

  private constructor(
    process: ChildProcess,
    lines: AsyncIterator<string>,
    network: NetworkLine,
    errors: string[],
  ) {
    this.process = process;
    this.#lines = lines;
    this.network = network;
    this.#errors = errors;
  }

  static async start(...args: readonly string[]): Promise<Devnet> {
    const started = spawn(
      process.execPath,
      [CCOIN, 'devnet', '--json', '--base-path', join(base, 'net'), ...args],
      { stdio: ['ignore', 'pipe', 'pipe'] },
    );
    child = started;
    const errors: string[] = [];
    started.stderr.on('data', (chunk) => errors.push(`${chunk}`));
    const lines = createInterface({ input: started.stdout })[Symbol.asyncIterator]();
    const first = await lines.next();
    if (!first.done) return new Devnet(started, lines, JSON.parse(first.value), errors);
    await once(started, 'close');
    throw new Error(`the devnet did not start: ${errors.join('')}`);
  }

  async nextBlock(): Promise<BlockLine['block']> {
    const line = await this.#lines.next();
    if (line.done) throw new Error(`the devnet ended: ${this.#errors.join('')}`);
    return (JSON.parse(line.value) as BlockLine).block;
  }

  /** Ctrl-C. */
  async stop(): Promise<{ code: number | null; errors: string }> {
    this.process.kill('SIGINT');
    const [code] = await once(this.process, 'close');
    return { code, errors: this.#errors.join('') };
  }

  get pids(): number[] {
    return this.network.nodes.map(({ pid }) => pid);
  }
}

async function get<T>(node: NodeLine, path: string): Promise<T> {
  const response = await fetch(`${node.http}${path}`);
  if (!response.ok)
    throw new Error(`${node.name} answers ${response.status} to ${path}: ${await response.text()}`);
  return (await response.json()) as T;
}

/** The block once the node has it. */
async function blockAt(node: NodeLine, number: number, query = ''): Promise<BlockView> {
  while ((await get<number>(node, '/blk/cnt')) < number) await new Promise((next) => setTimeout(next, 20));
  return get<BlockView>(node, `/blk/${number}${query}`);
}

function isRunning(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch {
    return false;
  }
}

/** Resolves when none of the processes is left. */
async function untilGone(pids: readonly number[]): Promise<void> {
  while (pids.some(isRunning)) await new Promise((next) => setTimeout(next, 50));
}

describe('devnet', () => {
  let genesisId: string;
  let last: number;

  test('finalises a load the same on all nodes, each transfer once, and stops in order', async () => {
    const devnet = await Devnet.start('--load', '40');
    const { network } = devnet;
    genesisId = network.genesis_id;
    expect(network.nodes.map(({ name, role }) => [name, role])).toEqual([
      ['validator-1', 'validator'],
      ['validator-2', 'validator'],
      ['validator-3', 'validator'],
      ['validator-4', 'validator'],
      ['basic-1', 'basic'],
    ]);
    expect(network.discovery).toMatch(/^http:\/\/127\.0\.0\.1:\d+$/);

    let transfers = 0;
    last = 1;
    while (transfers < 200) {
      const { number, transactions } = await devnet.nextBlock();
      expect(number).toBe(last + 1);
      last = number;
      transfers += transactions;
    }

    const seen = new Set<string>();
    let supply = await supplyAt(network.nodes, 1);
    for (let number = 2; number <= last; number++) {
      const blocks = await Promise.all(network.nodes.map((node) => blockAt(node, number)));
      const [block] = blocks;
      if (block === undefined) throw new Error('no block');
      for (const { id, hash_state } of blocks) expect([id, hash_state]).toEqual([block.id, block.hash_state]);
      for (const { id } of block.body) {
        expect(seen).not.toContain(id);
        seen.add(id);
      }
      supply += block.reward;
    }
    expect(seen.size).toBe(transfers);
    expect(await supplyAt(network.nodes, last)).toBe(supply);

    const { code, errors } = await devnet.stop();
    expect(code).toBe(0);
    const summary = JSON.parse(errors.trim().split('\n').at(-1) ?? '').load;
    expect(summary).toMatchObject({ rejected: 0, unfinished: 0, final: summary.sent });
    expect(summary.sent).toBeGreaterThanOrEqual(transfers);
    await untilGone(devnet.pids);
  });

  test('goes on with the same chain, says when a node dies, and leaves nothing behind when killed', async () => {
    const devnet = await Devnet.start();
    expect(devnet.network.genesis_id).toBe(genesisId);
    const [victim] = devnet.pids;
    if (victim === undefined) throw new Error('no node');
    const { number } = await devnet.nextBlock();
    expect(number).toBeGreaterThan(last);

    const said = once(devnet.process.stderr as NodeJS.EventEmitter, 'data');
    process.kill(victim, 'SIGKILL');
    expect(String(await said)).toContain('validator-1 ended by itself (SIGKILL)');
    expect((await devnet.nextBlock()).number).toBe(number + 1);

    devnet.process.kill('SIGKILL');
    await untilGone(devnet.pids);
  });

  test('refuses what it is not, in one sentence', async () => {
    await expect(Devnet.start('--validators', '3')).rejects.toThrow(
      /has --validators 4, not 3: --reset makes a new one/,
    );
    await expect(Devnet.start('--validators', '0')).rejects.toThrow(
      /--validators must be an integer from 1 to 100/,
    );
  });
});

/** All balances and stakes, which all nodes agree on. */
async function supplyAt(nodes: readonly NodeLine[], number: number): Promise<number> {
  const sums = await Promise.all(
    nodes.map(async (node) => {
      const { state } = await blockAt(node, number, '?state=all');
      return Object.values(state).reduce((sum, { balance, stake }) => sum + balance + stake, 0);
    }),
  );
  expect(new Set(sums).size).toBe(1);
  return sums[0] ?? 0;
}
