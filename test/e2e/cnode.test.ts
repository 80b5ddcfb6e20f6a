/** `ccoin cnode` alone: how it starts and stops, and that it refuses in one sentence what it cannot work with. */

import { once } from 'node:events';
import { existsSync } from 'node:fs';
import { chmod, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { type AddressInfo, createServer } from 'node:net';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { chainDirectory, keysDirectory } from '../../src/storage/data-directory.js';
import { type TestGenesis, testGenesis } from '../support/genesis.js';
import { cleanUp, NodeHome, type NodeProcess } from '../support/node-process.js';
import { keyOf } from '../support/running-nodes.js';

const KEY = keyOf(0);
let genesis: TestGenesis;

beforeAll(() => {
  genesis = testGenesis(1);
});
afterAll(cleanUp);

/** It ends by itself with 1, having said why in one line. */
async function expectRefusal(node: NodeProcess, sentence: string | RegExp): Promise<void> {
  expect((await node.ended).code).toBe(1);
  expect(node.errors).toMatch(/^ccoin cnode: [^\n]+\n$/);
  expect(node.errors).toMatch(sentence);
}

describe('a node', () => {
  let home: NodeHome;
  beforeAll(async () => {
    home = await NodeHome.create(KEY, genesis);
  });

  test.each(['SIGTERM', 'SIGINT'] as const)('runs until %s, then stops in order', async (signal) => {
    const pidfile = join(home.path, 'pid');
    const node = home.start(['-t', 'validator', '--pidfile', pidfile]);
    await node.event('http');
    const client = await node.client();
    const { id } = await client.send(KEY.privateKey, { to: keyOf(1).address, amount: 1 });
    await client.waitFinal(id);
    expect(await readFile(pidfile, 'utf8')).toBe(`${node.pid}\n`);
    node.signal(signal);
    expect(await node.ended).toEqual({ code: 0, signal: null });
    expect(existsSync(pidfile)).toBe(false);
    expect(node.errors).toBe('');
    expect(node.lines.all.at(-1)).toMatchObject({ event: 'stopped' });
  });

  test('keeps a second process out of its directory, and is not disturbed by it', async () => {
    const node = home.start(['-t', 'validator']);
    await node.event('http');
    await expectRefusal(home.start(['-t', 'validator']), 'is in use by another process');
    const client = await node.client();
    const { id } = await client.send(KEY.privateKey, { to: keyOf(1).address, amount: 1 });
    expect((await client.waitFinal(id)).status).toMatchObject({ state: 'final' });
    node.signal('SIGTERM');
    await node.ended;
  });

  test('says that its database is damaged, and is whole again once that is deleted', async () => {
    const chain = chainDirectory(home.path, KEY.address);
    const manifest = (await readdir(chain)).find((name) => name.startsWith('MANIFEST')) as string;
    await writeFile(join(chain, manifest), 'no manifest');
    await expectRefusal(home.start(['-t', 'validator']), /is damaged: .*; run ccoin repair/);
    await rm(chain, { recursive: true });
    const node = home.start();
    await node.event('http');
    node.signal('SIGTERM');
    expect((await node.ended).code).toBe(0);
  });
});

describe('a damaged log', () => {
  test('says that its chain lost final blocks with the end of its log, and does not sign in their place', async () => {
    const home = await NodeHome.create(KEY, genesis);
    const first = home.start(['-t', 'validator']);
    await first.event('http');
    const client = await first.client();
    for (let count = 0; count < 5; count++) {
      const { id } = await client.send(KEY.privateKey, { to: keyOf(1).address, amount: 1 });
      await client.waitFinal(id);
    }
    first.signal('SIGTERM');
    await first.ended;
    const chain = chainDirectory(home.path, KEY.address);
    const log = join(chain, (await readdir(chain)).find((name) => name.endsWith('.log')) as string);
    const content = await readFile(log);
    const at = Math.floor(content.length / 2);
    content[at] = (content[at] as number) ^ 1;
    await writeFile(log, content);

    const second = home.start(['-t', 'validator']);
    await second.until(({ msg }) =>
      /^the chain was cut at block \d+, but block \d+ was final here/.test(`${msg}`),
    );
    await second.until(({ msg }) =>
      /and the chain only at \d+: signing waits for that height/.test(`${msg}`),
    );
    second.signal('SIGTERM');
    expect((await second.ended).code).toBe(0);
  });
});

describe('a port that is taken', () => {
  test.each([
    [
      'for other nodes',
      (port: number) => ({ p2p: { port }, http: { port: 0 } }),
      (port: number) => `port ${port} of 127.0.0.1 is taken by another program`,
    ],
    [
      'for the HTTP API',
      (port: number) => ({ http: { port } }),
      (port: number) => `cannot listen on 127.0.0.1:${port}: the port is taken by another program`,
    ],
  ])('%s is named', async (_, sections, sentence) => {
    const server = createServer().listen(0, '127.0.0.1');
    await once(server, 'listening');
    const { port } = server.address() as AddressInfo;
    const home = await NodeHome.create(KEY, genesis);
    await home.configure(sections(port));
    await expectRefusal(home.start(), sentence(port));
    server.close();
  });
});

describe('what cannot be used', () => {
  const CASES: readonly (readonly [what: string, spoil: (home: NodeHome) => unknown, sentence: RegExp])[] = [
    ['a missing configuration', (home) => rm(home.config), /there is no config file .*ccoin\.json/],
    ['a configuration that is no JSON', (home) => writeFile(home.config, '{"app": '), /line 1/],
    [
      'a configuration with an unknown key',
      (home) => home.configure({ http: { prot: 1 } }),
      /http\.prot.*did you mean port/,
    ],
    [
      'a configuration without an account',
      (home) => home.configure({ client: {} }),
      /set client\.account_address/,
    ],
    [
      'a genesis block that is none',
      (home) => writeFile(home.file('genesis.block'), 'x'),
      /genesis\.block is damaged, or no genesis block/,
    ],
    [
      'a genesis block that another is pinned for',
      (home) => home.configure({ network: { genesis_id: 'ab'.repeat(32) } }),
      /but network\.genesis_id names abab/,
    ],
    [
      'a missing key',
      (home) => rm(keysDirectory(home.path, KEY.address), { recursive: true }),
      /there is no key .*id_rsa/,
    ],
    ['a key that is none', (home) => writeFile(keyFile(home), 'x'), /is not a private key in PEM/],
    ['a key that is open to others', (home) => chmod(keyFile(home), 0o644), /is open to others.*chmod 600/],
    [
      'a directory that cannot be written',
      (home) => writeFile(chainDirectory(home.path, KEY.address), ''),
      /chain cannot be (used|written)/,
    ],
  ];

  test.each(CASES)('is refused in one sentence: %s', async (_, spoil, sentence) => {
    const home = await NodeHome.create(KEY, genesis);
    await spoil(home);
    await expectRefusal(home.start(), sentence);
  });

  test('is refused in one sentence: the chain of another genesis', async () => {
    const home = await NodeHome.create(KEY, genesis);
    const node = home.start();
    await node.event('http');
    node.signal('SIGTERM');
    await node.ended;
    await writeFile(home.file('genesis.block'), testGenesis(1, { network_id: 2 }).wire);
    await expectRefusal(home.start(), `belongs to the network of genesis ${genesis.id}`);
  });
});

describe('a key with a passphrase', () => {
  let home: NodeHome;
  let right: string;
  beforeAll(async () => {
    const locked = {
      type: 'pkcs8',
      format: 'pem',
      cipher: 'aes-256-cbc',
      passphrase: 'open sesame',
    } as const;
    home = await NodeHome.create(KEY, genesis, KEY.privateKey.export(locked) as string);
    right = join(home.path, 'passphrase');
    await writeFile(right, 'open sesame\n');
  });

  test.each<[string, () => NodeProcess]>([
    ['a file', () => home.start(['--passphrase-file', right])],
    ['CCOIN_PASSPHRASE', () => home.start([], { CCOIN_PASSPHRASE: 'open sesame' })],
  ])('is opened with it from %s', async (_, start) => {
    const node = start();
    await node.event('listening');
    node.signal('SIGTERM');
    expect((await node.ended).code).toBe(0);
  });

  test('stays closed without it, and with a wrong one', async () => {
    await expectRefusal(home.start(), 'the key needs a passphrase');
    await expectRefusal(
      home.start([], { CCOIN_PASSPHRASE: 'wrong' }),
      'the passphrase does not open the key',
    );
  });
});

function keyFile(home: NodeHome): string {
  return join(keysDirectory(home.path, KEY.address), 'id_rsa');
}
