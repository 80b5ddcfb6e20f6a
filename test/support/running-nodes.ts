/** The nodes and peers of one test, stopped after it whatever happened. */
import { afterEach, expect } from 'vitest';
import type { Store } from '../../src/ports/store.js';
import { TEST_KEYS, type TestKey } from './genesis.js';
import { RawPeer, type RawPeerOptions } from './raw-peer.js';
import { type Stores, startTestNode, type TestNode, type TestNodeOptions } from './test-node.js';

const running = new Set<{ stop(): Promise<void> }>();

/** To be called once by a file of tests. */
export function stopAllAfterEach(): void {
  afterEach(async () => {
    const all = [...running];
    running.clear();
    await Promise.all(all.map((each) => each.stop()));
  });
}

export async function start(options: TestNodeOptions): Promise<TestNode> {
  const node = await startTestNode(options);
  running.add(node);
  return node;
}

export async function connect(options: RawPeerOptions): Promise<RawPeer> {
  const peer = await RawPeer.connect(options);
  running.add(peer);
  return peer;
}

/** As `connect`, without waiting for anybody. */
export async function listen(options: RawPeerOptions): Promise<RawPeer> {
  const peer = await RawPeer.start(options);
  running.add(peer);
  return peer;
}

/** Stops one before the end of the test; its stores can be started on again. */
export async function stop(node: TestNode): Promise<Stores> {
  running.delete(node);
  await node.stop();
  return node.stores;
}

export function keyOf(index: number): TestKey {
  const key = TEST_KEYS[index];
  if (key === undefined) throw new Error(`there are ${TEST_KEYS.length} keys`);
  return key;
}

/** A transfer of 1, or `amount`, by the node's own account; gives its id. */
export async function transfer(node: TestNode, to = keyOf(5), amount = 1): Promise<string> {
  const result = await node.face.transfer({ to: to.address, amount });
  if (!result.accepted) throw new Error(`${result.code}: ${result.message}`);
  return result.transaction.id;
}

export async function untilReady({ logs }: TestNode): Promise<void> {
  await logs.until(({ event, phase }) => event === 'phase' && phase === 'ready');
}

/** Equal heads and states, nobody failed, nobody was caught signing two things in one place. */
export async function expectSameChain(nodes: readonly TestNode[]): Promise<void> {
  const heads = new Set(nodes.map(({ node }) => `${node.chain.head.id} ${node.chain.head.header.hashState}`));
  expect(heads.size).toBe(1);
  for (const { failures, face } of nodes) {
    expect(failures).toEqual([]);
    expect(await face.evidence()).toEqual([]);
  }
}

/** Everything that a store holds, as text to compare. */
export async function dump(store: Store): Promise<string> {
  const lines: string[] = [];
  const range = { from: new Uint8Array(0), to: new Uint8Array(64).fill(0xff) };
  for await (const [key, value] of store.entries(range)) {
    lines.push(`${Buffer.from(key).toString('hex')} ${Buffer.from(value).toString('hex')}`);
  }
  return lines.join('\n');
}
