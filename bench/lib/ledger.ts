/** What must be true of the ledger after all: read from every node over HTTP, block by block, and compared. */
import { setTimeout as sleep } from 'node:timers/promises';
import { type BlockJson, CcoinClient } from '../../src/client/index.js';
import type { LocalNode } from './local-network.js';
import { type Expected, extend } from './steady-load.js';

const PAGE_BLOCKS = 100;
/** The pools are empty long before; it only ends what hangs. */
const REST_WITHIN_MS = 120_000;
const POLL_MS = 500;
/** A page of blocks on a machine that does much else. */
const ANSWER_WITHIN_MS = 60_000;

/** What one node says of its whole chain. */
interface Ledger {
  readonly name: string;
  /** Number, id and state root of each block. */
  readonly blocks: readonly string[];
  readonly senders: ReadonlyMap<string, { readonly transactions: number; readonly digest: string }>;
  /** What genesis gave out. */
  readonly alloc: number;
  readonly rewards: number;
  readonly balances: number;
}

export interface Check {
  readonly what: string;
  readonly held: boolean;
}

/** @param expected all that was ever sent, by sender */
export async function judgeLedgers(
  nodes: readonly LocalNode[],
  expected: readonly Expected[],
): Promise<Check[]> {
  const head = await commonHead(nodes);
  const ledgers: Ledger[] = [];
  for (const node of nodes) ledgers.push(await readLedger(node, head));
  const [reference] = ledgers;
  if (reference === undefined) throw new Error('there are no nodes');
  const sent = expected.reduce((sum, { transactions }) => sum + transactions, 0);
  return ledgers.flatMap((ledger) => {
    const { name, blocks, senders, balances, alloc, rewards } = ledger;
    const differs = blocks.findIndex((block, i) => block !== reference.blocks[i]);
    const wrong = expected.find(
      ({ address, transactions, digest }) =>
        transactions > 0 &&
        (senders.get(address)?.transactions !== transactions || senders.get(address)?.digest !== digest),
    );
    const others = [...senders.keys()].filter((from) => !expected.some(({ address }) => address === from));
    return [
      {
        what: `${name}: ${blocks.length} blocks with the ids and state roots of ${reference.name}${
          differs === -1 ? '' : `, but not block ${differs + 1}`
        }`,
        held: differs === -1 && blocks.length === head,
      },
      {
        what: `${name}: all ${sent} transfers sent, each once, in the order of nonces, and no other${
          wrong === undefined ? '' : `, but not those of ${wrong.address}`
        }`,
        held: wrong === undefined && others.length === 0,
      },
      {
        what: `${name}: balances of ${balances} are the alloc of ${alloc} and rewards of ${rewards}`,
        held: balances === alloc + rewards,
      },
    ];
  });
}

/** A height that every node has, with nothing pending. */
async function commonHead(nodes: readonly LocalNode[]): Promise<number> {
  const untilMs = performance.now() + REST_WITHIN_MS;
  for (;;) {
    const statuses = await Promise.all(nodes.map(({ client }) => client.status()));
    if (statuses.every(({ phase, pool }) => phase === 'ready' && pool.ready + pool.waiting === 0))
      return Math.min(...statuses.map(({ head }) => head.number));
    if (performance.now() > untilMs) throw new Error('the nodes did not come to rest');
    await sleep(POLL_MS);
  }
}

async function readLedger({ name, http }: LocalNode, head: number): Promise<Ledger> {
  const client = new CcoinClient(http, { timeoutMs: ANSWER_WITHIN_MS });
  const blocks: string[] = [];
  const senders = new Map<string, { transactions: number; digest: string }>();
  let alloc = 0;
  let rewards = 0;
  for (let from: number | null = 1; from !== null && from <= head; ) {
    const page: Awaited<ReturnType<typeof client.blocks>> = await client.blocks({ from, limit: PAGE_BLOCKS });
    for (const block of page.items.filter(({ number }) => number <= head)) {
      blocks.push(`${block.number} ${block.id} ${block.hash_state}`);
      if (block.number === 1) alloc = allocOf(block);
      else rewards += block.reward;
      for (const { from: sender, id } of block.body) {
        const { transactions, digest } = senders.get(sender) ?? { transactions: 0, digest: '' };
        senders.set(sender, { transactions: transactions + 1, digest: extend(digest, id) });
      }
    }
    from = page.next;
  }
  const { state } = await client.block(head, { state: 'all' });
  const balances = Object.values(state).reduce((sum, { balance, stake }) => sum + balance + stake, 0);
  return { name, blocks, senders, alloc, rewards, balances };
}

/** Genesis carries its configuration as data. */
function allocOf(genesis: BlockJson): number {
  if (typeof genesis.data !== 'string') throw new Error('the genesis block carries no configuration');
  const { alloc, genesis_block } = JSON.parse(genesis.data) as {
    readonly alloc: Readonly<Record<string, { readonly balance: number }>>;
    readonly genesis_block: { readonly coinbase_reward: number };
  };
  return Object.values(alloc).reduce((sum, { balance }) => sum + balance, genesis_block.coinbase_reward);
}
