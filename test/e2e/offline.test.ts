/** verify, repair, export and import as a person runs them, on the directories of nodes that ran as processes. */
import { cp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { bodyKey } from '../../src/storage/keys.js';
import { openLevelStore } from '../../src/storage/level-store.js';
import { TEST_KEYS, type TestGenesis, type TestKey, testGenesis } from '../support/genesis.js';
import { ccoin, cleanUp, NodeHome, type NodeProcess, temporaryDirectory } from '../support/node-process.js';

const BLOCKS = 6;

let genesis: TestGenesis;
/** Of the only authority, which mines by itself. */
let home: NodeHome;
let node: NodeProcess;

beforeAll(async () => {
  genesis = testGenesis(1, {
    block_mining: { interval: 0.1, min_bound: 1, difficulty: 0, reward: 1, allow_empty: true },
  });
  home = await NodeHome.create(TEST_KEYS[0] as TestKey, genesis);
  node = home.start(['-t', 'validator']);
  await node.untilFinal(BLOCKS);
});
afterAll(cleanUp);

test('none of them works where a node runs, which does not notice', async () => {
  const file = join(home.path, 'never');
  for (const args of [['verify'], ['repair'], ['export', '--to', file]]) {
    const { code, out, err } = await ccoin(...args, '-c', home.config);
    expect([code, out]).toEqual([1, '']);
    expect(err).toBe(`ccoin ${args[0]}: the database ${home.file('chain')} is in use by another process\n`);
  }
  const { number } = await node.untilFinal(1);
  await node.until(({ event, number: at }) => event === 'final' && (at as number) > (number as number) + 3);
  node.signal('SIGTERM');
  expect(await node.ended).toEqual({ code: 0, signal: null });
});

test('verify says in one line that a chain is sound', async () => {
  const before = await filesBelow(home.file('chain'));
  for (const args of [
    ['-c', home.config],
    ['--data', home.file('')],
    ['--data', home.file('chain')],
  ]) {
    const { code, out, err } = await ccoin('verify', ...args);
    expect([code, err]).toEqual([0, '']);
    expect(out).toMatch(/^sound: \d+ blocks, 0 transactions, \d+ accounts; \d+ blocks\/s\n$/);
  }
  expect(await filesBelow(home.file('chain'))).toEqual(before);
});

test('storage stats says what takes how much', async () => {
  const { code, out, err } = await ccoin('storage', 'stats', '-c', home.config);
  expect([code, err]).toEqual([0, '']);
  expect(out).toMatch(/^\d+ blocks, all of them whole\n\nin the databases +entries +bytes\n/);
  expect(out).toMatch(/\nheaders and certificates +\d+ +[\d,]+\n/);
  expect(out).toMatch(/\nsigner's record of [0-9a-f]{8} +\d+ +[\d,]+\n/);
  expect(out).toMatch(/\nchain +\d+ +[\d,]+\n/);
  const { kinds } = JSON.parse((await ccoin('storage', 'stats', '--json', '-c', home.config)).out);
  expect(kinds[0]).toEqual({
    kind: 'headers and certificates',
    entries: expect.any(Number),
    bytes: expect.any(Number),
  });
});

test('a damaged chain is named, repaired, and goes on', async () => {
  const store = await openLevelStore(home.file('chain'));
  await store.write([{ key: bodyKey(4), value: null }], { sync: true });
  await store.close();
  const signed = await filesBelow(home.file('signer'));

  const verified = await ccoin('verify', '-c', home.config);
  expect([verified.code, verified.out]).toEqual([1, '']);
  expect(verified.err).toMatch(
    /^ccoin verify: \S+\/chain is not sound: block 4: it is missing, while block \d+ is there \(sound up to block 3\)\n$/,
  );

  const repaired = await ccoin('repair', '-c', home.config);
  expect([repaired.code, repaired.err]).toEqual([0, '']);
  expect(repaired.out).toMatch(
    /^damage {3}block 4: it is missing.*\nkept {5}blocks 1 to 3, .*\naside {4}.*\nnext {5}/,
  );
  const aside = (await readdir(home.file(''))).filter((name) => name.startsWith('chain.damaged-'));
  expect(aside).toHaveLength(1);
  expect(repaired.out).toContain(aside[0]);
  expect(await filesBelow(home.file('signer'))).toEqual(signed);
  expect(await ccoin('repair', '-c', home.config)).toEqual({
    code: 0,
    out: `${home.file('chain')} is sound: nothing was done\n`,
    err: '',
  });
});

test('a chain goes through a file to another machine, and a node starts on it', async () => {
  const file = join(await temporaryDirectory(), 'chain.ccoin');
  const exported = await ccoin('export', '-c', home.config, '--to', file);
  expect(exported).toEqual({
    code: 0,
    out: `blocks 1 to 3 of genesis ${genesis.id} are in ${file}\n`,
    err: '',
  });

  const other = await NodeHome.create(TEST_KEYS[1] as TestKey, null);
  await other.configure({ network: { genesis_id: genesis.id } });
  const imported = await ccoin('import', '-c', other.config, '--from', file);
  expect([imported.code, imported.err]).toEqual([0, '']);
  expect(imported.out).toMatch(
    new RegExp(`^imported blocks 1 to 3 of genesis ${genesis.id}; \\d+ blocks/s\\n$`),
  );
  expect((await ccoin('verify', '-c', other.config)).out).toMatch(/^sound: 3 blocks/);

  const follower = other.start();
  const client = await follower.client();
  expect((await client.status()).head.number).toBe(3);
  const busy = await ccoin('import', '-c', other.config, '--from', file);
  expect([busy.code, busy.err]).toEqual([
    1,
    `ccoin import: the database ${other.file('chain')} is in use by another process\n`,
  ]);
  follower.signal('SIGTERM');
  expect((await follower.ended).code).toBe(0);

  const bytes = await readFile(file);
  await rm(other.file('chain'), { recursive: true });
  await writeFile(file, bytes.subarray(0, bytes.length - 100));
  const cut = await ccoin('import', '-c', other.config, '--from', file);
  expect([cut.code, cut.out]).toEqual([1, '']);
  expect(cut.err).toMatch(/^ccoin import: \S+ is cut off at block 3; the chain here ends with block 2\n$/);
  await other.configure({ network: { genesis_id: 'ab'.repeat(32) } });
  expect((await ccoin('import', '-c', other.config, '--from', file)).err).toContain(
    'is of the network of genesis',
  );
});

test('wrong calls are refused in one sentence', async () => {
  const nowhere = join(await temporaryDirectory(), 'nowhere');
  expect(await ccoin('verify', '--data', nowhere)).toEqual({
    code: 1,
    out: '',
    err: `ccoin verify: there is no chain in ${nowhere}/chain\n`,
  });
  expect((await ccoin('export', '-c', home.config, '--to', home.config)).err).toBe(
    `ccoin export: ${home.config} is there already\n`,
  );
  expect((await ccoin('import', '-c', home.config, '--from', home.config)).err).toBe(
    `ccoin import: ${home.config} is no chain's file as ccoin export writes it\n`,
  );
  expect((await ccoin('import', '-c', home.config)).code).toBe(2);
  const copy = await temporaryDirectory();
  await cp(home.file('chain'), copy, { recursive: true });
  expect((await ccoin('verify', '--data', copy)).code).toBe(0);
});

async function filesBelow(directory: string): Promise<string[]> {
  const entries = await readdir(directory, { recursive: true, withFileTypes: true });
  const files = entries.filter((entry) => entry.isFile());
  const all = await Promise.all(
    files.map(async ({ parentPath, name }) => {
      const path = join(parentPath, name);
      return `${path} ${(await readFile(path)).toString('base64')}`;
    }),
  );
  return all.sort();
}
