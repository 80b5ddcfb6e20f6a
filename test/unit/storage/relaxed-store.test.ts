import { expect, it } from 'vitest';
import type { StoreOperation } from '../../../src/ports/store.js';
import { MemoryStore } from '../../../src/storage/memory-store.js';
import { RelaxedStore } from '../../../src/storage/relaxed-store.js';
import { storeSuite } from './store-suite.js';

storeSuite('RelaxedStore', async () => ({
  store: new RelaxedStore(new MemoryStore()),
  dispose: async () => {},
}));

class Watched extends MemoryStore {
  readonly syncs: boolean[] = [];

  override async write(operations: readonly StoreOperation[], options: { sync: boolean }): Promise<void> {
    this.syncs.push(options.sync);
    await super.write(operations, options);
  }
}

it('syncs now and then, whatever is asked for, and whatever is left when it is closed', async () => {
  const memory = new Watched();
  const store = new RelaxedStore(memory);
  const write = (n: number) =>
    store.write([{ key: Uint8Array.of(n >> 8, n), value: Uint8Array.of(1) }], { sync: true });
  for (let n = 0; n < 255; n++) await write(n);
  expect(memory.syncs).not.toContain(true);
  await write(255);
  expect(memory.syncs.at(-1)).toBe(true);
  await store.flush();
  expect(memory.syncs).toHaveLength(256);
  await write(256);
  expect(memory.syncs.at(-1)).toBe(false);
  await store.flush();
  expect(memory.syncs.at(-1)).toBe(true);
  expect(store.get(Uint8Array.of(1, 0))).toEqual(Uint8Array.of(1));
  await store.close();
  expect(memory.syncs).toHaveLength(258);
});

it('closes what it stands on although it has nothing to sync', async () => {
  const memory = new MemoryStore();
  await new RelaxedStore(memory).close();
  expect(() => memory.get(Uint8Array.of(1))).toThrow('closed');
});
