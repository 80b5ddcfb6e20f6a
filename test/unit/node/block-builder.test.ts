/** What the leader's builder says to whom, and when. The blocks themselves are held against the rules in simulations. */
import { expect, it } from 'vitest';
import { rulesOf } from '../../../src/ledger/rules.js';
import { MEMPOOL_LIMITS } from '../../../src/mempool/limits.js';
import { Mempool } from '../../../src/mempool/mempool.js';
import { buildBlock } from '../../../src/node/block-builder.js';
import { Chain } from '../../../src/node/chain.js';
import { inlineWorker } from '../../../src/node/inline-worker.js';
import type { NodePorts } from '../../../src/node/node-options.js';
import { openStores } from '../../../src/node/open-stores.js';
import { SignatureCache } from '../../../src/node/signature-cache.js';
import { sign } from '../../../src/protocol/keys.js';
import { MemoryStore } from '../../../src/storage/memory-store.js';
import { TEST_KEYS, type TestKey, testGenesis } from '../../support/genesis.js';
import { ManualClock } from '../../support/manual-clock.js';

const { wire, id: genesisId } = testGenesis(1);
const LEADER = TEST_KEYS[0] as TestKey;

it('tells the id of a block before its seal is begun, so that something can be signed beside it', async () => {
  const stores = { chain: new MemoryStore(), signerRecord: new MemoryStore() };
  const opened = await openStores(stores as unknown as NodePorts, wire);
  const worker = inlineWorker();
  const parts = { ...opened, rules: rulesOf(opened.genesis, genesisId), worker };
  const chain = new Chain({ ...parts, verified: new SignatureCache() }, () => {});
  const order: string[] = [];
  const signer = {
    ...LEADER,
    sign: async (message: Uint8Array, beside = false) => {
      order.push(beside ? 'signs beside' : 'signs');
      return sign(LEADER.privateKey, message);
    },
  };
  const random = { bytes: (count: number) => new Uint8Array(count), fraction: () => 0 };
  const mempool = new Mempool(MEMPOOL_LIMITS, chain);
  const block = await buildBlock(
    { chain, mempool, clock: new ManualClock(), random, worker, signer, genesis: opened.genesis },
    2,
    new AbortController().signal,
    (id) => order.push(`told of ${id}`),
  );
  expect(order).toEqual([`told of ${block?.id}`, 'signs']);
  expect(block && (await chain.validate(block))).toBeNull();
});
