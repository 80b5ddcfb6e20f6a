import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { access, mkdir, mkdtemp, readdir, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { basename, join } from 'node:path';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { lendTemporary } from '../../../src/storage/temporary.js';

/** Each test has a prefix of its own, so that only its own directories can be abandoned. */
let prefix: string;
let home: string;
beforeEach(async () => {
  home = await mkdtemp(join(tmpdir(), 'ccoin-lent-'));
  prefix = `${basename(home)}-`;
});
afterEach(() => rm(home, { recursive: true }));

const exists = (path: string) =>
  access(path).then(
    () => true,
    () => false,
  );

it('is empty but for its owner, and gone when it is given back', async () => {
  const { path, giveBack } = await lendTemporary(prefix);
  await writeFile(join(path, 'something'), '');
  await giveBack();
  expect(await exists(path)).toBe(false);
});

it('is left alone by others as long as its process lives, and removed by the next when that was killed', async () => {
  const path = `${home}-held`;
  await mkdir(path);
  // Another process that holds an owner's lock.
  const script = `
    import { ClassicLevel } from 'classic-level';
    await new ClassicLevel(${JSON.stringify(join(path, 'owner'))}).open();
    console.log('held');
    setInterval(() => {}, 1000);`;
  const child = spawn(process.execPath, ['--input-type=module', '-e', script], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  await once(child.stdout, 'data');
  await (await lendTemporary(prefix)).giveBack();
  expect(await exists(path)).toBe(true);
  child.kill('SIGKILL');
  await once(child, 'exit');
  await (await lendTemporary(prefix)).giveBack();
  expect(await exists(path)).toBe(false);
});

it('is not taken for abandoned while it is being made, nor if it is not known whose it is', async () => {
  const path = `${home}-young`;
  await mkdir(join(path, 'owner'), { recursive: true });
  await (await lendTemporary(prefix)).giveBack();
  expect(await exists(path)).toBe(true);
  await rm(path, { recursive: true });
});

it('is given back while others look for abandoned ones', async () => {
  const lendAndGiveBack = async () => {
    for (let i = 0; i < 40; i++) await (await lendTemporary(prefix)).giveBack();
  };
  await Promise.all(Array.from({ length: 4 }, lendAndGiveBack));
  expect((await readdir(tmpdir())).filter((name) => name.startsWith(prefix))).toEqual([]);
});
