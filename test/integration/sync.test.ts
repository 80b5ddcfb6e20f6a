/** Syncing whole nodes over TCP. */
import { describe, expect, it } from 'vitest';
import { MAX_FRAME_BYTES } from '../../src/protocol/messages.js';
import type { Transaction } from '../../src/protocol/transaction.js';
import { MemoryStore } from '../../src/storage/memory-store.js';
import { BlockMaker } from '../support/block-maker.js';
import { copyOf, growTo } from '../support/chain-directory.js';
import { TEST_KEYS, testGenesis } from '../support/genesis.js';
import { expectSameChain, keyOf, start, stopAllAfterEach } from '../support/running-nodes.js';
import { type Stores, untilHeight } from '../support/test-node.js';

stopAllAfterEach();

it('fetches more than fits into one frame, in blocks as fat as they get', async () => {
  const genesis = testGenesis(4);
  const maker = await BlockMaker.on(genesis);
  const data = new Uint8Array(4096).fill(7);
  let bytes = 0;
  for (let height = 2; height <= 5; height++) {
    const transactions = TEST_KEYS.flatMap((from) => {
      const first = maker.chain.account(from.address)?.nonce ?? 0;
      return Array.from(
        { length: 70 },
        (_, i): Transaction => maker.transfer(from, { nonce: first + i, data }),
      );
    });
    const { block } = await maker.add({ miner: maker.leader(height), transactions });
    bytes += block.wire.length;
  }
  expect(bytes).toBeGreaterThan(2 * MAX_FRAME_BYTES);

  const source = await start({ key: keyOf(0), genesis: genesis.wire, stores: maker.stores });
  const node = await start({ key: keyOf(4), genesis: genesis.wire, role: 'basic', peers: [source.port] });
  await untilHeight(node, 5);
  await expectSameChain([source, node]);
  expect(node.node.chain.head.id).toBe(maker.chain.head.id);
});

describe('among nodes that keep only their newest blocks', () => {
  const LAST = 30;
  const KEEP = 10;

  async function chains(count: number) {
    const genesis = testGenesis(4);
    const maker = await BlockMaker.on(genesis);
    await growTo(maker, LAST);
    const stores = async () => ({ chain: await copyOf(maker.stores.chain), signerRecord: new MemoryStore() });
    return { genesis, all: await Promise.all(Array.from({ length: count }, stores)) };
  }

  it('a new node finds the one that keeps all, and then prunes as well', async () => {
    const { genesis, all } = await chains(3);
    const role = 'basic';
    const pruned = await Promise.all(
      all
        .slice(1)
        .map((stores, i) => start({ key: keyOf(i), genesis: genesis.wire, role, stores, prune: KEEP })),
    );
    for (const { node } of pruned) await expect.poll(() => node.reader.base).toBe(LAST - KEEP);
    const source = await start({ key: keyOf(3), genesis: genesis.wire, role, stores: all[0] as Stores });
    const peers = [...pruned, source].map(({ port }) => port);
    const node = await start({ key: keyOf(4), genesis: genesis.wire, role, peers, prune: KEEP });
    await untilHeight(node, LAST);
    await expect.poll(() => node.node.reader.base).toBe(LAST - KEEP);
    await expect(node.face.block(LAST - KEEP)).rejects.toMatchObject({ code: 'PRUNED' });
    expect((await node.face.block(LAST - KEEP + 1))?.block.id).toBe(
      (await source.face.block(LAST - KEEP + 1))?.block.id,
    );
    for (const { logs } of [node, ...pruned, source])
      expect(logs.all.filter(({ text }) => text === 'a peer misbehaves')).toEqual([]);
  });

  it('a new validator says that it cannot get on, and signs nothing', async () => {
    const { genesis, all } = await chains(3);
    const pruned = await Promise.all(
      all.map((stores, i) =>
        start({ key: keyOf(i), genesis: genesis.wire, role: 'basic', stores, prune: KEEP }),
      ),
    );
    for (const { node } of pruned) await expect.poll(() => node.reader.base).toBe(LAST - KEEP);
    const peers = pruned.map(({ port }) => port);
    const node = await start({ key: keyOf(3), genesis: genesis.wire, peers });
    await node.logs.until(({ text }) => text.startsWith('no peer keeps block 2 any more'));
    expect(node.node.chain.head.header.number).toBe(1);
    expect(node.face.status().bestKnownHeight).toBe(LAST);
    expect(node.face.readiness(1_000).reasons.join()).toContain('no peer keeps block 2 any more');
    expect(node.node.consensus.core.acting).toBe(false);
    expect(node.failures).toEqual([]);
  });
});
