import { describe, expect, it } from 'vitest';
import { bringUpToDate, FORMAT, type Migration, putFormat } from '../../../src/storage/format.js';
import { FORMAT_KEY } from '../../../src/storage/keys.js';
import { MemoryStore } from '../../../src/storage/memory-store.js';
import { decodeInteger, put } from '../../../src/storage/tables.js';

async function storeOfFormat(format: number): Promise<MemoryStore> {
  const store = new MemoryStore();
  await store.write([put(FORMAT_KEY, format)], { sync: true });
  return store;
}

function formatOf(store: MemoryStore): number {
  return decodeInteger(store.get(FORMAT_KEY) ?? Uint8Array.of());
}

describe('the format of the database', () => {
  it('is none in an empty store, which stays empty', async () => {
    const store = new MemoryStore();
    expect(await bringUpToDate(store)).toBe(false);
    expect(store.get(FORMAT_KEY)).toBeUndefined();
  });

  it('is accepted when it is the present one', async () => {
    const store = new MemoryStore();
    await store.write([putFormat()], { sync: true });
    expect(await bringUpToDate(store)).toBe(true);
  });

  it('is refused when it is newer', async () => {
    await expect(bringUpToDate(await storeOfFormat(FORMAT + 1))).rejects.toMatchObject({
      code: 'NEWER_FORMAT',
      message: expect.stringContaining('use a newer ccoin'),
    });
  });

  it('is migrated in order when it is older', async () => {
    const ran: number[] = [];
    const migrations = new Map<number, Migration>(
      [3, 4, 5, 6].map((from) => [
        from,
        async (store) => {
          ran.push(from);
          await store.write([{ key: Uint8Array.of(1, from), value: Uint8Array.of() }], { sync: true });
        },
      ]),
    );
    const store = await storeOfFormat(4);
    expect(await bringUpToDate(store, 6, migrations)).toBe(true);
    expect(ran).toEqual([4, 5]);
    expect(formatOf(store)).toBe(6);
    expect(store.get(Uint8Array.of(1, 5))).toBeDefined();
  });

  it('is resumed after the last migration that was done', async () => {
    let interrupted = true;
    const ran: number[] = [];
    const migrations = new Map<number, Migration>([
      [1, async () => void ran.push(1)],
      [
        2,
        async () => {
          if (interrupted) throw new Error('interrupted');
          ran.push(2);
        },
      ],
    ]);
    const store = await storeOfFormat(1);
    await expect(bringUpToDate(store, 3, migrations)).rejects.toThrow('interrupted');
    expect(formatOf(store)).toBe(2);
    interrupted = false;
    await bringUpToDate(store, 3, migrations);
    expect(ran).toEqual([1, 2]);
  });

  it('is refused when it is older and has no migration any more', async () => {
    const store = await storeOfFormat(1);
    await expect(bringUpToDate(store)).rejects.toMatchObject({
      code: 'OLDER_FORMAT',
      message: expect.stringContaining('has format 1, which this ccoin reads no more: delete it'),
    });
    expect(formatOf(store)).toBe(1);
  });
});
