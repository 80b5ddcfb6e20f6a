import { tmpdir } from 'node:os';
import { describe, expect, it } from 'vitest';
import { DiskGuard, freeBytes, MIN_FREE_BYTES } from '../../../src/storage/disk-guard.js';

describe('the disk guard', () => {
  it('stops below the floor, saying how much is free and where', async () => {
    const asked: string[] = [];
    let free = MIN_FREE_BYTES;
    const guard = new DiskGuard('/data', async (directory) => {
      asked.push(directory);
      return free;
    });
    await guard.check();
    free -= 1;
    await expect(guard.check()).rejects.toMatchObject({
      code: 'DISK_FULL',
      message: 'the disk of /data has 199 MB free, below 200 MB: stopping before it is full',
    });
    expect(asked).toEqual(['/data', '/data']);
  });

  it('measures the disk of a directory', async () => {
    expect(await freeBytes(tmpdir())).toBeGreaterThan(0);
  });
});
