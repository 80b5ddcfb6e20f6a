/**
 * Holds the arrows between the rooms and the ban on clocks and randomness where things are decided. The rules stand in
 * .dependency-cruiser.json; each is shown here to bite, as a rule that finds nothing may as well be misspelt.
 */
import { execFile } from 'node:child_process';
import { mkdir, mkdtemp, readdir, readFile, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join, relative } from 'node:path';
import ts from 'typescript';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';

const ROOT = join(import.meta.dirname, '../..');
const CRUISER = join(ROOT, 'node_modules/dependency-cruiser/bin/dependency-cruise.mjs');
const RULES = join(ROOT, '.dependency-cruiser.json');

interface Violation {
  readonly rule: { readonly name: string };
  readonly from: string;
  readonly to: string;
}

/** Cruises the rooms below `base`, which has a package.json and a tsconfig.json, by the project's rules. */
async function cruise(base: string): Promise<readonly Violation[]> {
  const rooms = (await readdir(base)).filter((name) => ['bin', 'plugins', 'src'].includes(name));
  const json = await new Promise<string>((resolve, reject) => {
    execFile(
      process.execPath,
      [CRUISER, '--config', RULES, '--output-type', 'json', ...rooms],
      { cwd: base, maxBuffer: 2 ** 28 },
      // It exits with the number of violations, so a failure is told by its output alone.
      (error, stdout, stderr) => (stdout === '' ? reject(error ?? new Error(stderr)) : resolve(stdout)),
    );
  });
  return JSON.parse(json).summary.violations;
}

test('no file breaks the arrows of the architecture', { timeout: 120_000 }, async () => {
  const found = (await cruise(ROOT)).map(({ rule, from, to }) => `${rule.name}: ${from} → ${to}`);
  expect(found).toEqual([]);
});

/** One forbidden import for each rule, each in a file of its own: [rule, importing file, what it imports]. */
const PLANTED: readonly (readonly [rule: string, from: string, to: string])[] = [
  ['no-cycles', 'src/protocol/a.ts', './b.js'],
  ['no-unresolvable', 'src/protocol/lost.ts', './nowhere.js'],
  ['protocol-is-the-ground', 'src/protocol/up.ts', '../ports/x.js'],
  ['rules-see-only-protocol', 'src/ledger/side.ts', '../consensus/x.js'],
  ['rules-see-only-protocol', 'src/consensus/side.ts', '../ledger/x.js'],
  ['rules-see-only-protocol', 'src/consensus/port.ts', '../ports/x.js'],
  ['rules-see-only-protocol', 'src/client/up.ts', '../ports/x.js'],
  ['mempool-sees-protocol-and-ledger', 'src/mempool/side.ts', '../consensus/x.js'],
  ['ports-see-only-protocol', 'src/ports/up.ts', '../ledger/x.js'],
  ['services-not-each-other', 'src/network/side.ts', '../storage/x.js'],
  ['services-not-each-other', 'src/sync/side.ts', '../network/x.js'],
  ['services-not-each-other', 'src/storage/up.ts', '../node/face.js'],
  ['services-not-each-other', 'src/keys/up.ts', '../config/x.js'],
  ['services-not-each-other', 'src/discovery/side.ts', '../keys/x.js'],
  ['config-sees-only-protocol', 'src/config/side.ts', '../ports/x.js'],
  ['node-sees-nothing-above-it', 'src/node/up.ts', '../api/x.js'],
  ['node-sees-nothing-above-it', 'src/node/config.ts', '../config/x.js'],
  ['api-sees-only-the-face', 'src/api/deep.ts', '../node/x.js'],
  ['api-sees-only-the-face', 'src/api/deeper.ts', '../storage/x.js'],
  ['plugins-see-the-public-rooms', 'plugins/deep.ts', '../src/storage/x.js'],
  ['bin-sees-only-plugins', 'bin/deep.ts', '../src/node/x.js'],
  ['nothing-below-sees-the-command-line', 'src/node/plugin.ts', '../../plugins/x.js'],
  ['pure-rooms-touch-no-machine', 'src/protocol/disk.ts', 'node:fs'],
  ['pure-rooms-touch-no-machine', 'src/ledger/clock.ts', 'node:perf_hooks'],
  ['pure-rooms-touch-no-machine', 'src/consensus/timer.ts', 'node:timers'],
  ['pure-rooms-touch-no-machine', 'src/mempool/socket.ts', 'node:net'],
  ['no-development-packages', 'src/node/dev.ts', 'fast-check'],
  ['no-undeclared-packages', 'src/node/undeclared.ts', 'sax'],
];

/** What must pass, in the same planted project. */
const ALLOWED: readonly (readonly [from: string, to: string])[] = [
  ['src/protocol/hashing.ts', 'node:crypto'],
  ['src/mempool/rules.ts', '../ledger/x.js'],
  ['src/storage/ground.ts', '../consensus/x.js'],
  ['src/node/all.ts', '../network/x.js'],
  ['src/api/face.ts', '../node/face.js'],
  ['plugins/thin.ts', '../src/node/x.js'],
  ['bin/start.ts', '../plugins/x.js'],
];

describe('a planted arrow', () => {
  let base: string;
  let found: readonly Violation[];

  beforeAll(async () => {
    base = await mkdtemp(join(tmpdir(), 'ccoin-arrows-'));
    const files = new Map<string, string>([
      ['package.json', await readFile(join(ROOT, 'package.json'), 'utf8')],
      ['tsconfig.json', await readFile(join(ROOT, 'tsconfig.json'), 'utf8')],
      ['src/protocol/b.ts', "export * from './a.js';\n"],
      ['src/node/face.ts', 'export const x = 1;\n'],
      ['plugins/x.ts', 'export const x = 1;\n'],
    ]);
    for (const room of 'protocol ports ledger consensus mempool storage network keys api config node'.split(
      ' ',
    ))
      files.set(`src/${room}/x.ts`, 'export const x = 1;\n');
    for (const [from, to] of [...PLANTED.map(([, from, to]) => [from, to] as const), ...ALLOWED])
      files.set(from, `import type * as x from '${to}';\nexport type X = typeof x;\n`);
    for (const [path, text] of files) {
      await mkdir(dirname(join(base, path)), { recursive: true });
      await writeFile(join(base, path), text);
    }
    await mkdir(join(base, 'node_modules/sax'), { recursive: true });
    await writeFile(join(base, 'node_modules/sax/package.json'), '{"name":"sax","main":"index.js"}');
    await writeFile(join(base, 'node_modules/sax/index.js'), '');
    await symlink(join(ROOT, 'node_modules/fast-check'), join(base, 'node_modules/fast-check'));
    found = await cruise(base);
  }, 120_000);

  afterAll(() => rm(base, { recursive: true, force: true }));

  test.each(PLANTED)('breaks %s: %s → %s', (rule, from) => {
    expect(found).toContainEqual(
      expect.objectContaining({ from, rule: expect.objectContaining({ name: rule }) }),
    );
  });

  test.each(ALLOWED)('is none: %s → %s', (from) => {
    expect(found.filter((violation) => violation.from === from)).toEqual([]);
  });

  test('is looked for by every rule there is', async () => {
    const rules: { forbidden: { name: string }[] } = JSON.parse(await readFile(RULES, 'utf8'));
    expect(new Set(PLANTED.map(([rule]) => rule))).toEqual(new Set(rules.forbidden.map(({ name }) => name)));
  });
});

/** Rooms whose code must be repeatable from its inputs: the pure ones, and those that act through ports only. */
const REPEATABLE = ['protocol', 'ledger', 'consensus', 'mempool', 'network', 'sync', 'storage', 'node'];

/** The files in which the real thing behind a port comes in, and which that is. */
const REAL: Readonly<Record<string, string>> = {
  'src/network/socket-connection.ts': 'the dial timeout of real sockets',
  'src/node/system-clock.ts': 'the clock',
  'src/node/system-random.ts': 'randomness',
  'src/node/thread-worker.ts': 'the worker, which gathers a turn of the event loop into one batch',
  'src/node/inline-worker.ts': 'the worker without threads, which lets the event loop turn between batches',
  'src/node/daemon.ts': 'a node as a process, which watches the disk it stands on',
};

const UNREPEATABLE = new Set(
  (
    'setTimeout setInterval setImmediate performance hrtime getRandomValues ' +
    'randomBytes randomInt randomUUID randomFill randomFillSync'
  ).split(' '),
);

/** Every use of a clock, a timer or randomness in TypeScript `source`: what the compiler sees, comments left out. */
function unrepeatable(source: string): string[] {
  const found: string[] = [];
  const visit = (node: ts.Node): void => {
    if (ts.isPropertyAccessExpression(node)) {
      const name = `${node.expression.getText()}.${node.name.text}`;
      if (name === 'Date.now' || name === 'Math.random') found.push(name);
    }
    if (ts.isNewExpression(node) && node.expression.getText() === 'Date' && !node.arguments?.length)
      found.push('new Date()');
    if (ts.isIdentifier(node) && UNREPEATABLE.has(node.text)) found.push(node.text);
    node.forEachChild(visit);
  };
  visit(ts.createSourceFile('source.ts', source, ts.ScriptTarget.Latest, true));
  return found;
}

describe('clocks, timers and randomness', () => {
  test.each([
    ['const t = Date.now();', 'Date.now'],
    ['const t = performance.now();', 'performance'],
    ['const t = new Date();', 'new Date()'],
    ['const t = Math.random();', 'Math.random'],
    ['setTimeout(fire, 5);', 'setTimeout'],
    ['globalThis.setInterval(fire, 5);', 'setInterval'],
    ["import { randomBytes } from 'node:crypto';", 'randomBytes'],
  ])('are found in %s', (source, name) => {
    expect(unrepeatable(source)).toContain(name);
  });

  test('are not found in comments, texts and given times', () => {
    const source =
      '// Date.now() setTimeout\nconst t = new Date(1), s = "Math.random()"; clock.after(5, fire);';
    expect(unrepeatable(source)).toEqual([]);
  });

  test.each(REPEATABLE)('come into src/%s only through ports', async (room) => {
    const found: string[] = [];
    for (const path of await sources(join(ROOT, 'src', room))) {
      if (relative(ROOT, path) in REAL) continue;
      for (const use of unrepeatable(await readFile(path, 'utf8')))
        found.push(`${relative(ROOT, path)}: ${use}`);
    }
    expect(found).toEqual([]);
  });

  test.each(Object.entries(REAL))('are still used in %s (%s)', async (path) => {
    expect(unrepeatable(await readFile(join(ROOT, path), 'utf8'))).not.toEqual([]);
  });
});

async function sources(room: string): Promise<string[]> {
  const entries = await readdir(room, { recursive: true, withFileTypes: true });
  return entries.filter((e) => e.isFile() && e.name.endsWith('.ts')).map((e) => join(e.parentPath, e.name));
}
