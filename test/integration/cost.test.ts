/**
 * What a transfer costs follows the accounts that it changes, not those that there are. Counted, not timed: what is read
 * and written, and how many nodes of the state tree are made anew.
 */
import { describe, expect, it } from 'vitest';
import type { Store } from '../../src/ports/store.js';
import { BlockMaker } from '../support/block-maker.js';
import { TEST_KEYS, testGenesis } from '../support/genesis.js';
import { keyOf, start, stopAllAfterEach, transfer, untilReady } from '../support/running-nodes.js';
import { untilHeight } from '../support/test-node.js';

stopAllAfterEach();

interface Counts {
  reads: number;
  writes: number;
}

/** A store that counts the entries it gives and takes. */
function counted(store: Store): { readonly store: Store; readonly counts: Counts } {
  const counts = { reads: 0, writes: 0 };
  const counting: Store = {
    get(key) {
      counts.reads++;
      return store.get(key);
    },
    getMany(keys) {
      counts.reads += keys.length;
      return store.getMany(keys);
    },
    async *entries(range) {
      for await (const entry of store.entries(range)) {
        counts.reads++;
        yield entry;
      }
    },
    write(operations, options) {
      counts.writes += operations.length;
      return store.write(operations, options);
    },
    close: () => store.close(),
  };
  return { store: counting, counts };
}

/** A network in which `count` accounts have coins, those of the tests among them. */
function genesisWith(count: number) {
  const known = TEST_KEYS.slice(0, 3).map(({ address }) => address);
  const others = Array.from({ length: count - known.length }, (_, i) => i.toString(16).padStart(40, '0'));
  const alloc = Object.fromEntries([...known, ...others].map((address) => [address, { balance: 1_000 }]));
  return testGenesis(1, { alloc });
}

describe('a transfer among 5,000 accounts', () => {
  it('reads and writes no more than one among 3', async () => {
    const costs: Counts[] = [];
    for (const count of [3, 5_000]) {
      const genesis = genesisWith(count);
      const maker = await BlockMaker.on(genesis);
      const { store, counts } = counted(maker.stores.chain);
      const stores = { chain: store, signerRecord: maker.stores.signerRecord };
      const node = await start({ key: keyOf(0), genesis: genesis.wire, stores });
      await untilReady(node);
      // The first one makes the sender's key known; the second is what every other one costs.
      await transfer(node, keyOf(1));
      await untilHeight(node, 2);
      const before = { ...counts };
      await transfer(node, keyOf(1));
      await untilHeight(node, 3);
      costs.push({ reads: counts.reads - before.reads, writes: counts.writes - before.writes });
    }
    const [few, many] = costs;
    expect(few?.writes).toBeGreaterThan(0);
    expect(many).toEqual(few);
  });

  it('makes the nodes of the state tree on its own paths anew, and no others', async () => {
    const madeAmong = async (count: number): Promise<number> => {
      const maker = await BlockMaker.on(genesisWith(count));
      const transaction = maker.transfer(keyOf(1), { nonce: 0, to: keyOf(2).address });
      const { tree, chain } = maker;
      const before = tree.nodeCount;
      const draft = chain.draft([transaction], keyOf(0).address, 100_000);
      expect(draft.execution.changes.size).toBe(3);
      return tree.nodeCount - before;
    };
    // Three paths from the root to a leaf: one more level for each doubling, and a few for unlucky hashes.
    const depth = Math.ceil(Math.log2(5_000)) + 6;
    expect(await madeAmong(5_000)).toBeLessThanOrEqual(3 * depth);
    expect(await madeAmong(3)).toBeGreaterThanOrEqual(4);
  });
});
