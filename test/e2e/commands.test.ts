/** create-account, initc and discovery as a person runs them: the compiled program, as child processes. */
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { chmod, mkdtemp, readdir, readFile, rm, stat, writeFile } from 'node:fs/promises';
import type { AddressInfo } from 'node:net';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest';
import { loadAccount } from '../../src/keys/account.js';
import { readGenesisBlock } from '../../src/protocol/genesis.js';

const ROOT = join(import.meta.dirname, '../..');
const CCOIN = join(ROOT, 'dist/bin/ccoin.js');

let base: string;
const running = new Set<ChildProcess>();

beforeAll(async () => {
  base = await mkdtemp(join(tmpdir(), 'ccoin-commands-'));
});
afterEach(() => {
  for (const child of running) child.kill('SIGKILL');
});
afterAll(() => rm(base, { recursive: true }));

/** This process's environment without its settings of ccoin. */
function environment(extra: Record<string, string> = {}): NodeJS.ProcessEnv {
  const own = Object.entries(process.env).filter(([name]) => !name.startsWith('CCOIN_'));
  return { ...Object.fromEntries(own), ...extra };
}

function start(args: readonly string[], env: Record<string, string> = {}): ChildProcess {
  const child = spawn(process.execPath, [CCOIN, ...args], {
    cwd: base,
    env: environment(env),
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  running.add(child);
  child.once('close', () => running.delete(child));
  return child;
}

interface Result {
  readonly code: number | null;
  readonly out: string;
  readonly err: string;
}

async function finish(child: ChildProcess): Promise<Result> {
  const text = { out: '', err: '' };
  child.stdout?.on('data', (chunk) => (text.out += chunk));
  child.stderr?.on('data', (chunk) => (text.err += chunk));
  const [code] = await once(child, 'close');
  return { code, ...text };
}

const ccoin = (args: readonly string[], env: Record<string, string> = {}) => finish(start(args, env));

async function firstLine(child: ChildProcess): Promise<string> {
  for await (const line of createInterface({ input: child.stdout as NodeJS.ReadableStream })) return line;
  throw new Error('it said nothing');
}

const COMMANDS = ['account', 'cnode', 'create-account', 'devnet', 'discovery', 'initc', 'send', 'status'];

describe('the command line', () => {
  test('says its version, and what there is', async () => {
    const { version } = JSON.parse(await readFile(join(ROOT, 'package.json'), 'utf8'));
    expect(await ccoin(['--version'])).toEqual({ code: 0, out: `${version}\n`, err: '' });
    const help = await ccoin(['--help']);
    expect(help.code).toBe(0);
    for (const command of COMMANDS) expect(help.out).toContain(`ccoin ${command}`);
  });

  test.each(COMMANDS)('%s --help shows an example', async (command) => {
    const { code, out } = await ccoin([command, '--help']);
    expect(code).toBe(0);
    expect(out).toContain('Examples:');
  });

  test.each<[string[], string]>([
    [[], 'Name a command'],
    [['create-acount'], 'Did you mean create-account?'],
    [['create-account', '--bit', '2048'], 'Unknown argument: bit'],
    [['create-account', 'more'], 'Unknown argument: more'],
    [['create-account', '--bits', '1024'], '--bits must be an integer from 2048 to 4096'],
    [['create-account', '--config'], 'Not enough arguments following: config'],
    [['create-account', '--passphrase', '--passphrase-file', 'x'], 'mutually exclusive'],
    [['discovery', '-p', '65536'], '--port must be an integer from 0 to 65535'],
    [['nonsense'], 'Unknown command: nonsense'],
    [['cnode', '-p', 'abc'], '--port must be an integer from 0 to 65535'],
    [['cnode', '--http-port', '65536'], '--http-port must be an integer from 0 to 65535'],
    [['cnode', '-p'], 'Not enough arguments following: p'],
    [['cnode', '-t', 'king'], 'Choices: "basic", "validator"'],
    [['send', '--to', 'x'], 'Missing required argument: amount'],
    [['status', '--wait', '--timeout', '0'], '--timeout must be an integer from 1'],
  ])('wrong usage exits with 2: %j', async (args, message) => {
    const { code, out, err } = await ccoin(args);
    expect(err).toContain(message);
    expect([code, out]).toEqual([2, '']);
  });

  test('an error is one sentence and exit code 1, with --verbose its stack', async () => {
    const args = ['create-account', '-c', 'missing.json'];
    expect(await ccoin(args)).toEqual({
      code: 1,
      out: '',
      err: 'ccoin create-account: there is no config file missing.json\n',
    });
    const { code, err } = await ccoin([...args, '--verbose']);
    expect(code).toBe(1);
    expect(err).toMatch(/\n {4}at /);
  });
});

async function createAccount(basePath: string, ...more: string[]): Promise<string> {
  const { code, out, err } = await ccoin(['create-account', '--base-path', basePath, ...more]);
  expect([code, err]).toEqual([0, '']);
  return /^Created account with address=([0-9a-f]{40})\n$/.exec(out)?.[1] ?? out;
}

describe('create-account', () => {
  test('makes one where the configuration says', async () => {
    await writeFile(join(base, 'here.json'), '{"app": {"base_path": "accounts"}}');
    const { code, out } = await ccoin(['create-account', '-c', 'here.json']);
    expect(code).toBe(0);
    const [address = ''] = await readdir(join(base, 'accounts'));
    expect(out).toBe(`Created account with address=${address}\n`);
    expect((await loadAccount(join(base, 'accounts'), address)).address).toBe(address);
    expect((await stat(join(base, 'accounts', address, '.keys/id_rsa'))).mode & 0o777).toBe(0o600);
  });

  test('follows the environment and flags', async () => {
    const { out } = await ccoin(['create-account'], { CCOIN_APP_BASE_PATH: join(base, 'by-env') });
    expect(out).toContain((await readdir(join(base, 'by-env')))[0]);
    expect(await readdir(join(base, 'by-flag')).catch(() => [])).toEqual([]);
    expect(await createAccount('by-flag')).toBe((await readdir(join(base, 'by-flag')))[0]);
  });

  test('encrypts with a passphrase from a file', async () => {
    await writeFile(join(base, 'passphrase'), 'open sesame\n');
    const address = await createAccount('locked', '--passphrase-file', 'passphrase');
    expect((await loadAccount(join(base, 'locked'), address, 'open sesame')).address).toBe(address);
    await expect(loadAccount(join(base, 'locked'), address)).rejects.toThrow('is encrypted');
    await writeFile(join(base, 'empty'), '\n');
    const { code, err } = await ccoin([
      'create-account',
      '--base-path',
      'locked',
      '--passphrase-file',
      'empty',
    ]);
    expect([code, err]).toEqual([1, 'ccoin create-account: empty must hold one line, the passphrase\n']);
  });

  test('asks for a passphrase only where there is a terminal', async () => {
    const { code, err } = await ccoin(['create-account', '--base-path', 'x', '--passphrase']);
    expect(code).toBe(1);
    expect(err).toContain('there is no terminal to ask at');
  });

  test('says when the directory cannot be written', async () => {
    await writeFile(join(base, 'a-file'), '');
    const { code, err } = await ccoin(['create-account', '--base-path', 'a-file']);
    expect(code).toBe(1);
    expect(err).toMatch(/^ccoin create-account: .*a-file.* cannot be used \(ENOTDIR\)\n$/);
  });
});

describe('initc', () => {
  let address: string;
  let other: string;
  beforeAll(async () => {
    address = await createAccount('chain');
    other = await createAccount('elsewhere');
    await writeFile(
      join(base, 'ccoin.json'),
      `{"app": {"base_path": "chain"}, "client": {"account_address": "${address}"}}`,
    );
  });

  const minimal = (changes: object = {}) => ({
    network_id: 1,
    time: Date.now(),
    miners: [address],
    alloc: {},
    block_mining: { difficulty: 0 },
    transaction: { min_fee: 1 },
    genesis_block: { difficulty: 2 },
    ...changes,
  });
  /** Runs initc on a genesis file for an account with nothing yet, unless `env` names one. */
  async function initc(genesis: object | string, args: string[] = [], env: Record<string, string> = {}) {
    const text = typeof genesis === 'string' ? genesis : JSON.stringify(genesis);
    await writeFile(join(base, 'genesis.json'), text);
    return ccoin(['initc', '-c', 'ccoin.json', '--genesis=genesis.json', ...args], env);
  }
  const blockFile = () => join(base, 'chain', address, 'genesis.block');
  afterEach(() => rm(blockFile(), { force: true }));

  test('mines the genesis block, and the same again from the same file', async () => {
    const genesis = minimal();
    const { code, out, err } = await initc(genesis);
    const { block } = readGenesisBlock(await readFile(blockFile()));
    expect([code, err]).toEqual([0, '']);
    expect(out).toBe(`Genesis block has been mined: nonce=${block.nonce}, pow_hash=${block.id}\n`);
    expect(await initc(genesis)).toEqual({ code, out, err });
  });

  test('never replaces the genesis block by another', async () => {
    await initc(minimal());
    const before = await readFile(blockFile());
    const { code, err } = await initc(minimal({ network_id: 2 }));
    expect(code).toBe(1);
    expect(err).toContain('holds another genesis block');
    expect(await readFile(blockFile())).toEqual(before);
  });

  test('completes the time and prints, or writes, the file that the others need', async () => {
    const { time: _, ...timeless } = minimal();
    const { code, out } = await initc(timeless, ['--out', 'complete.json']);
    expect(code).toBe(0);
    const printed = out.slice(out.indexOf('{'), out.lastIndexOf('}') + 1);
    const { config, block } = readGenesisBlock(await readFile(blockFile()));
    expect(out).toContain('the other nodes need this one');
    expect(JSON.parse(printed)).toEqual(config);
    expect(JSON.parse(await readFile(join(base, 'complete.json'), 'utf8'))).toEqual(config);
    // Run again it is the same genesis, and from the completed file too.
    expect((await initc(timeless)).out).toContain(block.id);
    expect((await initc(config)).out).toBe(
      `Genesis block has been mined: nonce=${block.nonce}, pow_hash=${block.id}\n`,
    );
  });

  test('takes the keys of miners from files, or names whose it lacks', async () => {
    const genesis = minimal({ miners: [address, other] });
    const { code, err } = await initc(genesis);
    expect(code).toBe(1);
    expect(err).toContain(
      `miners[1]: the public key of ${other} is not known: give its id_rsa.pub with --miner-key`,
    );
    const given = await initc(genesis, ['--miner-key', join('elsewhere', other, '.keys/id_rsa.pub')]);
    expect([given.code, given.err]).toEqual([0, '']);
    const { config } = readGenesisBlock(await readFile(blockFile()));
    expect(config.miners.map((miner) => miner.address)).toEqual([address, other].sort());
  });

  test('warns of what is allowed and hardly meant', async () => {
    const { code, err } = await initc(
      minimal({
        time: 1_600_000_000_000,
        transaction: { min_fee: 0 },
        block_mining: { difficulty: 8 },
      }),
    );
    expect(code).toBe(0);
    expect(err).toContain('Warning: transaction.min_fee is 0');
    expect(err).toContain('Warning: time is old');
    expect(err).toContain('Warning: block_mining.difficulty 8 takes about');
    expect(err.trim().split('\n')).toHaveLength(3);
  });

  test.each<[string, string]>([
    ['{', 'line 1, column 2'],
    ['{"network_id": 1, "minors": []}', 'unknown key minors: did you mean miners?'],
  ])('refuses the broken file %s', async (text, message) => {
    const { code, err } = await initc(text);
    expect(code).toBe(1);
    expect(err).toContain(`the genesis file genesis.json cannot be used: `);
    expect(err).toContain(message);
  });

  test('says what is missing', async () => {
    const missing = await ccoin(['initc', '-c', 'ccoin.json', '--genesis=none.json']);
    expect(missing).toMatchObject({ code: 1, err: 'ccoin initc: there is no genesis file none.json\n' });
    await writeFile(join(base, 'no-account.json'), '{}');
    const { code, err } = await ccoin(['initc', '-c', 'no-account.json']);
    expect(code).toBe(1);
    expect(err).toContain('set client.account_address');
  });

  test('is not fooled by a damaged genesis.block', async () => {
    await initc(minimal());
    await chmod(blockFile(), 0o600);
    await writeFile(blockFile(), 'nonsense');
    const { code, err } = await initc(minimal());
    expect(code).toBe(1);
    expect(err).toContain('genesis.block is damaged, or no genesis block');
  });
});

describe('discovery', () => {
  /** Starts one on a free port and gives its URL. */
  async function discovery(data: string) {
    const child = start(['discovery', '-p', '0', '--data', data, '--pidfile', `${data}.pid`]);
    const line = await firstLine(child);
    return {
      child,
      url: /^Discovery service listening on (http:\/\/127\.0\.0\.1:\d+)$/.exec(line)?.[1] ?? line,
    };
  }

  test.each(['SIGINT', 'SIGTERM'] as const)('serves until %s, then ends in order', async (signal) => {
    const { child, url } = await discovery(`discovery-${signal}`);
    expect(await (await fetch(`${url}/health`)).json()).toEqual({ status: 'ok', networks: 0, members: 0 });
    const body = JSON.stringify({ command: 'get_all', network: 'aa'.repeat(32) });
    expect(await (await fetch(url, { method: 'POST', body })).json()).toEqual([]);
    await expect.poll(() => readFile(join(base, `discovery-${signal}.pid`), 'utf8')).toBe(`${child.pid}\n`);
    child.kill(signal);
    expect(await once(child, 'close')).toEqual([0, null]);
    await expect(stat(join(base, `discovery-${signal}.pid`))).rejects.toThrow('ENOENT');
  });

  test('says when its port is taken', async () => {
    const server = createServer().listen(0, '127.0.0.1');
    await once(server, 'listening');
    const { port } = server.address() as AddressInfo;
    const { code, err } = await ccoin(['discovery', '-p', `${port}`, '--data', 'taken']);
    server.close();
    expect([code, err]).toEqual([
      1,
      `ccoin discovery: port ${port} of 127.0.0.1 is taken by another program\n`,
    ]);
  });

  test('says when its database is in use', async () => {
    const { child } = await discovery('shared');
    const { code, err } = await ccoin(['discovery', '-p', '0', '--data', 'shared']);
    expect(code).toBe(1);
    expect(err).toMatch(/^ccoin discovery: .+\n$/);
    child.kill();
    await once(child, 'close');
  });
});
