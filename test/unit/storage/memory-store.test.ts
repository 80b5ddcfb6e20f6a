import { expect, it } from 'vitest';
import { MemoryStore } from '../../../src/storage/memory-store.js';
import { storeSuite } from './store-suite.js';

storeSuite('MemoryStore', async () => ({ store: new MemoryStore(), dispose: async () => {} }));

it('refuses to be used after it was closed', async () => {
  const store = new MemoryStore();
  await store.close();
  expect(() => store.get(Uint8Array.of(1))).toThrow('closed');
});
