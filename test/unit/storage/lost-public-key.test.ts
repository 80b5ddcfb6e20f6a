import { expect, it } from 'vitest';
import { ChainStore } from '../../../src/storage/chain-store.js';
import { publicKeyKey } from '../../../src/storage/keys.js';
import { MemoryStore } from '../../../src/storage/memory-store.js';
import { busyChain } from './fake-chain.js';

it('says of a key that is lost that the chain is damaged, and not that the key is unknown', async () => {
  const chain = busyChain(6, 14, 5);
  const store = new MemoryStore();
  const written = await ChainStore.initialise(store, chain.genesis);
  for (const commit of chain.commits) await written.commit(commit);
  const [known] = chain.commits.flatMap(({ newKeys }) => [...newKeys.keys()]);
  if (known === undefined) throw new Error('nobody has sent anything');

  await store.write([{ key: publicKeyKey(known), value: null }], { sync: true });
  const opened = await ChainStore.open(store, chain.genesisId);
  expect(() => opened?.publicKey(known)).toThrow(`the public key of ${known} is missing`);
  expect(opened?.publicKey('ab'.repeat(20))).toBeUndefined();
});
