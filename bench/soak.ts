/**
 * Runs a devnet under load for a while and then holds its ledger against what must be true of it: every transfer sent
 * is final exactly once on every node, all state roots are equal at every height, and the sum of all balances is what
 * genesis gave plus the rewards.
 *
 *   npm run soak -- --seconds 300 --load 200
 */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import type { Readable } from 'node:stream';
import { setTimeout as sleep } from 'node:timers/promises';
import { parseArgs } from 'node:util';
import { type BlockJson, CcoinClient } from '../src/client/index.js';

const CLI = new URL('../bin/ccoin.js', import.meta.url).pathname;
const PAGE = 20;
/** The pool of what was sent is empty long before; it only ends what hangs. */
const DRAIN_WITHIN_MS = 60_000;

interface Started {
  readonly nodes: readonly { readonly name: string; readonly http: string }[];
}

interface LoadSummary {
  readonly load: {
    readonly sent: number;
    readonly final: number;
    readonly rejected: number;
    readonly unfinished: number;
  };
}

/** What one node says of its whole chain. */
interface Ledger {
  readonly name: string;
  readonly roots: readonly string[];
  readonly transactions: readonly string[];
  /** What genesis gave out. */
  readonly alloc: number;
  readonly rewards: number;
  readonly balances: number;
}

const { values } = parseArgs({
  options: {
    seconds: { type: 'string', default: '300' },
    load: { type: 'string', default: '200' },
  },
});
const directory = await mkdtemp(join(tmpdir(), 'ccoin-soak-'));
try {
  process.exitCode = await soak(Number(values.seconds), values.load);
} finally {
  await rm(directory, { recursive: true, force: true });
}

async function soak(seconds: number, load: string): Promise<number> {
  const base = join(directory, 'devnet');
  const first = devnet(['--base-path', base, '--reset', '--load', load, '--seconds', String(seconds)]);
  for await (const _ of first.lines);
  const { load: summary } = await first.summary;
  if ((await first.exit) !== 0) throw new Error('the devnet under load failed');

  // The same network again, without load: nothing moves while its chain is read.
  const second = devnet(['--base-path', base]);
  const { value } = await second.lines.next();
  const { nodes } = value as Started;
  try {
    const ledgers = await readLedgers(nodes);
    return judge(ledgers, summary.sent) ? 0 : 1;
  } finally {
    second.stop();
    for await (const _ of second.lines);
    await second.exit;
  }
}

function devnet(flags: readonly string[]) {
  const child = spawn(process.execPath, [CLI, 'devnet', '--json', ...flags], {
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  const lines = (async function* () {
    for await (const line of createInterface({ input: child.stdout })) yield JSON.parse(line) as unknown;
  })();
  const exit = once(child, 'exit').then(([code]) => code as number | null);
  return { lines, exit, summary: summaryIn(child.stderr), stop: () => child.kill('SIGINT') };
}

/** Remarks go to standard error, the load's summary among them as JSON. */
async function summaryIn(remarks: Readable): Promise<LoadSummary> {
  let summary: LoadSummary | undefined;
  for await (const line of createInterface({ input: remarks })) {
    console.log(line);
    if (line.startsWith('{"load"')) summary = JSON.parse(line) as LoadSummary;
  }
  return summary ?? { load: { sent: 0, final: 0, rejected: 0, unfinished: 0 } };
}

async function readLedgers(nodes: Started['nodes']): Promise<Ledger[]> {
  const clients = nodes.map(({ name, http }) => ({ name, client: new CcoinClient(http) }));
  const head = await commonHead(clients.map(({ client }) => client));
  const ledgers: Ledger[] = [];
  for (const { name, client } of clients) ledgers.push(await readLedger(name, client, head));
  return ledgers;
}

/** A height that every node has. */
async function commonHead(clients: readonly CcoinClient[]): Promise<number> {
  const deadline = Date.now() + DRAIN_WITHIN_MS;
  for (;;) {
    const statuses = await Promise.all(clients.map((client) => client.status()));
    if (statuses.every(({ phase, pool }) => phase === 'ready' && pool.ready + pool.waiting === 0)) {
      return Math.min(...statuses.map((status) => status.head.number));
    }
    if (Date.now() > deadline) throw new Error('the nodes did not come to rest');
    await sleep(500);
  }
}

async function readLedger(name: string, client: CcoinClient, head: number): Promise<Ledger> {
  const blocks: BlockJson[] = [];
  for (let from: number | null = 1; from !== null && from <= head; ) {
    const { items, next } = await client.blocks({ from, limit: PAGE });
    blocks.push(...items.filter(({ number }) => number <= head));
    from = next;
  }
  const { state } = await client.block(head, { state: 'all' });
  return {
    name,
    roots: blocks.map(({ number, id, hash_state }) => `${number} ${id} ${hash_state}`),
    transactions: blocks.flatMap(({ body }) => body.map(({ id }) => id)),
    alloc: allocOf(blocks[0]),
    rewards: blocks.filter(({ number }) => number > 1).reduce((sum, { reward }) => sum + reward, 0),
    balances: Object.values(state).reduce((sum, { balance, stake }) => sum + balance + stake, 0),
  };
}

/** Genesis carries its configuration as data. */
function allocOf(genesis: BlockJson | undefined): number {
  if (typeof genesis?.data !== 'string') throw new Error('the genesis block carries no configuration');
  const { alloc, genesis_block } = JSON.parse(genesis.data) as {
    readonly alloc: Readonly<Record<string, { readonly balance: number }>>;
    readonly genesis_block: { readonly coinbase_reward: number };
  };
  return Object.values(alloc).reduce((sum, { balance }) => sum + balance, genesis_block.coinbase_reward);
}

function judge(ledgers: readonly Ledger[], sent: number): boolean {
  const [reference] = ledgers;
  if (reference === undefined) throw new Error('there are no nodes');
  const checks = ledgers.flatMap((ledger): [string, boolean][] => [
    [
      `${ledger.name}: ${ledger.roots.length} blocks with equal ids and state roots`,
      equal(ledger.roots, reference.roots),
    ],
    [
      `${ledger.name}: ${ledger.transactions.length} transactions, each once, all ${sent} sent among them`,
      new Set(ledger.transactions).size === ledger.transactions.length && ledger.transactions.length === sent,
    ],
    [
      `${ledger.name}: balances of ${ledger.balances} are the alloc of ${ledger.alloc} and rewards of ${ledger.rewards}`,
      ledger.balances === ledger.alloc + ledger.rewards,
    ],
  ]);
  for (const [what, held] of checks) console.log(`${held ? 'ok  ' : 'FAIL'} ${what}`);
  return checks.every(([, held]) => held);
}

function equal(a: readonly string[], b: readonly string[]): boolean {
  return a.length === b.length && a.every((value, index) => value === b[index]);
}
