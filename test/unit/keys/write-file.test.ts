import { mkdtemp, readdir, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { writeFileAtomic } from '../../../src/keys/write-file.js';

let base: string;
beforeAll(async () => {
  base = await mkdtemp(join(tmpdir(), 'ccoin-write-'));
});
afterAll(() => rm(base, { recursive: true }));

const modes = { mode: 0o600, directoryMode: 0o700 };

test('makes directories, replaces what is there, leaves nothing behind', async () => {
  const path = join(base, 'a/b/file');
  await writeFileAtomic(path, 'one', modes);
  await writeFileAtomic(path, 'two', modes);
  expect(await readFile(path, 'utf8')).toBe('two');
  expect((await stat(path)).mode & 0o777).toBe(0o600);
  expect(await readdir(join(base, 'a/b'))).toEqual(['file']);
});

test('replaces a temporary file that a crash left behind, mode and all', async () => {
  const path = join(base, 'c');
  await writeFile(`${path}.${process.pid}.tmp`, 'half', { mode: 0o644 });
  await writeFileAtomic(path, 'whole', modes);
  expect(await readFile(path, 'utf8')).toBe('whole');
  expect((await stat(path)).mode & 0o777).toBe(0o600);
});

test('refuses to replace when asked to', async () => {
  const path = join(base, 'd');
  await writeFileAtomic(path, 'one', { ...modes, exclusive: true });
  await expect(writeFileAtomic(path, 'two', { ...modes, exclusive: true })).rejects.toMatchObject({
    code: 'EEXIST',
  });
  expect(await readFile(path, 'utf8')).toBe('one');
  expect((await readdir(base)).filter((name) => name.endsWith('.tmp'))).toEqual([]);
});
