/**
 * The walk-through of README.md, word for word: its shell blocks in one bash, in a new directory, checked by what they
 * print. Three things differ from a reader's shell. The fixed ports are replaced by free ones (see `withFreePorts`), as
 * others may use this machine. bash stops at the first command that fails. And the directory is one in which the package
 * is installed instead of the checkout itself, so that npx and `import 'ccoin'` find it without writing to the checkout.
 */
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdir, mkdtemp, readdir, readFile, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { freePorts } from '../../bench/lib/ports.js';

const ROOT = join(import.meta.dirname, '../..');
const STEPS = 7;
/** Printed between the steps. */
const MARK = '=== next step ===';

let base: string;
let shell: ChildProcess;
/** What each step printed. */
let printed: string[];
let exit: unknown[];
let errors = '';
/** What the nodes and discovery logged, to be shown if something failed. */
let logs: string;

beforeAll(async () => {
  base = await mkdtemp(join(tmpdir(), 'ccoin-readme-'));
  await install(base);
  const blocks = shellBlocks(await readFile(join(ROOT, 'README.md'), 'utf8'));
  expect(blocks).toHaveLength(STEPS);
  const script = await withFreePorts(blocks.join(`echo '${MARK}'\n`));
  // A process group of its own, by which all that the script started is found at the end.
  shell = spawn('bash', ['-c', `set -euo pipefail\n${script}`], {
    cwd: base,
    detached: true,
    env: environment(),
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  let text = '';
  shell.stdout?.on('data', (chunk) => (text += chunk));
  shell.stderr?.on('data', (chunk) => (errors += chunk));
  exit = await once(shell, 'close');
  printed = text.split(`${MARK}\n`);
  logs = await allLogs(join(base, 'my-network'));
});

afterAll(async () => {
  if (groupIsAlive()) process.kill(-groupId(), 'SIGKILL');
  await rm(base, { recursive: true });
});

/** Nothing if the script did not come so far as to make the directory: what it said itself is shown then. */
async function allLogs(directory: string): Promise<string> {
  const names = (await readdir(directory).catch(() => [])).filter((name) => name.endsWith('.log'));
  const texts = await Promise.all(names.map((name) => readFile(join(directory, name), 'utf8')));
  return names.map((name, i) => `${name}:\n${texts[i]}`).join('\n');
}

/** As npm would: the command in node_modules/.bin, the package beside it. */
async function install(directory: string): Promise<void> {
  const bin = join(directory, 'node_modules/.bin');
  await mkdir(bin, { recursive: true });
  await symlink(ROOT, join(directory, 'node_modules/ccoin'));
  const run = `#!/bin/sh\nexec '${process.execPath}' '${join(ROOT, 'dist/bin/ccoin.js')}' "$@"\n`;
  await writeFile(join(bin, 'ccoin'), run, { mode: 0o755 });
}

/** Every ```sh block of the section "By hand". */
function shellBlocks(readme: string): string[] {
  const section = readme.split('\n## By hand\n')[1]?.split('\n## ')[0] ?? '';
  return [...section.matchAll(/^```sh\n(.*?)^```$/gms)].map(([, block = '']) => block);
}

/**
 * Discovery listens on 4444, the nodes on 7001, 7011 and 7021, and their HTTP APIs on the ports after those. Each number,
 * wherever it stands as a whole word, is replaced by a free port; the ports of a node stay neighbours.
 */
async function withFreePorts(script: string): Promise<string> {
  const [discovery, alice, bob, carol] = await freePorts(4, 2);
  const ports: Record<string, number | undefined> = { 4444: discovery, 7001: alice, 7011: bob, 7021: carol };
  return script.replace(/\b(?:4444|70[012][12])\b/g, (port) =>
    String(ports[port] ?? (ports[Number(port) - 1] ?? Number.NaN) + 1),
  );
}

/** This process's environment without settings of ccoin, and of the npm that runs the tests; npx must fetch nothing. */
function environment(): NodeJS.ProcessEnv {
  const own = Object.entries(process.env).filter(([name]) => !/^(ccoin|npm)_/i.test(name));
  return { ...Object.fromEntries(own), npm_config_offline: 'true', npm_config_update_notifier: 'false' };
}

function groupId(): number {
  if (shell.pid === undefined) throw new Error('bash did not start');
  return shell.pid;
}

function groupIsAlive(): boolean {
  try {
    return process.kill(-groupId(), 0);
  } catch {
    return false;
  }
}

/** The addresses of Alice, Bob and Carol, as the first step prints them. */
function addresses(): [string, string, string] {
  const [, alice = '', bob = '', carol = ''] =
    /^Alice is ([0-9a-f]{40}), Bob is ([0-9a-f]{40}), Carol is ([0-9a-f]{40})\n$/.exec(printed[0] ?? '') ??
    [];
  return [alice, bob, carol];
}

describe('the walk-through of README.md', () => {
  test('goes through without a failure', () => {
    expect({ exit, errors: withoutNpm(errors) }, logs).toEqual({ exit: [0, null], errors: '' });
    expect(printed).toHaveLength(STEPS);
  });

  test('1: makes three accounts', () => expect(new Set(addresses()).size).toBe(3));

  test('2: founds the same network for both authorities', () => {
    const [first, second, ...more] = printed[1]?.trim().split('\n') ?? [];
    expect(first).toMatch(/^Genesis block has been mined: nonce=\d+, pow_hash=0000[0-9a-f]{60}$/);
    expect([second, more]).toEqual([first, []]);
  });

  test('3: starts nodes that find each other, and the genesis block', () => {
    const [alice, , carol] = addresses();
    const genesisId = /pow_hash=(\w+)/.exec(printed[1] ?? '')?.[1];
    expect(printed[2]).toMatch(new RegExp(`^node +${alice}, validator, ready,`, 'm'));
    expect(printed[2]).toMatch(/^quorum +2 of 2 authorities, 2 present$/m);
    expect(printed[2]).toMatch(new RegExp(`^node +${carol}, basic, ready,`, 'm'));
    expect(printed[2]?.match(new RegExp(`genesis ${genesisId}`, 'g'))).toHaveLength(2);
    expect(printed[2]).not.toContain('stands still');
  });

  test('4: makes a transfer final', () => {
    expect(printed[3]).toMatch(/^Final in block \d+, as number 1 of 1:$/m);
    expect(printed[3]).toMatch(/^certificate +round \d+, 2 signatures$/m);
  });

  test('5: shows it at another node', () => {
    const [alice, , carol] = addresses();
    const block = /^block +(\d+)$/m.exec(printed[3] ?? '')?.[1];
    expect(printed[4]).toMatch(new RegExp(`^\\{\\s*state: 'final',\\s+block_number: ${block},`, 'm'));
    expect(printed[4]).toContain(`number: ${block},`);
    expect(printed[4]).toContain("data: 'rent for May'");
    expect(printed[4]).toMatch(new RegExp(`^address +${carol}\nbalance +250\n`, 'm'));
    // 1000 - 250 - 1, and the reward and fee of each block she mined.
    const [, balance] = new RegExp(`^address +${alice}\nbalance +(\\d+)\n`, 'm').exec(printed[4] ?? '') ?? [];
    expect(Number(balance) % 100).toBeOneOf([49, 50]);
  });

  test('6: lets a program pay', () => {
    expect(printed[5]).toMatch(/^[0-9a-f]{64} is final in block \d+\n$/);
  });

  test('7: stops everything in order', async () => {
    expect(groupIsAlive()).toBe(false);
    const directory = join(base, 'my-network');
    expect((await readdir(directory)).filter((name) => name.endsWith('.pid'))).toEqual([]);
    for (const name of ['alice', 'bob', 'carol']) {
      const log = await readFile(join(directory, `${name}.log`), 'utf8');
      expect(log.trimEnd().endsWith('"msg":"stopped"}'), log).toBe(true);
    }
  });
});

/** npm may have something to say about the settings of whoever runs the tests. */
function withoutNpm(text: string): string {
  return text.replace(/^npm (?:warn|notice).*\n/gm, '');
}
