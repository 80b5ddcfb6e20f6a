/** Chains on the disk, damaged and mended: what is kept, what is left alone, and that a node goes on from there. */
import { cp, mkdir, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { beforeAll, expect, it } from 'vitest';
import { chainPlace } from '../../../src/node/chain-place.js';
import { inlineWorker } from '../../../src/node/inline-worker.js';
import { repairPlace } from '../../../src/node/repair-chain.js';
import { type PlaceOptions, verifyPlace } from '../../../src/node/verify-chain.js';
import type { StoreOperation } from '../../../src/ports/store.js';
import { fromHex } from '../../../src/protocol/bytes.js';
import { ChainStore } from '../../../src/storage/chain-store.js';
import { EvidenceStore } from '../../../src/storage/evidence.js';
import { accountKey, bodyKey, changesKey, evidenceKey } from '../../../src/storage/keys.js';
import { openLevelStore } from '../../../src/storage/level-store.js';
import { MemoryStore } from '../../../src/storage/memory-store.js';
import { put } from '../../../src/storage/tables.js';
import { BlockMaker } from '../../support/block-maker.js';
import { copyOf, directoryForEach, growTo, writeChain } from '../../support/chain-directory.js';
import { type TestGenesis, testGenesis } from '../../support/genesis.js';
import { expectSameChain, keyOf, start, stopAllAfterEach } from '../../support/running-nodes.js';
import { untilHeight } from '../../support/test-node.js';

const BLOCKS = 8;
const options: PlaceOptions = { worker: inlineWorker(), pinned: null };
const newDirectory = directoryForEach();
stopAllAfterEach();

let genesis: TestGenesis;
let maker: BlockMaker;

beforeAll(async () => {
  genesis = testGenesis(4);
  maker = await BlockMaker.on(genesis);
  await growTo(maker, BLOCKS);
});

/** An account's directory whose chain has these changes. */
async function accountWith(...changes: StoreOperation[]): Promise<string> {
  const account = await newDirectory();
  await writeChain(join(account, 'chain'), maker.stores.chain, changes);
  return account;
}

const without = (key: Uint8Array): StoreOperation => ({ key, value: null });

/** Names and contents of all files of a directory. */
async function filesOf(directory: string): Promise<Map<string, string>> {
  const files = new Map<string, string>();
  for (const name of (await readdir(directory)).sort())
    files.set(name, (await readFile(join(directory, name))).toString('hex'));
  return files;
}

it('verifies a directory without changing a byte of it, nor leaving one beside it', async () => {
  const account = await accountWith();
  const before = await filesOf(join(account, 'chain'));
  for (const path of [account, join(account, 'chain')]) {
    expect(await verifyPlace(await chainPlace(path), options)).toMatchObject({ sound: true, blocks: BLOCKS });
  }
  expect(await filesOf(join(account, 'chain'))).toEqual(before);
  expect(await readdir(account)).toEqual(['chain']);
});

it('leaves a sound chain alone', async () => {
  const account = await accountWith();
  const before = await filesOf(join(account, 'chain'));
  expect(await repairPlace(await chainPlace(account), join(account, 'aside'), options)).toBeNull();
  expect(await filesOf(join(account, 'chain'))).toEqual(before);
  expect(await readdir(account)).toEqual(['chain']);
});

it('cuts back to the last sound block, keeps what was there, and touches nothing else', async () => {
  const account = await accountWith(without(bodyKey(6)));
  await mkdir(join(account, 'signer', genesis.id), { recursive: true });
  await writeFile(join(account, 'signer', genesis.id, 'record'), 'what was signed');
  const before = await filesOf(join(account, 'chain'));
  const repaired = await repairPlace(await chainPlace(account), join(account, 'chain.damaged-1'), options);
  expect(repaired).toEqual({ fault: `block 6: it is missing, while block ${BLOCKS} is there`, blocks: 5 });
  expect(await verifyPlace(await chainPlace(account), options)).toMatchObject({ sound: true, blocks: 5 });
  expect((await readdir(account)).sort()).toEqual(['chain', 'chain.damaged-1', 'signer']);
  expect(await filesOf(join(account, 'chain.damaged-1'))).toEqual(before);
  expect(await readFile(join(account, 'signer', genesis.id, 'record'), 'utf8')).toBe('what was signed');
});

it('makes wrong records anew without losing a block, and keeps evidence', async () => {
  const evidence = evidenceKey(keyOf(1).address, 3, 0, 1);
  const account = await accountWith(
    without(accountKey(keyOf(5).address)),
    put(evidence, [1, fromHex('aa'), fromHex('bb')]),
  );
  const repaired = await repairPlace(await chainPlace(account), null, options);
  expect(repaired).toEqual({ fault: expect.stringMatching(/^account .* found nothing$/), blocks: BLOCKS });
  expect(await readdir(account)).toEqual(['chain']);
  const store = await openLevelStore(join(account, 'chain'));
  expect(await new EvidenceStore(store).list()).toMatchObject([{ authority: keyOf(1).address, height: 3 }]);
  await store.close();
  expect(await verifyPlace(await chainPlace(account), options)).toMatchObject({
    sound: true,
    blocks: BLOCKS,
  });
});

it('keeps of a pruned chain what its base allows: all that is sound above it, or nothing', async () => {
  const pruned = async (...changes: StoreOperation[]) => {
    const account = await accountWith();
    const database = await openLevelStore(join(account, 'chain'));
    const store = await ChainStore.open(database);
    await store?.prune(4, Number.MAX_SAFE_INTEGER);
    await database.write(changes, { sync: true });
    await database.close();
    return chainPlace(account);
  };
  const sound = await pruned();
  expect(await verifyPlace(sound, options)).toMatchObject({ sound: true, blocks: BLOCKS, base: 4 });
  expect(await repairPlace(sound, null, options)).toBeNull();

  const cut = await pruned(without(bodyKey(7)));
  expect(await repairPlace(cut, null, options)).toMatchObject({ blocks: 6 });
  expect(await verifyPlace(cut, options)).toMatchObject({ sound: true, blocks: 6, base: 4 });

  const unproved = await pruned(without(changesKey(6)));
  await expect(repairPlace(unproved, null, options)).rejects.toThrow(
    'nothing can be kept (the record of changes of block 6 is missing): delete the chain',
  );
  const falsified = await pruned(put(accountKey('ee'.repeat(20)), [0, 5, 0, 1, 0, 1]));
  await expect(repairPlace(falsified, null, options)).rejects.toThrow(
    'nothing can be kept (its accounts are not those of block 4): delete the chain',
  );
  for (const { directory } of [sound, cut, unproved, falsified])
    expect(await readdir(join(directory, '..'))).toEqual(['chain']);
});

it('takes genesis from the file beside it if the chain has lost its own, and gives up if there is none', async () => {
  const account = await accountWith(without(bodyKey(1)));
  await expect(repairPlace(await chainPlace(account), null, options)).rejects.toThrow(
    'nothing can be kept (block 1: it is missing): delete the chain',
  );
  expect(await readdir(account)).toEqual(['chain']);
  await writeFile(join(account, 'genesis.block'), genesis.wire);
  expect(await repairPlace(await chainPlace(account), null, options)).toMatchObject({ blocks: BLOCKS });
});

it.each([
  ['its manifest', /^MANIFEST/],
  ['the pointer to its manifest', /^CURRENT/],
])('names a database that cannot be opened for want of %s, and saves its blocks', async (_, lost) => {
  const account = await accountWith();
  const [name = ''] = (await readdir(join(account, 'chain'))).filter((file) => lost.test(file));
  await rm(join(account, 'chain', name));
  const place = await chainPlace(account);
  expect(await verifyPlace(place, options)).toMatchObject({ sound: false, soundBlocks: 0 });
  expect(await repairPlace(place, null, options)).toMatchObject({ blocks: BLOCKS });
  expect(await verifyPlace(place, options)).toMatchObject({ sound: true, blocks: BLOCKS });
});

it('refuses the chain of another network, and where there is none', async () => {
  const account = await accountWith();
  const { id, wire } = testGenesis(4, { network_id: 9 });
  const place = await chainPlace(account);
  const pinned = { ...options, pinned: id };
  for (const work of [verifyPlace(place, pinned), repairPlace(place, null, pinned)])
    await expect(work).rejects.toMatchObject({ code: 'OTHER_GENESIS' });
  await writeFile(join(account, 'genesis.block'), wire);
  await expect(repairPlace(place, null, options)).rejects.toMatchObject({ code: 'OTHER_GENESIS' });
  const nowhere = await chainPlace(join(account, 'nowhere'));
  await expect(verifyPlace(nowhere, options)).rejects.toThrow(
    `there is no chain in ${account}/nowhere/chain`,
  );
});

it('leaves a chain on which a node starts and syncs what was cut off', async () => {
  const account = await accountWith(without(bodyKey(4)));
  await repairPlace(await chainPlace(account), null, options);
  const whole = await copyOf(maker.stores.chain);
  const donor = await start({
    key: keyOf(0),
    genesis: genesis.wire,
    role: 'basic',
    stores: { chain: whole, signerRecord: new MemoryStore() },
  });
  const mended = await start({
    key: keyOf(1),
    genesis: genesis.wire,
    role: 'basic',
    peers: [donor.port],
    stores: { chain: await openLevelStore(join(account, 'chain')), signerRecord: new MemoryStore() },
  });
  await untilHeight(mended, BLOCKS);
  await expectSameChain([donor, mended]);
  await mended.stop();
  await mended.stores.chain.close();
  expect(await verifyPlace(await chainPlace(account), options)).toMatchObject({
    sound: true,
    blocks: BLOCKS,
  });
});

it('works on a copy that lies anywhere', async () => {
  const account = await accountWith();
  const copy = await newDirectory();
  await cp(join(account, 'chain'), join(copy, 'some name'), { recursive: true });
  const place = await chainPlace(join(copy, 'some name'));
  expect(await verifyPlace(place, options)).toMatchObject({ sound: true });
});
