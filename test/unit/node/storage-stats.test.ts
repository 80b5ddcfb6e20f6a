import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { chainPlace } from '../../../src/node/chain-place.js';
import { storageStats } from '../../../src/node/storage-stats.js';
import { systemClock } from '../../../src/node/system-clock.js';
import { EVERYTHING } from '../../../src/storage/keys.js';
import { openLevelStore } from '../../../src/storage/level-store.js';
import { openSignerStore } from '../../../src/storage/signer-store.js';
import { BlockMaker } from '../../support/block-maker.js';
import { directoryForEach, growTo, writeChain } from '../../support/chain-directory.js';
import { testGenesis } from '../../support/genesis.js';

const BLOCKS = 9;
const newDirectory = directoryForEach();

it('counts every entry of the databases once, and every file', async () => {
  const maker = await BlockMaker.on(testGenesis(4));
  await growTo(maker, BLOCKS);
  const account = await newDirectory();
  await writeChain(join(account, 'chain'), maker.stores.chain);
  const record = await openSignerStore(join(account, 'signer', 'ab'.repeat(32)), systemClock);
  await record.store.write([{ key: Uint8Array.of(1), value: new Uint8Array(9) }], { sync: true });
  await record.close();
  const older = await openLevelStore(join(account, 'signer', 'cd'.repeat(32)));
  await older.write([{ key: Uint8Array.of(1), value: new Uint8Array(9) }], { sync: true });
  await older.close();
  await mkdir(join(account, '.keys'));
  await writeFile(join(account, '.keys', 'id_rsa'), 'a key');

  const { blocks, base, kinds, files } = await storageStats(await chainPlace(account));
  expect([blocks, base]).toEqual([BLOCKS, 0]);
  const entries = Object.fromEntries(kinds.map(({ kind, entries: count }) => [kind, count]));
  expect(entries).toMatchObject({
    'headers and certificates': BLOCKS,
    transactions: BLOCKS,
    'history of accounts': BLOCKS,
    'index of block ids': BLOCKS,
    'index of transactions': BLOCKS - 1 - 2,
    'public keys': 1,
    "signer's record of abababab": 1,
    "signer's record of cdcdcdcd": 1,
  });
  let [count, bytes] = [2, 20];
  for await (const [key, value] of maker.stores.chain.entries(EVERYTHING)) {
    count++;
    bytes += key.length + value.length;
  }
  expect(kinds.reduce((sum, kind) => sum + kind.entries, 0)).toBe(count);
  expect(kinds.reduce((sum, kind) => sum + kind.bytes, 0)).toBe(bytes);
  expect(files.map(({ path }) => path).sort()).toEqual(['.keys', 'chain', 'signer']);
  expect(files.find(({ path }) => path === '.keys')).toEqual({ path: '.keys', files: 1, bytes: 5 });
});

it('looks at nothing beside a copy that lies anywhere', async () => {
  const maker = await BlockMaker.on(testGenesis(4));
  const directory = await newDirectory();
  await writeChain(join(directory, 'copy'), maker.stores.chain);
  await writeFile(join(directory, 'other'), 'x');
  const { files } = await storageStats(await chainPlace(join(directory, 'copy')));
  expect(files.map(({ path }) => path)).toEqual(['copy']);
});
