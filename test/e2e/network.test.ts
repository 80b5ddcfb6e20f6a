/**
 * Four validators as processes over real TCP and disks, through stops and kill -9. The tests follow each other on one
 * network, as each process costs a machine time to start. Progress is counted in blocks and rounds, not timed.
 */
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { freePorts } from '../../bench/lib/ports.js';
import type { CcoinClient } from '../../src/client/index.js';
import { type TestKey, testGenesis } from '../support/genesis.js';
import { cleanUp, NodeHome, NodeProcess, temporaryDirectory } from '../support/node-process.js';
import { keyOf } from '../support/running-nodes.js';

/** With FULL=1 an authority is stopped for a whole minute, else for as long as two of its turns take. */
const STOPPED_MS = process.env.FULL === '1' ? 60_000 : 0;
const TIMEOUTS = { timeout_propose_ms: 1_000, timeout_vote_ms: 1_000, timeout_delta_ms: 500 };
/** Two propose timeouts: one of the round whose leader is gone, and one more that a busy machine may cost. */
const MAX_ROUND = 2;

afterAll(cleanUp);

const genesis = testGenesis(4, { consensus: TIMEOUTS });
/** In the order of their turns to lead. */
const authorities = [0, 1, 2, 3].map(keyOf).sort((a, b) => (a.address < b.address ? -1 : 1));
const homes = new Map<TestKey, NodeHome>();
const nodes = new Map<TestKey, NodeProcess>();

beforeAll(async () => {
  const ports = await freePorts(authorities.length);
  for (const [index, key] of authorities.entries()) {
    const home = await NodeHome.create(key, genesis);
    const port = ports[index] as number;
    const peers = ports.filter((other) => other !== port).map((other) => `127.0.0.1:${other}`);
    await home.configure({ p2p: { port, peers }, http: { port: 0 } });
    homes.set(key, home);
  }
  authorities.forEach(startNode);
});

function startNode(key: TestKey): void {
  nodes.set(key, (homes.get(key) as NodeHome).start(['-t', 'validator']));
}

function nodeOf(key: TestKey): NodeProcess {
  return nodes.get(key) as NodeProcess;
}

/** Who leads the first round of `height`. */
function leaderOf(height: number): TestKey {
  return authorities[height % authorities.length] as TestKey;
}

const without = (...keys: readonly TestKey[]) => authorities.filter((key) => !keys.includes(key));

async function clientOf(key: TestKey): Promise<CcoinClient> {
  return nodeOf(key).client();
}

/** Hands a transfer to one of these nodes, and gives the block that it becomes final in once all of them have it. */
async function finalOn(keys: readonly TestKey[]): Promise<number> {
  const client = await clientOf(keys[0] as TestKey);
  const { id } = await client.send(keyOf(5).privateKey, { to: keyOf(4).address, amount: 1 });
  const { status } = await client.waitFinal(id);
  if (status.state !== 'final') throw new Error(`the transfer is ${status.state}`);
  const { block_number: number } = status;
  await Promise.all(keys.map((key) => nodeOf(key).untilFinal(number)));
  return number;
}

async function expectSameChain(upTo: number): Promise<void> {
  const blocks = await Promise.all(authorities.map(async (key) => (await clientOf(key)).block(upTo)));
  expect(new Set(blocks.map(({ id, hash_state }) => `${id} ${hash_state}`)).size).toBe(1);
  for (const key of authorities) expect(await (await clientOf(key)).evidence()).toEqual([]);
}

describe('four validators', () => {
  test('started in the same second make a transfer final', async () => {
    await expectSameChain(await finalOn(authorities));
  });

  test('go on while one of them is stopped, and it takes part again when it goes on', async () => {
    const [first] = authorities as [TestKey];
    const head = await finalOn(authorities);
    const stopped = leaderOf(head + 2);
    const rest = without(stopped);
    nodeOf(stopped).signal('SIGSTOP');
    const sinceMs = performance.now();
    let number = head;
    while (number < head + 2 + authorities.length || performance.now() - sinceMs < STOPPED_MS)
      number = await finalOn(rest);
    nodeOf(stopped).signal('SIGCONT');
    await nodeOf(stopped).untilFinal(number);
    await expectSameChain(number);
    // Its turn comes again, and now it takes it.
    const client = await clientOf(first);
    let leader = '';
    while (leader !== stopped.address) leader = (await client.block(await finalOn(authorities))).coinbase;
  });

  test('lose their leader to kill -9: the others go on, it comes back and catches up', async () => {
    const head = await finalOn(authorities);
    const leader = leaderOf(head + 1);
    const rest = without(leader);
    nodeOf(leader).signal('SIGKILL');
    expect(await nodeOf(leader).ended).toMatchObject({ signal: 'SIGKILL' });
    const number = await finalOn(rest);
    expect(number).toBe(head + 1);
    const { certificate, coinbase } = await (await clientOf(rest[0] as TestKey)).block(number);
    expect(coinbase).not.toBe(leader.address);
    expect(certificate?.round).toBeLessThanOrEqual(MAX_ROUND);

    startNode(leader);
    await nodeOf(leader).untilFinal(number);
    await expectSameChain(await finalOn(authorities));
  });

  test('are all killed at once in the middle of their work, and go on with every block they had', async () => {
    const [first] = authorities as [TestKey];
    const client = await clientOf(first);
    const from = nodeOf(first).lines.all.length;
    // More than one block of transfers is under way when the first of them is final.
    const sending = Promise.allSettled(
      authorities.map((key) => client.send(key.privateKey, { to: keyOf(4).address, amount: 1 })),
    );
    await nodeOf(first).until(({ event }) => event === 'final', from);
    for (const node of nodes.values()) node.signal('SIGKILL');
    await Promise.all([...nodes.values()].map(({ ended }) => ended));
    await sending;
    const seen = authorities.flatMap((key) => nodeOf(key).lines.all.filter(({ event }) => event === 'final'));

    authorities.forEach(startNode);
    const number = await finalOn(authorities);
    await expectSameChain(number);
    const again = await clientOf(first);
    const ids = new Map<number, string>();
    for (let at = 2; at <= number; at++) ids.set(at, (await again.block(at)).id);
    for (const line of seen) expect(ids.get(line.number as number)).toBe(line.id);
  });

  test('stop in order, all of them', async () => {
    for (const node of nodes.values()) node.signal('SIGTERM');
    for (const node of nodes.values()) {
      expect(await node.ended).toEqual({ code: 0, signal: null });
      expect(node.errors).toBe('');
    }
  });
});

describe('two validators that know only a discovery service', () => {
  test('find each other although it comes later than they do', async () => {
    const pair = testGenesis(2, { consensus: TIMEOUTS });
    const [port] = await freePorts(1);
    const started: NodeProcess[] = [];
    for (const key of [0, 1].map(keyOf)) {
      const home = await NodeHome.create(key, pair);
      await home.configure({ discovery_service: { host: '127.0.0.1', port } });
      started.push(home.start(['-t', 'validator']));
    }
    const later = ({ msg }: { msg?: unknown }) => String(msg).includes('going on without it');
    await Promise.all(started.map((node) => node.until(later)));

    const discovery = new NodeProcess(['discovery', '-p', `${port}`, '--data', await temporaryDirectory()]);
    const client = await (started[0] as NodeProcess).client();
    await Promise.all(started.map((node) => node.until(({ msg }) => msg === 'peer connected')));
    const { id } = await client.send(keyOf(5).privateKey, { to: keyOf(4).address, amount: 1 });
    await client.waitFinal(id);
    await Promise.all(started.map((node) => node.untilFinal(2)));
    for (const node of [...started, discovery]) {
      node.signal('SIGTERM');
      expect((await node.ended).code).toBe(0);
    }
  });
});
