import fs from 'node:fs';
import fsPromises, { mkdtemp, open, readdir, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { syncBuiltinESMExports } from 'node:module';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import type { Clock } from '../../../src/ports/clock.js';
import { decodeJournal } from '../../../src/storage/journal.js';
import { beginJournal, type JournalStore, readJournal } from '../../../src/storage/journal-store.js';
import { MemoryStore } from '../../../src/storage/memory-store.js';
import { Patience } from '../../../src/storage/patience.js';
import { storeSuite } from './store-suite.js';

/** On which every sync takes so long. */
function clockOf(syncMs: () => number): Clock {
  let nowMs = 0;
  let asked = 0;
  const monotonic = () => {
    if (asked++ % 2 === 1) nowMs += syncMs();
    return nowMs;
  };
  return { now: () => 0, monotonic, after: () => ({ cancel() {} }) };
}
const quick = () => clockOf(() => 0.2);

/** As a process finds it that starts there. */
async function openJournal(directory: string, clock = quick()): Promise<JournalStore> {
  const found = await readJournal(directory);
  return beginJournal(directory, clock, found?.entries ?? new MemoryStore());
}

storeSuite('JournalStore', async () => {
  const directory = await mkdtemp(join(tmpdir(), 'ccoin-journal-'));
  return {
    store: await openJournal(directory),
    dispose: () => rm(directory, { recursive: true }),
  };
});

describe('JournalStore', () => {
  let directory: string;
  beforeEach(async () => {
    directory = await mkdtemp(join(tmpdir(), 'ccoin-journal-'));
  });
  afterEach(() => rm(directory, { recursive: true }));

  const journal = () => join(directory, 'journal');
  const put = (store: JournalStore, key: number, value: Uint8Array) =>
    store.write([{ key: Uint8Array.of(key), value }], { sync: true });
  const read = (store: JournalStore, key: number) => store.get(Uint8Array.of(key))?.toString();
  /** Whether the write is on the disk before the event loop turns. */
  async function isInPlace(store: JournalStore, value = Uint8Array.of(1)): Promise<boolean> {
    let done = false;
    const writing = put(store, 1, value).then(() => {
      done = true;
    });
    for (let i = 0; i < 100; i++) await null;
    const inPlace = done;
    await writing;
    return inPlace;
  }

  it('keeps what was written from one opening to the next, in a directory that it makes', async () => {
    const below = join(directory, 'made', 'on', 'demand');
    const first = await openJournal(below);
    await put(first, 1, Uint8Array.of(1));
    await put(first, 2, Uint8Array.of(2));
    await first.write([{ key: Uint8Array.of(1), value: null }], { sync: true });
    await first.close();
    const second = await openJournal(below);
    expect([read(second, 1), read(second, 2)]).toEqual([undefined, '2']);
    await put(second, 3, Uint8Array.of(3));
    await second.close();
    const third = await openJournal(below);
    expect([read(third, 2), read(third, 3)]).toEqual(['2', '3']);
    await third.close();
  });

  it('shows what was written to whoever reads it', async () => {
    const store = await openJournal(directory);
    for (let n = 1; n < 50; n++) {
      await put(store, 1, Uint8Array.of(n));
      expect((await readJournal(directory))?.entries.get(Uint8Array.of(1))).toEqual(Uint8Array.of(n));
    }
    await store.close();
  });

  it('goes on in a new journal when one is full, with all entries', async () => {
    const store = await openJournal(directory);
    const { size } = await stat(journal());
    await put(store, 9, Uint8Array.of(9));
    const large = (n: number) => new Uint8Array(100_000).fill(n);
    for (let n = 0; n < 40; n++) await put(store, 1, large(n));
    expect((await stat(journal())).size).toBe(size);
    // Larger than the file: it grows.
    await put(store, 2, new Uint8Array(3 * size).fill(2));
    await put(store, 3, Uint8Array.of(3));
    await store.close();
    const again = await openJournal(directory);
    expect(again.get(Uint8Array.of(1))).toEqual(large(39));
    expect(again.get(Uint8Array.of(2))?.length).toBe(3 * size);
    expect([read(again, 3), read(again, 9)]).toEqual(['3', '9']);
    await again.close();
  });

  it('carries writes out in the order in which they were asked for, also if nobody waits', async () => {
    const store = await openJournal(directory);
    const large = new Uint8Array(400_000);
    const writes = Array.from({ length: 20 }, (_, n) => [
      put(store, 1, large),
      put(store, 2, Uint8Array.of(n)),
    ]);
    await Promise.all(writes.flat());
    await store.close();
    const again = await openJournal(directory);
    expect(read(again, 2)).toBe('19');
    expect(again.get(Uint8Array.of(1))?.length).toBe(large.length);
    await again.close();
  });

  it('waits for a quick disk in place, and for much at once in a thread', async () => {
    const store = await openJournal(directory);
    expect(await isInPlace(store)).toBe(true);
    expect(await isInPlace(store, new Uint8Array(100_000))).toBe(false);
    expect(await isInPlace(store)).toBe(true);
    await store.close();
  });

  it('waits for a slow disk in a thread', async () => {
    const slow = clockOf(() => 9);
    const store = await openJournal(directory, slow);
    for (let write = 0; write < 3; write++) expect(await isInPlace(store)).toBe(true);
    expect(await isInPlace(store)).toBe(false);
    await store.close();
  });

  it('says what is damaged, leaves it out, and has forgotten it once it is begun anew', async () => {
    const store = await openJournal(directory);
    await put(store, 1, Uint8Array.of(1));
    await put(store, 2, Uint8Array.of(2));
    await store.close();
    const bytes = await readFile(journal());
    const at = bytes.findLastIndex((byte) => byte !== 0);
    bytes[at] = (bytes[at] as number) ^ 1;
    await writeFile(journal(), bytes);
    const found = await readJournal(directory);
    expect(found?.damage).toMatch(/^the batch at byte \d+ fails/);
    expect(await readFile(journal())).toEqual(bytes);
    const begun = await openJournal(directory);
    await put(begun, 3, Uint8Array.of(3));
    await begun.close();
    expect((await readJournal(directory))?.damage).toBeNull();
    const mended = await openJournal(directory);
    expect([read(mended, 1), read(mended, 2), read(mended, 3)]).toEqual(['1', undefined, '3']);
    await mended.close();
  });

  it('goes on as if a batch that was not finished were not there', async () => {
    const store = await openJournal(directory);
    await put(store, 1, Uint8Array.of(1));
    await put(store, 2, new Uint8Array(20_000).fill(2));
    await store.close();
    const bytes = await readFile(journal());
    await writeFile(journal(), bytes.fill(0, 12_288));
    expect((await readJournal(directory))?.damage).toBeNull();
    const torn = await openJournal(directory);
    expect([read(torn, 1), read(torn, 2)]).toEqual(['1', undefined]);
    await put(torn, 3, Uint8Array.of(3));
    await torn.close();
    const again = await openJournal(directory);
    expect([read(again, 1), read(again, 3)]).toEqual(['1', '3']);
    await again.close();
  });

  it('begins a new journal with all that was asked for, and writes none of it again', async () => {
    const store = await openJournal(directory);
    const batch = (key: number, value: Uint8Array | null) =>
      store.write([{ key: Uint8Array.of(key), value }], { sync: true });
    const first = batch(1, new Uint8Array(2_000_000));
    await Promise.all([first, batch(1, null), batch(2, Uint8Array.of(2))]);
    const found = await readJournal(directory);
    expect(found?.entries.all()).toEqual([{ key: Uint8Array.of(2), value: Uint8Array.of(2) }]);
    // As one batch: nobody can find the first of them without the others.
    expect(decodeJournal(await readFile(journal()))?.batches.length).toBe(1);
    await put(store, 3, Uint8Array.of(3));
    await store.close();
    await expect(put(store, 4, Uint8Array.of(4))).rejects.toThrow('closed');
    expect((await readJournal(directory))?.entries.get(Uint8Array.of(3))).toEqual(Uint8Array.of(3));
  });

  it('is closed behind what was still being written, and holds no file open', async () => {
    for (const bytes of [10, 60_000, 3_000_000]) {
      const store = await openJournal(directory);
      const writing = put(store, 1, new Uint8Array(bytes));
      await store.close();
      await writing;
    }
    expect((await readJournal(directory))?.entries.get(Uint8Array.of(1))?.length).toBe(3_000_000);
    if (process.platform !== 'linux') return;
    const held = await Promise.all(
      (await readdir('/proc/self/fd')).map((fd) =>
        fsPromises.readlink(`/proc/self/fd/${fd}`).catch(() => ''),
      ),
    );
    expect(held.filter((path) => path.startsWith(directory))).toEqual([]);
  });

  it('says that it is damaged where there is something else', async () => {
    await writeFile(journal(), 'nonsense');
    await expect(openJournal(directory)).rejects.toMatchObject({
      code: 'DAMAGED',
      message: expect.stringContaining('its journal does not begin as one'),
    });
    expect(await readFile(journal(), 'utf8')).toBe('nonsense');
  });

  it('says that the directory cannot be written', async () => {
    await writeFile(join(directory, 'file'), '');
    for (const path of [join(directory, 'file'), join(directory, 'file', 'below')])
      await expect(openJournal(path)).rejects.toMatchObject({ code: 'NOT_WRITABLE' });
  });

  it('writes nothing after a write that failed', async () => {
    const store = await openJournal(directory);
    await put(store, 1, Uint8Array.of(1));
    // The new journal has no place to go to.
    await rm(directory, { recursive: true });
    await expect(put(store, 2, new Uint8Array(2_000_000))).rejects.toThrow(/ENOENT/);
    await writeFile(directory, '');
    await expect(put(store, 3, Uint8Array.of(3))).rejects.toThrow(/ENOENT/);
    await store.close();
  });
});

describe('what JournalStore has done when a write resolves', () => {
  let directory: string;
  let done: string[];
  beforeEach(async () => {
    directory = await mkdtemp(join(tmpdir(), 'ccoin-journal-'));
    done = [];
    const probe = await open(join(directory, 'probe'), 'w');
    const handles = Object.getPrototypeOf(probe);
    await probe.close();
    watch(handles, 'writeFile', 'write');
    watch(handles, 'write', 'write');
    watch(handles, 'sync', 'sync');
    watch(handles, 'datasync', 'sync');
    watch(fs, 'writeSync', 'write');
    watch(fs, 'fdatasyncSync', 'sync');
    watch(fsPromises, 'rename', 'rename');
    syncBuiltinESMExports();
  });
  afterEach(async () => {
    vi.restoreAllMocks();
    syncBuiltinESMExports();
    await rm(directory, { recursive: true });
  });

  /** Notes each call when it is over. */
  function watch<T extends object>(target: T, method: keyof T & string, what: string): void {
    const original = target[method] as (...args: unknown[]) => unknown;
    vi.spyOn(target, method as never).mockImplementation(function (this: unknown, ...args: unknown[]) {
      const result = original.apply(this, args);
      const note = () => {
        done.push(what);
      };
      if (result instanceof Promise) return result.finally(note);
      note();
      return result;
    } as never);
  }

  const put = (store: JournalStore, bytes: number) =>
    store.write([{ key: Uint8Array.of(1), value: new Uint8Array(bytes) }], { sync: true });

  it('begins with a file that is synced before it has its name, which is synced too', async () => {
    const store = await openJournal(directory);
    expect(done).toEqual(['write', 'sync', 'rename', 'sync']);
    await store.close();
  });

  it('writes again, and syncs, what it finds: a process that was killed may not have come to it', async () => {
    await (await openJournal(directory)).close();
    done = [];
    const store = await openJournal(directory);
    expect(done).toEqual(['write', 'sync', 'rename', 'sync']);
    await store.close();
  });

  it.each([
    ['in place', 100, ['write', 'sync']],
    ['in a thread', 100_000, ['write', 'sync']],
    ['in a new file', 2_000_000, ['write', 'sync', 'rename', 'sync']],
  ])('writes and syncs: %s', async (_, bytes, expected) => {
    const store = await openJournal(directory);
    done = [];
    await put(store, bytes);
    expect(done).toEqual(expected);
    await store.close();
  });

  it('writes nothing behind a sync that failed', async () => {
    const store = await openJournal(directory);
    vi.spyOn(fs, 'fdatasyncSync').mockImplementation(() => {
      throw Object.assign(new Error('EIO: i/o error, fdatasync'), { code: 'EIO' });
    });
    syncBuiltinESMExports();
    await expect(put(store, 10)).rejects.toThrow(/EIO/);
    done = [];
    await expect(put(store, 100_000)).rejects.toThrow(/EIO/);
    expect(done).toEqual([]);
    await store.close();
  });
});

describe('patience with a disk', () => {
  const afterSyncsOf = (patience: Patience, ...ms: number[]) => {
    for (const each of ms) patience.took(each);
    return patience.suffices();
  };

  it('bears two slow syncs in a row, but not three', () => {
    const patience = new Patience();
    expect(patience.suffices()).toBe(true);
    expect(afterSyncsOf(patience, 50, 50)).toBe(true);
    expect(afterSyncsOf(patience, 0.2, 50, 50)).toBe(true);
    expect(afterSyncsOf(patience, 50)).toBe(false);
  });

  it('comes back after a thousand syncs, and is lost again if the disk is still slow', () => {
    const patience = new Patience();
    for (const _ of [1, 2, 3]) patience.took(50);
    let left = 0;
    while (!patience.suffices()) left++;
    expect(left).toBe(1_000);
    expect(afterSyncsOf(patience, 50, 50)).toBe(true);
    expect(afterSyncsOf(patience, 50)).toBe(false);
  });
});
