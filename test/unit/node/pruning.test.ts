import { beforeEach, describe, expect, it } from 'vitest';
import { PAUSE_MS, Pruning, RECLAIM_EVERY_BLOCKS } from '../../../src/node/pruning.js';
import { ChainStore } from '../../../src/storage/chain-store.js';
import { bodyKey } from '../../../src/storage/keys.js';
import { MemoryStore } from '../../../src/storage/memory-store.js';
import { ManualClock } from '../../support/manual-clock.js';
import { FakeChain, type FakeTransfer } from '../storage/fake-chain.js';

const KEEP = 10;
/** As many that a step is one block. */
const TRANSFERS = 1_100;

let chain: FakeChain;
let memory: MemoryStore;
let store: ChainStore;
let clock: ManualClock;
let said: string[];
let failures: Error[];

beforeEach(async () => {
  chain = new FakeChain(3);
  memory = new MemoryStore();
  store = await ChainStore.initialise(memory, chain.genesis);
  clock = new ManualClock();
  said = [];
  failures = [];
});

async function grow(blocks: number, transfers: readonly FakeTransfer[] = []): Promise<void> {
  for (let n = 0; n < blocks; n++) await store.commit(chain.add(transfers));
}

function pruning(): Pruning {
  const log = (_level: string, _fields: object, text: string) => void said.push(text);
  return new Pruning({ store, keep: KEEP, clock, log }, (error) => failures.push(error));
}

describe('pruning', () => {
  it('lets go of one block for each that becomes final, and says nothing of it', async () => {
    const pruner = pruning();
    for (let n = 0; n < 30; n++) {
      await grow(1);
      pruner.headMoved();
      await clock.advance(PAUSE_MS);
      expect(store.base.number).toBe(
        Math.max(0, store.head.number <= KEEP + 1 ? 0 : store.head.number - KEEP),
      );
    }
    expect(said).toEqual([]);
  });

  it('takes a long chain in steps, with pauses, however often the head moves', async () => {
    await grow(1, [[0, 1, 1]]);
    await grow(1, Array<FakeTransfer>(TRANSFERS).fill([0, 1, 1]));
    await grow(1, Array<FakeTransfer>(TRANSFERS).fill([1, 2, 1]));
    await grow(KEEP);
    const pruner = pruning();
    for (let n = 0; n < 3; n++) pruner.headMoved();
    await clock.advance(0);
    expect(store.base.number).toBe(3);
    pruner.headMoved();
    await clock.advance(PAUSE_MS - 1);
    expect(store.base.number).toBe(3);
    await clock.advance(1);
    expect(store.base.number).toBe(4);
    expect(clock.pending).toBe(0);
  });

  it('says how many blocks are still to go, and when it is done', async () => {
    await grow(1_200);
    const pruner = pruning();
    pruner.headMoved();
    await clock.advance(60_000);
    expect(store.base.number).toBe(1_201 - KEEP);
    expect(said).toEqual([
      'pruning: 1190 blocks are still to go, up to block 1191',
      'pruned: the blocks above 1191 are kept whole',
    ]);
  });

  it('stops when it is closed, at a whole step, and goes on from there when it is started again', async () => {
    await grow(1_200);
    const pruner = pruning();
    pruner.headMoved();
    await pruner.close();
    const { number } = store.base;
    expect(number).toBeGreaterThan(1);
    expect(number).toBeLessThan(1_000);
    pruner.headMoved();
    await clock.advance(60_000);
    expect(store.base.number).toBe(number);
    store = (await ChainStore.open(memory, chain.genesisId)) as ChainStore;
    pruning().headMoved();
    await clock.advance(60_000);
    expect(store.base.number).toBe(1_201 - KEEP);
  });

  it('asks for the room of what is gone when the long way is done, and then now and again', async () => {
    const compacted: number[] = [];
    Object.assign(memory, { compact: async () => void compacted.push(store.base.number) });
    await grow(1_200);
    const pruner = pruning();
    pruner.headMoved();
    await clock.advance(60_000);
    expect(compacted).toEqual([1_191, 1_191]);
    await grow(RECLAIM_EVERY_BLOCKS - 1);
    pruner.headMoved();
    await clock.advance(60_000);
    expect(compacted).toHaveLength(2);
    await grow(1);
    pruner.headMoved();
    await clock.advance(60_000);
    expect(compacted).toHaveLength(4);
  });

  it('ends the node where a block is damaged', async () => {
    await grow(20);
    await memory.write([{ key: bodyKey(5), value: null }], { sync: true });
    const pruner = pruning();
    pruner.headMoved();
    await clock.advance(60_000);
    expect(failures).toMatchObject([{ code: 'DAMAGED' }]);
    await pruner.close();
  });
});
