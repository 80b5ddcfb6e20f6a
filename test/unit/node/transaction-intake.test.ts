/** What peers can make the intake of transactions do. The worker is a stand-in that counts, and answers when told to. */
import { beforeEach, describe, expect, it } from 'vitest';
import { rulesOf } from '../../../src/ledger/rules.js';
import { MEMPOOL_LIMITS, type MempoolLimits } from '../../../src/mempool/limits.js';
import { Mempool } from '../../../src/mempool/mempool.js';
import { Chain } from '../../../src/node/chain.js';
import { inlineWorker } from '../../../src/node/inline-worker.js';
import type { NodePorts } from '../../../src/node/node-options.js';
import { openStores } from '../../../src/node/open-stores.js';
import { SignatureCache } from '../../../src/node/signature-cache.js';
import { TransactionIntake } from '../../../src/node/transaction-intake.js';
import type { Worker } from '../../../src/ports/worker.js';
import { fromHex, type Hash } from '../../../src/protocol/bytes.js';
import { sign } from '../../../src/protocol/keys.js';
import {
  encodePayload,
  encodeTransaction,
  type Payload,
  signedTransactionBytes,
  TRANSFER,
  type Transaction,
} from '../../../src/protocol/transaction.js';
import { MemoryStore } from '../../../src/storage/memory-store.js';
import { ALLOC_EACH, TEST_KEYS, type TestKey, testGenesis } from '../../support/genesis.js';
import { ManualClock } from '../../support/manual-clock.js';

const PEERS = ['a', 'b', 'c', 'd', 'e', 'f', 'g', 'h'].map((letter) => letter.repeat(40));
const [PEER, OTHER] = PEERS as [string, string];
const { wire: GENESIS, id: GENESIS_ID } = testGenesis(1);
const SENDER = TEST_KEYS[3] as TestKey;

let checks: number;
let answer: boolean;
let offences: string[];
let gossip: { ids: Hash[]; source: string | null }[];
let mempool: Mempool;
let intake: TransactionIntake;

beforeEach(() => setUp(MEMPOOL_LIMITS));

async function setUp(limits: MempoolLimits): Promise<void> {
  checks = 0;
  answer = true;
  offences = [];
  gossip = [];
  const stores = { chain: new MemoryStore(), signerRecord: new MemoryStore() };
  const opened = await openStores(stores as unknown as NodePorts, GENESIS);
  const inline = inlineWorker();
  const worker: Worker = {
    ...inline,
    verify(list) {
      checks += list.length;
      return answer ? inline.verify(list) : new Promise(() => {});
    },
  };
  const verified = new SignatureCache((wireHash) => mempool.hasWire(wireHash));
  const chain = new Chain(
    { ...opened, rules: rulesOf(opened.genesis, GENESIS_ID), worker, verified },
    () => {},
  );
  mempool = new Mempool(limits, chain);
  intake = new TransactionIntake(
    { chain, mempool, clock: new ManualClock(), worker, verified },
    {
      status: (id) => mempool.status(id),
      offend: (peer, code) => offences.push(`${peer.slice(0, 1)} ${code}`),
      gossip: (transactions: readonly Transaction[], source) =>
        gossip.push({ ids: transactions.map(({ id }) => id), source }),
      changed: () => {},
    },
  );
}

function wireOf(fields: Partial<Payload>, signature?: Uint8Array, key: TestKey = SENDER): Uint8Array {
  const payload = encodePayload({
    kind: TRANSFER,
    from: key.address,
    nonce: 0,
    to: PEER,
    amount: 1,
    fee: 0,
    data: null,
    time: 0,
    publicKey: (fields.nonce ?? 0) === 0 ? key.publicKey : null,
    ...fields,
  });
  return encodeTransaction(
    payload,
    signature ?? sign(key.privateKey, signedTransactionBytes(payload, fromHex(GENESIS_ID))),
  );
}

const junk = (amount: number): Uint8Array => wireOf({ amount }, new Uint8Array(256));

describe('the intake of transactions', () => {
  it('takes a good one of a peer and passes it on with its source', async () => {
    await intake.hear(PEER, [wireOf({})]);
    expect(mempool.size).toBe(1);
    expect(gossip).toMatchObject([{ source: PEER }]);
  });

  it('knows the key of a nonce 1 from the nonce 0 before it in the same message', async () => {
    await intake.hear(PEER, [wireOf({}), wireOf({ nonce: 1 })]);
    expect(mempool.readyCount).toBe(2);
  });

  it('knows the key of a nonce 1 from the nonce 0 that is still being checked', async () => {
    await Promise.all([intake.hear(PEER, [wireOf({})]), intake.hear(OTHER, [wireOf({ nonce: 1 })])]);
    expect(mempool.readyCount).toBe(2);
  });

  it('holds a bad signature against the peer', async () => {
    await intake.hear(PEER, [junk(1)]);
    expect(offences).toEqual(['a BAD_SIGNATURE']);
    expect(gossip).toEqual([]);
  });

  it.each<[string, () => Uint8Array]>([
    ['an unknown sender', () => wireOf({ from: OTHER, nonce: 5, publicKey: null }, new Uint8Array(256))],
    ['more than the balance', () => wireOf({ amount: ALLOC_EACH + 1 })],
    ['a nonce too far ahead', () => wireOf({ nonce: MEMPOOL_LIMITS.maxNonceAhead + 1 })],
  ])('checks no signature for what the head refuses: %s', async (_, wire) => {
    await intake.hear(PEER, [wire()]);
    expect(checks).toBe(0);
    expect(mempool.size).toBe(0);
    expect(offences.filter((offence) => !offence.includes('UNKNOWN_KEY'))).toEqual([]);
  });

  it('checks no second wire form of what is pending', async () => {
    await intake.hear(PEER, [wireOf({})]);
    await intake.hear(OTHER, [wireOf({})]);
    expect(checks).toBe(1);
  });

  it('checks once what a full pool has no room for, however many peers pass it on', async () => {
    await setUp({ ...MEMPOOL_LIMITS, maxTransactions: 1 });
    await intake.hear(PEER, [wireOf({ fee: 2 })]);
    const cheaper = wireOf({ fee: 1 }, undefined, TEST_KEYS[2]);
    for (const peer of [PEER, OTHER]) await intake.hear(peer, [cheaper]);
    expect(checks).toBe(2);
    expect(mempool.size).toBe(1);
  });

  it('checks a transaction once that several peers pass on at the same time', () => {
    answer = false;
    const wire = wireOf({});
    for (const peer of PEERS) void intake.hear(peer, [wire]);
    expect(checks).toBe(1);
  });

  it('bounds what waits to be checked, of one peer and of all', () => {
    answer = false;
    for (let message = 0; message < 6; message++) {
      void intake.hear(
        PEER,
        Array.from({ length: 500 }, (_, i) => junk(1 + message * 500 + i)),
      );
    }
    expect(checks).toBe(2_048);
    for (const [index, peer] of PEERS.slice(1).entries()) {
      void intake.hear(
        peer,
        Array.from({ length: 2_048 }, (_, i) => junk(10_000 * (index + 1) + i)),
      );
    }
    expect(checks).toBe(8_192);
  });

  it('has room again for a peer whose transactions were judged', async () => {
    for (let round = 0; round < 2; round++) {
      await intake.hear(
        PEER,
        Array.from({ length: 2_048 }, (_, i) => junk(1 + round * 2_048 + i)),
      );
    }
    expect(checks).toBe(4_096);
  });

  it('tells the API exactly what is wrong, as nobody else is to be protected from the asker', async () => {
    const results = await intake.submit(
      [wireOf({ amount: ALLOC_EACH + 1 }), junk(1), wireOf({ nonce: 7 }), Uint8Array.of(0xc1)],
      null,
    );
    expect(results.map((result) => (result.accepted ? result.status.state : result.code))).toEqual([
      'INSUFFICIENT_BALANCE',
      'BAD_SIGNATURE',
      'pending',
      'MALFORMED',
    ]);
  });
});
