/** Syncing whole nodes over TCP. */
import { expect, it } from 'vitest';
import { MAX_FRAME_BYTES } from '../../src/protocol/messages.js';
import type { Transaction } from '../../src/protocol/transaction.js';
import { BlockMaker } from '../support/block-maker.js';
import { TEST_KEYS, testGenesis } from '../support/genesis.js';
import { expectSameChain, keyOf, start, stopAllAfterEach } from '../support/running-nodes.js';
import { untilHeight } from '../support/test-node.js';

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
