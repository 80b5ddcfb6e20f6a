import { mkdir, mkdtemp, readdir, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { Home } from '../../../plugins/lib/devnet/home.js';
import { loadConfig } from '../../../src/config/config.js';
import { loadAccount } from '../../../src/keys/account.js';
import { readGenesisFile } from '../../../src/node/genesis-file.js';

describe('the directory of a devnet', () => {
  let parent: string;
  let path: string;
  let home: Home;
  beforeAll(async () => {
    parent = await mkdtemp(join(tmpdir(), 'ccoin-devnet-home-'));
    path = join(parent, 'devnet');
    // One that was left half-made is not kept.
    await mkdir(path);
    await writeFile(join(path, 'devnet.unfinished'), '');
    home = await Home.open(path, { validators: 1, basic: 1 }, false, 1_700_000_000_000);
  });
  afterAll(() => rm(parent, { recursive: true, force: true }));

  test('holds for each node its key, its genesis and its settings', async () => {
    const configs = await home.configure(4444);
    expect([...configs.keys()]).toEqual(['validator-1', 'basic-1']);
    for (const { name, address } of home.nodes) {
      const config = await loadConfig(configs.get(name), {});
      const account = await loadAccount(config.app.basePath, address);
      expect(account.address).toBe(config.client.accountAddress);
      const genesis = await readGenesisFile(config.app.basePath, address);
      expect(genesis?.block.id).toBe(home.genesisId);
    }
  });

  test('gives every load account coins', async () => {
    const [node] = home.nodes;
    if (node === undefined) throw new Error('no node');
    const genesis = await readGenesisFile(home.directoryOf(node.name), node.address);
    for (const { address } of await home.loadAccounts())
      expect(genesis?.accounts.get(address)?.balance).toBeGreaterThan(0);
  });

  test('is gone on with, if it is as wished', async () => {
    const again = await Home.open(path, { validators: 1 }, false, 1_800_000_000_000);
    expect(again.genesisId).toBe(home.genesisId);
    expect(again.nodes).toEqual(home.nodes);
    await expect(Home.open(path, { validators: 2 }, false, 0)).rejects.toThrow('--reset makes a new one');
  });

  test('is never made where something else is', async () => {
    const other = join(parent, 'other');
    await mkdir(other);
    await writeFile(join(other, 'thesis.txt'), '');
    await expect(Home.open(other, {}, true, 0)).rejects.toThrow('something else');
    expect(await readdir(other)).toEqual(['thesis.txt']);
  });

  test('is made anew on demand', async () => {
    const anew = await Home.open(path, { validators: 1, basic: 0 }, true, 1_800_000_000_000);
    expect(anew.genesisId).not.toBe(home.genesisId);
    expect(await readdir(path)).toEqual(expect.not.arrayContaining(['basic-1', 'devnet.unfinished']));
  });
});
