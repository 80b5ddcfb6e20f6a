/** A database read without being changed: its files stay, byte by byte, and nobody else can open it meanwhile. */
import { spawnSync } from 'node:child_process';
import { cp, mkdtemp, readdir, readFile, rm, stat } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { openLevelStore } from '../../../src/storage/level-store.js';
import { isDatabase, openShadow } from '../../../src/storage/shadow.js';

const ENTRIES = 400;
const key = (n: number) => Uint8Array.of(n >> 8, n);

let directory: string;
let database: string;
beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), 'ccoin-shadow-test-'));
  database = join(directory, 'database');
  // Opened anew, LevelDB makes a table of the log: then there are both.
  for (const half of [0, 1]) {
    const store = await openLevelStore(database);
    for (let n = half; n < ENTRIES; n += 2)
      await store.write([{ key: key(n), value: new Uint8Array(500).fill(n) }], { sync: false });
    await store.close();
  }
});
afterEach(() => rm(directory, { recursive: true }));

async function files(): Promise<[string, number, string][]> {
  const names = (await readdir(database)).sort();
  return Promise.all(
    names.map(async (name) => {
      const path = join(database, name);
      return [name, (await stat(path)).mtimeMs, (await readFile(path)).toString('base64')];
    }),
  );
}

it('shows all that is in a database, its log included, and leaves its files as they are', async () => {
  const before = await files();
  expect(before.map(([name]) => name).join(' ')).toMatch(/\.ldb.*\.log/s);
  const shadow = await openShadow(database);
  expect(shadow.refusal).toBeUndefined();
  expect(shadow.droppedAtOpen).toEqual([]);
  for (let n = 0; n < ENTRIES; n++) expect(shadow.store.get(key(n))).toEqual(Buffer.alloc(500, n));
  await shadow.store.write([{ key: key(1), value: null }], { sync: true });
  await shadow.close();
  expect(await files()).toEqual(before);
  const again = await openShadow(database);
  expect(again.store.get(key(1))).toBeDefined();
  await again.close();
});

it('keeps every other process out until it is closed', async () => {
  const shadow = await openShadow(database);
  expect(openedElsewhere()).toBe('LEVEL_LOCKED');
  await shadow.close();
  expect(openedElsewhere()).toBe('opened');
});

it('opens a copy without a lock file', async () => {
  const copy = join(directory, 'copy');
  await cp(database, copy, { recursive: true });
  await rm(join(copy, 'LOCK'));
  const shadow = await openShadow(copy);
  expect(shadow.store.get(key(7))).toBeDefined();
  await shadow.close();
});

it('names a database that LevelDB refuses, or saves what is in its tables and log', async () => {
  await rm(join(database, 'CURRENT'));
  const before = await files();
  await expect(openShadow(database)).rejects.toMatchObject({
    code: 'DAMAGED',
    why: 'its file CURRENT is missing',
    message: expect.stringContaining(database),
  });
  const shadow = await openShadow(database, { salvage: true });
  expect(shadow.refusal).toBe('its file CURRENT is missing');
  for (let n = 0; n < ENTRIES; n++) expect(shadow.store.get(key(n))).toBeDefined();
  await shadow.close();
  expect(await files()).toEqual(before);
});

it('tells a database from other directories', async () => {
  expect(await isDatabase(database)).toBe(true);
  expect(await isDatabase(directory)).toBe(false);
  expect(await isDatabase(join(directory, 'nowhere'))).toBe(false);
});

function openedElsewhere(): string {
  const { stdout } = spawnSync(process.execPath, ['--input-type=module', '-e', OPENER, database]);
  return stdout.toString().trim();
}

const OPENER = `
  import { ClassicLevel } from 'classic-level';
  const level = new ClassicLevel(process.argv[1]);
  await level.open().then(() => console.log('opened'), (error) => console.log(error.cause.code));
`;
