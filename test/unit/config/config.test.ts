import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { ConfigError, loadConfig, type Overrides } from '../../../src/config/config.js';

let base: string;
beforeAll(async () => {
  base = await mkdtemp(join(tmpdir(), 'ccoin-config-'));
});
afterAll(() => rm(base, { recursive: true }));

const ADDRESS = 'ab'.repeat(20);

async function load(text: string, env: Record<string, string> = {}, overrides: Overrides = {}) {
  const path = join(base, 'ccoin.json');
  await writeFile(path, text);
  return loadConfig(path, env, overrides);
}

async function refusal(promise: Promise<unknown>): Promise<string> {
  const error = await promise.then(
    () => undefined,
    (reason) => reason,
  );
  expect(error).toBeInstanceOf(ConfigError);
  expect(error.message).not.toContain('\n');
  return error.message;
}

describe('a config file', () => {
  test('may be empty: everything has a default', async () => {
    expect(await load('{}')).toEqual({
      app: { basePath: join(base, '.ccoin') },
      client: { accountAddress: undefined },
      discoveryService: undefined,
      p2p: {
        host: '127.0.0.1',
        port: 0,
        advertise: undefined,
        peers: [],
        allow: undefined,
        tls: false,
        maxInbound: 40,
      },
      http: { host: '127.0.0.1', port: undefined, tokenFile: undefined },
      network: { genesisId: undefined },
      storage: { prune: undefined, snapshot: 10_000, sync: 'full' },
      log: { level: 'info', pretty: undefined },
    });
  });

  test('sets what it says, comments and variables understood', async () => {
    const config = await load(
      `{ // mine
        "app": {"base_path": "\${ROOT}/data"},
        "client": {"account_address": "${ADDRESS}"},
        "discovery_service": {"host": "discovery.example.org"},
        "p2p": {"peers": ["a.example:1", "[::1]:2"], "advertise": "[2001:db8::1]", "allow": ["${ADDRESS}"]},
        "http": {"port": 8080, "token_file": "token"},
        "log": {"pretty": false, "level": "debug"}
      }`,
      { ROOT: '/srv' },
    );
    expect(config.app.basePath).toBe('/srv/data');
    expect(config.discoveryService).toEqual({ host: 'discovery.example.org', port: 4444, proto: 'http' });
    expect(config.p2p.peers).toEqual([
      { host: 'a.example', port: 1 },
      { host: '::1', port: 2 },
    ]);
    expect(config.p2p.advertise).toEqual({ host: '2001:db8::1', port: undefined });
    expect(config.p2p.allow).toEqual([ADDRESS]);
    expect(config.http).toEqual({ host: '127.0.0.1', port: 8080, tokenFile: join(base, 'token') });
    expect(config.log).toEqual({ level: 'debug', pretty: false });
  });

  test.each([
    ['{"p2p": {"prot": 1}}', 'unknown key p2p.prot: did you mean port?'],
    ['{"htpp": {}}', 'unknown key htpp: did you mean http?'],
    ['{"p2p": {"port": "1"}}', 'p2p.port must be an integer from 0 to 65535, not "1"'],
    ['{"p2p": {"port": 65536}}', 'p2p.port must be an integer from 0 to 65535, not 65536'],
    ['{"p2p": {"peers": ["a.example"]}}', 'p2p.peers[0] must be HOST:PORT'],
    ['{"p2p": {"peers": ["a.example:0"]}}', 'p2p.peers[0] must be HOST:PORT'],
    ['{"p2p": {"host": "300.1.1.1"}}', 'p2p.host must be a host name or IP address, not "300.1.1.1"'],
    ['{"p2p": {"allow": []}}', 'p2p.allow must be a list of 1 to 1000'],
    ['{"client": {"account_address": "AB"}}', 'client.account_address must be an address of 40'],
    ['{"discovery_service": {}}', 'discovery_service.host is missing: it must be a host name or IP address'],
    ['{"log": {"level": "loud"}}', 'log.level must be "trace" or'],
    ['{"storage": {"prune": 100}}', 'storage.prune must be an integer from 2048 to 2147483647, not 100'],
    ['{"app": {"base_path": ""}}', 'app.base_path must be a path, not ""'],
    [
      `{"app": {"base_path": "\${NOPE}/x"}}`,
      'app.base_path names the environment variable NOPE, which is not set',
    ],
    ['{"p2p": 7}', 'p2p must be an object with the keys host'],
    ['{"p2p": {"__proto__": {"port": 1}}}', 'unknown key p2p.__proto__'],
    ['{"p2p": {"port": 1, "port": 2}}', 'is broken: line 1, column 21: duplicate key p2p.port'],
    ['{"p2p": {"port": 1},}', 'is broken: line 1, column 21: expected a key'],
    ['[]', 'must hold an object in braces'],
    ['', 'is broken: line 1, column 1'],
  ])('refuses %s', async (text, message) => {
    const said = await refusal(load(text));
    expect(said).toContain(message);
    expect(said).toContain(join(base, 'ccoin.json'));
  });

  test('that is missing, a directory, huge or no text says so', async () => {
    expect(await refusal(loadConfig(join(base, 'none.json'), {}))).toBe(
      `there is no config file ${join(base, 'none.json')}`,
    );
    await mkdir(join(base, 'directory.json'));
    expect(await refusal(loadConfig(join(base, 'directory.json'), {}))).toContain('cannot be read (EISDIR)');
    await writeFile(join(base, 'binary.json'), Uint8Array.of(0x7b, 0xff, 0x7d));
    expect(await refusal(loadConfig(join(base, 'binary.json'), {}))).toContain('is not UTF-8');
    await writeFile(join(base, 'huge.json'), ' '.repeat(1024 * 1024 + 1));
    expect(await refusal(loadConfig(join(base, 'huge.json'), {}))).toContain('too large');
  });
});

describe('environment variables and flags', () => {
  const file = '{"p2p": {"port": 1, "tls": true, "peers": ["a.example:1"]}, "app": {"base_path": "in-file"}}';

  test('override the file, flags override both', async () => {
    const env = { CCOIN_P2P_PORT: '2', CCOIN_P2P_TLS: 'false', CCOIN_P2P_PEERS: 'b.example:2, c.example:3' };
    const config = await load(file, env, { 'p2p.port': 3, 'p2p.host': undefined });
    expect(config.p2p).toMatchObject({ port: 3, tls: false, host: '127.0.0.1' });
    expect(config.p2p.peers.map(({ host }) => host)).toEqual(['b.example', 'c.example']);
    expect((await load(file, env)).p2p.port).toBe(2);
  });

  test('can bring a section that the file lacks', async () => {
    const config = await load('{}', { CCOIN_DISCOVERY_SERVICE_HOST: 'd.example' });
    expect(config.discoveryService).toEqual({ host: 'd.example', port: 4444, proto: 'http' });
    expect((await loadConfig(undefined, { CCOIN_LOG_LEVEL: 'warn' })).log.level).toBe('warn');
  });

  test('have paths relative to the working directory, the file to its own', async () => {
    expect((await load(file)).app.basePath).toBe(join(base, 'in-file'));
    expect((await load(file, { CCOIN_APP_BASE_PATH: 'x' })).app.basePath).toBe(resolve('x'));
    expect((await load(file, {}, { 'app.base_path': 'y' })).app.basePath).toBe(resolve('y'));
  });

  test('are as if not there when empty', async () => {
    expect((await load(file, { CCOIN_P2P_PORT: '', CCOIN_CLIENT_ACCOUNT_ADDRESS: '' })).p2p.port).toBe(1);
  });

  test.each([
    [
      { CCOIN_P2P_PORT: 'x' },
      'p2p.port must be an integer from 0 to 65535, not "x" (in the environment variable CCOIN_P2P_PORT)',
    ],
    [{ CCOIN_P2P_PORT: '1e3' }, 'not "1e3"'],
    [{ CCOIN_P2P_TLS: 'yes' }, 'p2p.tls must be true or false, not "yes"'],
    [{ CCOIN_P2P_PEERS: 'a.example:1,b' }, 'p2p.peers[1] must be HOST:PORT'],
    [{ CCOIN_P2P_PROT: '1' }, 'unknown environment variable CCOIN_P2P_PROT: did you mean CCOIN_P2P_PORT?'],
  ])('are refused: %j', async (env, message) => {
    expect(await refusal(load(file, env))).toContain(message);
  });

  test('leave variables that are no settings alone', async () => {
    await expect(load(file, { CCOIN_PASSPHRASE: 'secret', CCOIN_OTHER: '1' })).resolves.toBeDefined();
  });

  test('are named when a flag is wrong', async () => {
    expect(await refusal(load(file, {}, { 'p2p.port': -1 }))).toBe(
      'p2p.port must be an integer from 0 to 65535, not -1 (on the command line)',
    );
  });
});
