/** A network of whole nodes: transfers become final, the same everywhere, whatever stops and starts. */
import { describe, expect, it } from 'vitest';
import { ALLOC_EACH, testGenesis } from '../support/genesis.js';
import { expectSameChain, keyOf, start, stop, stopAllAfterEach, transfer } from '../support/running-nodes.js';
import { type TestNode, untilHeight } from '../support/test-node.js';

stopAllAfterEach();

/** Authorities 0 … count-1, each dialing those before it. */
async function startAuthorities(count: number, genesis: Uint8Array): Promise<TestNode[]> {
  const nodes: TestNode[] = [];
  for (let index = 0; index < count; index++) {
    nodes.push(await start({ key: keyOf(index), genesis, peers: nodes.map(({ port }) => port) }));
  }
  return nodes;
}

describe('a network of whole nodes', () => {
  it('makes a transfer final when it is the only authority', async () => {
    const { wire } = testGenesis(1);
    const [alone] = await startAuthorities(1, wire);
    const id = await transfer(alone as TestNode, keyOf(5), 7);
    await untilHeight(alone as TestNode, 2);
    const known = await (alone as TestNode).face.transaction(id);
    expect(known?.status).toMatchObject({ state: 'final', blockNumber: 2, index: 0 });
    expect((alone as TestNode).node.chain.account(keyOf(5).address)?.balance).toBe(ALLOC_EACH + 7);
  });

  it('makes transfers final on four authorities and a basic node', async () => {
    const { wire } = testGenesis(4);
    const nodes = await startAuthorities(4, wire);
    const basic = await start({
      key: keyOf(4),
      genesis: wire,
      role: 'basic',
      peers: nodes.map(({ port }) => port),
    });
    for (let amount = 1; amount <= 5; amount++) {
      await transfer(nodes[amount % 4] as TestNode, keyOf(5), amount);
      await Promise.all([...nodes, basic].map((node) => untilHeight(node, 1 + amount)));
    }
    await expectSameChain([...nodes, basic]);
    expect(basic.node.chain.account(keyOf(5).address)?.balance).toBe(ALLOC_EACH + 15);
  });

  it('goes on with three of four, and the fourth catches up when it is back', async () => {
    const { wire } = testGenesis(4);
    const nodes = await startAuthorities(4, wire);
    await transfer(nodes[0] as TestNode, keyOf(5), 1);
    await Promise.all(nodes.map((node) => untilHeight(node, 2)));
    const stores = await stop(nodes[3] as TestNode);
    const rest = nodes.slice(0, 3);
    for (let height = 3; height <= 8; height++) {
      await transfer(rest[0] as TestNode, keyOf(5), 1);
      await Promise.all(rest.map((node) => untilHeight(node, height)));
    }
    const back = await start({ key: keyOf(3), genesis: wire, peers: rest.map(({ port }) => port), stores });
    await untilHeight(back, 8);
    await transfer(back, keyOf(5), 1);
    await Promise.all([...rest, back].map((node) => untilHeight(node, 9)));
    await expectSameChain([...rest, back]);
  });

  it('goes on after all its nodes were stopped and started again', async () => {
    const { wire } = testGenesis(4);
    const nodes = await startAuthorities(4, wire);
    await transfer(nodes[0] as TestNode, keyOf(5), 1);
    await Promise.all(nodes.map((node) => untilHeight(node, 2)));
    const stores = await Promise.all(nodes.map(stop));
    const again: TestNode[] = [];
    for (const [index, kept] of stores.entries()) {
      const peers = again.map(({ port }) => port);
      again.push(await start({ key: keyOf(index), genesis: wire, peers, stores: kept }));
    }
    await transfer(again[2] as TestNode, keyOf(5), 1);
    await Promise.all(again.map((node) => untilHeight(node, 3)));
    await expectSameChain(again);
  });
});
