/** Both kinds of Files keep the same promises. */
import { mkdtemp, readdir, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, describe, expect, it } from 'vitest';
import type { Files } from '../../../src/ports/files.js';
import { DiskFiles } from '../../../src/storage/disk-files.js';
import { MemoryFiles } from '../../../src/storage/memory-files.js';

const directories: string[] = [];
afterEach(async () => {
  for (const path of directories.splice(0)) await rm(path, { recursive: true });
});

async function newDirectory(): Promise<string> {
  const path = await mkdtemp(join(tmpdir(), 'ccoin-files-'));
  directories.push(path);
  return path;
}

const kinds: [string, () => Promise<Files>][] = [
  ['on a disk', async () => new DiskFiles(join(await newDirectory(), 'made', 'when written'))],
  ['in memory', async () => new MemoryFiles()],
];

describe.each(kinds)('files %s', (_, make) => {
  it('are none at first', async () => {
    const files = await make();
    expect(await files.names()).toEqual([]);
    expect(await files.open('a')).toBeUndefined();
    await files.remove('a');
  });

  it('hold what was written last, and give any part of it', async () => {
    const files = await make();
    await files.write('a', [new Uint8Array(100)]);
    await files.write('a', [Uint8Array.of(1, 2, 3), Uint8Array.of(), Uint8Array.of(4)]);
    await files.write('b', [Uint8Array.of(9)]);
    expect((await files.names()).sort()).toEqual(['a', 'b']);
    const file = await files.open('a');
    expect(file?.sizeBytes).toBe(4);
    expect([...((await file?.read(1, 3)) ?? [])]).toEqual([2, 3, 4]);
    await expect(file?.read(2, 3)).rejects.toThrow(RangeError);
    await file?.close();
    await files.remove('a');
    expect(await files.names()).toEqual(['b']);
  });

  it('stay as they were when writing fails midway', async () => {
    const files = await make();
    await files.write('a', [Uint8Array.of(7)]);
    const broken = function* () {
      yield Uint8Array.of(1);
      throw new Error('broken');
    };
    await expect(files.write('a', broken())).rejects.toThrow('broken');
    expect(await files.names()).toEqual(['a']);
    const file = await files.open('a');
    expect([...((await file?.read(0, 1)) ?? [])]).toEqual([7]);
    await file?.close();
  });
});

it('leave nothing beside them on the disk', async () => {
  const directory = await newDirectory();
  const files = new DiskFiles(directory);
  await files.write('a', [Uint8Array.of(1)]);
  await expect(files.write('a', [null as unknown as Uint8Array])).rejects.toThrow();
  expect(await readdir(directory)).toEqual(['a']);
});
