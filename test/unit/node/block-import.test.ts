/** Certified blocks handed in without waiting, on a real chain: what overlaps must leave what one by one leaves. */
import { beforeAll, describe, expect, it } from 'vitest';
import { rulesOf } from '../../../src/ledger/rules.js';
import { Chain, type Committed } from '../../../src/node/chain.js';
import { inlineWorker } from '../../../src/node/inline-worker.js';
import type { NodePorts } from '../../../src/node/node-options.js';
import { openStores } from '../../../src/node/open-stores.js';
import { SignatureCache } from '../../../src/node/signature-cache.js';
import type { Store, StoreOperation } from '../../../src/ports/store.js';
import type { Worker } from '../../../src/ports/worker.js';
import { decodeBlock } from '../../../src/protocol/block.js';
import { decodeCertificate } from '../../../src/protocol/certificate.js';
import { EVERYTHING } from '../../../src/storage/keys.js';
import { MemoryStore } from '../../../src/storage/memory-store.js';
import { BlockMaker } from '../../support/block-maker.js';
import { type TestGenesis, testGenesis } from '../../support/genesis.js';
import { keyOf } from '../../support/running-nodes.js';

const BLOCKS = 12;

interface Made {
  readonly block: Uint8Array;
  readonly certificate: Uint8Array;
}

let genesis: TestGenesis;
let maker: BlockMaker;
let made: Made[];
/** Certified, but with a coin too many, in the place of block 6. */
let greedy: Made;

beforeAll(async () => {
  genesis = testGenesis(4);
  maker = await BlockMaker.on(genesis);
  made = [];
  for (let i = 0; i < BLOCKS; i++) {
    const miner = maker.leader(i + 2);
    // Nonce 0 carries the key that all later ones need: blocks behind it are checked before it is executed.
    const transactions = [0, 1].map((n) =>
      maker.transfer(keyOf(n), { nonce: i, to: keyOf(2).address, amount: 3 }),
    );
    if (i === 4) {
      const block = maker.block({ miner, transactions, extraReward: 1 });
      greedy = { block: block.wire, certificate: maker.certificate(block).wire };
    }
    const { block, certificate } = await maker.add({ miner, transactions });
    made.push({ block: block.wire, certificate: certificate.wire });
  }
});

/** A store whose writes wait to be let through, once it is told to hold them. */
class HeldStore extends MemoryStore {
  holding = false;
  readonly writes: number[] = [];
  failure: Error | undefined;
  #waiting: (() => void)[] = [];

  override async write(operations: readonly StoreOperation[], options: { sync: boolean }): Promise<void> {
    if (this.holding) await new Promise<void>((resolve) => this.#waiting.push(resolve));
    if (this.failure !== undefined) throw this.failure;
    this.writes.push(operations.length);
    await super.write(operations, options);
  }

  letGo(): void {
    this.holding = false;
    for (const resolve of this.#waiting.splice(0)) resolve();
  }
}

interface Opened {
  readonly chain: Chain;
  readonly store: HeldStore;
  readonly committed: (readonly Committed[])[];
}

async function open(worker: Worker = inlineWorker()): Promise<Opened> {
  const store = new HeldStore();
  const opened = await openStores(
    { chain: store, signerRecord: new MemoryStore() } as unknown as NodePorts,
    genesis.wire,
  );
  store.writes.length = 0;
  const committed: (readonly Committed[])[] = [];
  const rules = rulesOf(opened.genesis, genesis.id);
  const parts = { ...opened, rules, worker, verified: new SignatureCache() };
  const chain = new Chain(parts, (blocks) => committed.push(blocks));
  return { chain, store, committed };
}

function take(chain: Chain, blocks: readonly Made[]) {
  return blocks.map(({ block, certificate }) => chain.applyCertified(block, certificate));
}

async function dumpOf(store: Store): Promise<string[]> {
  const lines: string[] = [];
  for await (const [key, value] of store.entries(EVERYTHING))
    lines.push(`${Buffer.from(key).toString('hex')} ${Buffer.from(value).toString('hex')}`);
  return lines;
}

async function turns(): Promise<void> {
  for (let i = 0; i < 20; i++) await new Promise((resolve) => setImmediate(resolve));
}

describe('importing blocks that are handed in at once', () => {
  it('leaves the records that one by one leaves, in fewer writes', async () => {
    const { chain, store, committed } = await open();
    expect(await Promise.all(take(chain, made))).toEqual(made.map(() => null));
    expect(chain.head.id).toBe(maker.chain.head.id);
    expect(await dumpOf(store)).toEqual(await dumpOf(maker.stores.chain));
    expect(store.writes.length).toBeLessThan(BLOCKS);
    expect(committed.flat().map(({ block }) => block.header.number)).toEqual(made.map((_, i) => i + 2));
  });

  it('executes ahead of what is written, and shows nothing of it before it is durable', async () => {
    const { chain, store, committed } = await open();
    const { head } = chain;
    const { address } = keyOf(2);
    const before = chain.account(address);
    store.holding = true;
    const verdicts = take(chain, made);
    await turns();
    expect(chain.head).toBe(head);
    expect(chain.account(address)).toEqual(before);
    expect(chain.publicKey(keyOf(0).address)).toBeUndefined();
    expect(committed).toEqual([]);
    store.letGo();
    expect(await Promise.all(verdicts)).toEqual(made.map(() => null));
    // The first write went alone; what was executed meanwhile followed together.
    expect(committed[0]).toHaveLength(1);
    expect(committed[1]?.length).toBeGreaterThan(1);
  });

  it('refuses a bad block in the middle, judges none behind it, and takes the good one in its place', async () => {
    const { chain, store } = await open();
    const spoilt = [...made.slice(0, 4), greedy, ...made.slice(5)];
    const verdicts = await Promise.all(take(chain, spoilt));
    expect(verdicts.slice(0, 4)).toEqual([null, null, null, null]);
    expect(verdicts[4]?.code).toBe('BAD_BLOCK');
    expect(verdicts.slice(5)).toEqual(verdicts.slice(5).map(() => undefined));
    expect(chain.head.header.number).toBe(5);
    expect(await Promise.all(take(chain, made.slice(4)))).toEqual(made.slice(4).map(() => null));
    expect(await dumpOf(store)).toEqual(await dumpOf(maker.stores.chain));
  });

  it.each([
    ['that is no block', 'MALFORMED', ({ certificate }: Made) => ({ block: new Uint8Array(9), certificate })],
    [
      'with the certificate of another',
      'BAD_CERTIFICATE',
      ({ block }: Made) => ({ block, certificate: (made[0] as Made).certificate }),
    ],
    ['that does not follow', 'BAD_BLOCK', () => made[7] as Made],
  ])('refuses one %s, and judges none behind it', async (_, code, spoil) => {
    const { chain } = await open();
    const spoilt = [...made.slice(0, 3), spoil(made[3] as Made), ...made.slice(4)];
    const verdicts = await Promise.all(take(chain, spoilt));
    expect(verdicts.map((verdict) => (verdict === null ? null : verdict?.code))).toEqual([
      ...[null, null, null, code],
      ...made.slice(4).map(() => undefined),
    ]);
    expect(chain.head.header.number).toBe(4);
  });

  it('finds a bad signature behind a key that an earlier block in the line carries', async () => {
    const { chain } = await open();
    const [first, second] = made as [Made, Made];
    const wire = Uint8Array.from(second.block);
    // The last bytes of a block are those of its last transaction's signature.
    wire[wire.length - 1] = (wire[wire.length - 1] as number) ^ 1;
    const verdicts = await Promise.all(
      take(chain, [first, { block: wire, certificate: second.certificate }]),
    );
    expect(verdicts[0]).toBeNull();
    expect(verdicts[1]?.code).toMatch(/^BAD_(BLOCK|SIGNATURE)$/);
    expect(await Promise.all(take(chain, [second]))).toEqual([null]);
  });

  it('lets consensus make the next block final while blocks are in the line', async () => {
    const { chain, store, committed } = await open();
    const [first, second] = made as [Made, Made];
    const { genesisId } = chain.rules;
    store.holding = true;
    const verdicts = take(chain, [first]);
    const decided = chain.commit(decodeBlock(second.block, genesisId), decodeCertificate(second.certificate));
    // It waits for the write; what comes then waits for it.
    await turns();
    const later = take(chain, made.slice(1));
    await turns();
    store.letGo();
    await decided;
    expect(await Promise.all([...verdicts, ...later])).toEqual(made.map(() => null));
    await chain.settled();
    expect(committed.flat().map(({ block, synced }) => [block.header.number, synced])).toEqual(
      made.map((_, i) => [i + 2, i !== 1]),
    );
    expect(await dumpOf(store)).toEqual(await dumpOf(maker.stores.chain));
  });

  it('fails for good, with all that is in the line, when a write fails', async () => {
    const { chain, store } = await open();
    store.failure = new Error('disk on fire');
    const verdicts = await Promise.allSettled(take(chain, made));
    expect(verdicts.every(({ status }) => status === 'rejected')).toBe(true);
    expect(chain.head.header.number).toBe(1);
    store.failure = undefined;
    await expect(take(chain, made.slice(0, 1))[0]).rejects.toThrow('disk on fire');
    await chain.settled();
  });

  it('fails when a check cannot be made: that is no fault of the block', async () => {
    const broken = { ...inlineWorker(), verify: () => Promise.reject(new Error('the thread died')) };
    const { chain } = await open(broken);
    await expect(take(chain, made.slice(0, 1))[0]).rejects.toThrow('the thread died');
    expect(chain.head.header.number).toBe(1);
  });
});
