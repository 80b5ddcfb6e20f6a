/** "Own word kept" (section 8), on whole nodes: what a validator may sign after it lost its record, its chain, or neither. */
import { describe, expect, it } from 'vitest';
import { MemoryStore } from '../../src/storage/memory-store.js';
import { SignerRecordStore } from '../../src/storage/signer-record.js';
import { testGenesis } from '../support/genesis.js';
import { ManualClock } from '../support/manual-clock.js';
import {
  dump,
  expectSameChain,
  keyOf,
  start,
  stop,
  stopAllAfterEach,
  transfer,
  untilReady,
} from '../support/running-nodes.js';
import { type Stores, type TestNode, untilHeight } from '../support/test-node.js';

stopAllAfterEach();

/** Four authorities at height 3; the last one is stopped. */
async function threeOfFour() {
  const { wire } = testGenesis(4);
  const nodes: TestNode[] = [];
  for (const key of [0, 1, 2, 3].map(keyOf))
    nodes.push(await start({ key, genesis: wire, peers: nodes.map(({ port }) => port) }));
  await Promise.all(nodes.map(untilReady));
  for (const height of [2, 3]) {
    await transfer(nodes[0] as TestNode);
    await Promise.all(nodes.map((node) => untilHeight(node, height)));
  }
  const fourth = nodes.pop() as TestNode;
  const stores = await stop(fourth);
  const restart = async (kept: Partial<Stores>, acceptLostRecord = false): Promise<TestNode> => {
    const node = await start({
      key: fourth.key,
      genesis: wire,
      peers: nodes.map(({ port }) => port),
      stores: { chain: new MemoryStore(), signerRecord: new MemoryStore(), ...kept },
      acceptLostRecord,
    });
    await untilHeight(node, 3);
    await untilReady(node);
    return node;
  };
  return {
    wire,
    rest: nodes,
    fourth,
    stores,
    restart,
    index: fourth.node.authorities.indexOf(fourth.key.address),
  };
}

/** Makes one more block final on `nodes`. */
async function nextBlock(nodes: readonly TestNode[]): Promise<void> {
  const [first] = nodes as [TestNode];
  const { number } = first.node.chain.head.header;
  await transfer(first);
  await Promise.all(nodes.map((node) => untilHeight(node, number + 1)));
}

/** With one of the others gone, the fourth's votes are needed. */
async function expectToVote(fourth: TestNode, rest: readonly TestNode[]): Promise<void> {
  const [gone, ...others] = rest as [TestNode, ...TestNode[]];
  await stop(gone);
  await nextBlock([...others, fourth]);
  await expectSameChain([...others, fourth]);
}

describe('a validator that comes back', () => {
  it('with all it had, votes', async () => {
    const { rest, stores, restart } = await threeOfFour();
    const fourth = await restart(stores);
    await expectToVote(fourth, rest);
  });

  it('with its record but without its chain, syncs and votes', async () => {
    const { rest, stores, restart } = await threeOfFour();
    const fourth = await restart({ signerRecord: stores.signerRecord });
    await expectToVote(fourth, rest);
  });

  it.each<[string, (stores: Stores) => Partial<Stores>]>([
    ['with neither', () => ({})],
    ['with its chain but without its record', ({ chain }) => ({ chain })],
  ])('%s, follows and refuses to sign', async (_, keep) => {
    const { rest, stores, restart, index } = await threeOfFour();
    const fourth = await restart(keep(stores));
    await fourth.logs.until(({ level, text }) => level === 'error' && text.includes('--accept-lost-record'));
    await nextBlock([...rest, fourth]);
    await nextBlock([...rest, fourth]);
    expect(await dump(fourth.stores.signerRecord)).toBe('');
    for (const { face } of rest) {
      const { signatures } = (await face.block('latest'))?.certificate ?? { signatures: [] };
      expect(signatures.map(({ authority }) => authority)).not.toContain(index);
    }
    await expectSameChain([...rest, fourth]);
  });

  it('with --accept-lost-record, signs nothing at the height then current, and everything after it', async () => {
    const { rest, restart } = await threeOfFour();
    const fourth = await restart({}, true);
    // Looked at in the very moment of the block: right after it, the next height may be signed.
    const signed: unknown[] = [];
    const end = fourth.face.onFinal(() => {
      signed.push(SignerRecordStore.open(fourth.stores.signerRecord).state);
    });
    await nextBlock([...rest, fourth]);
    end();
    expect(signed).toEqual([null]);
    await expectToVote(fourth, rest);
    expect(await dump(fourth.stores.signerRecord)).not.toBe('');
  });
});

describe('the only authority, its chain gone and its record kept,', () => {
  /** The head's height and id, then the same authority on an empty chain. */
  async function withoutChain(height: number) {
    const { wire } = testGenesis(1);
    const alone = await start({ key: keyOf(0), genesis: wire });
    await untilReady(alone);
    for (let number = 2; number <= height; number++) await nextBlock([alone]);
    const { id } = alone.node.chain.head;
    const { signerRecord } = await stop(alone);
    const stores = { chain: new MemoryStore(), signerRecord };
    return { id, signerRecord, again: await start({ key: keyOf(0), genesis: wire, stores }) };
  }

  it('decides the height of its record as it did before', async () => {
    const { id, again } = await withoutChain(2);
    await untilHeight(again, 2);
    expect(again.node.chain.head.id).toBe(id);
    expect(again.failures).toEqual([]);
  });

  it('signs nothing below it: a second chain would contradict the first', async () => {
    const { again, signerRecord } = await withoutChain(3);
    const before = await dump(signerRecord);
    await transfer(again);
    await again.logs.until(({ text }) => text.includes("its signer's record is of height 3"));
    expect(await dump(signerRecord)).toBe(before);
    expect(again.node.chain.head.header.number).toBe(1);
  });
});

describe('a validator that lost everything and is alone when it starts', () => {
  it('refuses to sign once it meets the others: an empty chain proves nothing about its past', async () => {
    const { rest, fourth: former, wire } = await threeOfFour();
    const fourth = await start({ key: former.key, genesis: wire });
    await untilReady(fourth);
    const ports = [fourth, ...rest].map(({ port }) => port);
    await start({ key: keyOf(4), genesis: wire, role: 'basic', peers: ports });
    await untilHeight(fourth, 3);
    await fourth.logs.until(({ level, text }) => level === 'error' && text.includes('--accept-lost-record'));
    await nextBlock([...rest, fourth]);
    expect(await dump(fourth.stores.signerRecord)).toBe('');
    await expectSameChain([...rest, fourth]);
  });

  it('says nothing before it sees a quorum, though a block is due: what it says alone makes nothing final', async () => {
    const { wire } = testGenesis(4, {
      block_mining: { interval: 1, min_bound: 1, difficulty: 0, allow_empty: true },
    });
    const clock = new ManualClock(Date.now());
    const alone = await start({ key: keyOf(0), genesis: wire, clock });
    await clock.advance(10_000);
    expect(alone.node.phase).toBe('ready');
    expect(alone.node.consensus.core.isDue).toBe(true);
    expect(alone.node.consensus.core.acting).toBe(false);
    expect(await dump(alone.stores.signerRecord)).toBe('');
  });
});
