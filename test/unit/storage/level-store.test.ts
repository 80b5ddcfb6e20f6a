import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { LevelStore, openLevelStore } from '../../../src/storage/level-store.js';
import { storeSuite } from './store-suite.js';

storeSuite('LevelStore', async () => {
  const directory = await mkdtemp(join(tmpdir(), 'ccoin-store-'));
  return {
    store: await openLevelStore(directory),
    dispose: () => rm(directory, { recursive: true }),
  };
});

describe('LevelStore', () => {
  let directory: string;
  beforeEach(async () => {
    directory = await mkdtemp(join(tmpdir(), 'ccoin-store-'));
  });
  afterEach(() => rm(directory, { recursive: true }));

  const key = (n: number) => Uint8Array.of(n >> 8, n);
  const value = (n: number) => new Uint8Array(100).fill(n);
  const all = { from: Uint8Array.of(), to: Uint8Array.of(0xff) };

  async function fill(store: LevelStore, from: number, count: number): Promise<void> {
    for (let n = from; n < from + count; n++)
      await store.write([{ key: key(n), value: value(n) }], { sync: true });
  }

  it('keeps what was written from one opening to the next', async () => {
    const first = await openLevelStore(join(directory, 'made', 'on', 'demand'));
    await fill(first, 0, 3);
    await first.close();
    const second = await openLevelStore(first.directory);
    expect(second.get(key(2))).toEqual(Buffer.from(value(2)));
    expect(second.droppedAtOpen).toEqual([]);
    await second.close();
  });

  it('says that another process holds it', async () => {
    const holder = spawn(process.execPath, ['--input-type=module', '-e', HOLDER, directory], {
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    await once(holder.stdout, 'data');
    await expect(openLevelStore(directory)).rejects.toMatchObject({
      code: 'LOCKED',
      message: `the database ${directory} is in use by another process`,
    });
    holder.kill('SIGKILL');
    await once(holder, 'exit');
    await (await openLevelStore(directory)).close();
  });

  it('says that the directory cannot be written', async () => {
    await writeFile(join(directory, 'file'), '');
    for (const path of [join(directory, 'file'), join(directory, 'file', 'chain')]) {
      await expect(openLevelStore(path)).rejects.toMatchObject({
        code: 'NOT_WRITABLE',
        message: expect.stringContaining(`the directory ${path} cannot be written`),
      });
    }
  });

  it('says that the database is damaged when its manifest is', async () => {
    const store = await openLevelStore(directory);
    await fill(store, 0, 3);
    await store.close();
    await writeFile(join(directory, 'CURRENT'), 'nonsense');
    await expect(openLevelStore(directory)).rejects.toMatchObject({
      code: 'DAMAGED',
      message: expect.stringMatching(/^the database .* is damaged: .*; run ccoin repair, or delete it/),
    });
  });

  it('says that the database is damaged when a table is missing', async () => {
    await fillTables();
    for (const name of await readdir(directory)) if (name.endsWith('.ldb')) await rm(join(directory, name));
    await expect(openLevelStore(directory)).rejects.toMatchObject({ code: 'DAMAGED' });
  });

  it('never gives a value that was not written, whichever byte of a table is flipped', async () => {
    const count = await fillTables();
    const table = (await readdir(directory)).find((name) => name.endsWith('.ldb')) as string;
    const original = await readFile(join(directory, table));
    let found = 0;
    for (let at = 0; at < original.length; at += Math.ceil(original.length / 60)) {
      const flipped = Buffer.from(original);
      flipped[at] = (flipped[at] as number) ^ 0x10;
      await writeFile(join(directory, table), flipped);
      found += await damageSeen(count);
    }
    expect(found).toBeGreaterThan(40);
  });

  it('reports what it dropped from a damaged log', async () => {
    const store = await openLevelStore(directory);
    await fill(store, 0, 20);
    await store.close();
    const log = (await readdir(directory)).find((name) => name.endsWith('.log')) as string;
    const content = await readFile(join(directory, log));
    content[1_000] = (content[1_000] as number) ^ 1;
    await writeFile(join(directory, log), content);
    const reopened = await openLevelStore(directory);
    expect(reopened.droppedAtOpen).toEqual([expect.stringContaining('checksum mismatch')]);
    await reopened.close();
  });

  it('cuts a torn tail of the log by itself', async () => {
    const store = await openLevelStore(directory);
    await fill(store, 0, 20);
    await store.close();
    const log = (await readdir(directory)).find((name) => name.endsWith('.log')) as string;
    const content = await readFile(join(directory, log));
    await writeFile(join(directory, log), content.subarray(0, content.length - 50));
    const reopened = await openLevelStore(directory);
    expect(reopened.get(key(18))).toBeDefined();
    expect(reopened.get(key(19))).toBeUndefined();
    await reopened.close();
  });

  it('says that the disk is full, and writes nothing after a failed write', async () => {
    let writes = 0;
    const full = {
      batch: () => ({
        put() {},
        async write() {
          writes++;
          throw new Error('IO error: 000003.log: No space left on device');
        },
      }),
    };
    const store = new LevelStore(directory, full as never, []);
    const write = () => store.write([{ key: key(1), value: value(1) }], { sync: true });
    await expect(write()).rejects.toMatchObject({
      code: 'DISK_FULL',
      message: `the disk of ${directory} is full`,
    });
    await expect(write()).rejects.toMatchObject({ code: 'DISK_FULL' });
    expect(writes).toBe(1);
  });

  /** Leaves tables and an empty log behind: at its second opening LevelDB turns the first one's log into a table. */
  async function fillTables(): Promise<number> {
    const store = await openLevelStore(directory);
    await fill(store, 0, 200);
    await store.close();
    await (await openLevelStore(directory)).close();
    return 200;
  }

  /** Whether opening or reading everything said DAMAGED; fails the test if anything read is not as written. */
  async function damageSeen(count: number): Promise<number> {
    let store: LevelStore | undefined;
    try {
      store = await openLevelStore(directory);
      for (let n = 0; n < count; n++) {
        const read = store.get(key(n));
        if (read !== undefined) expect(Buffer.from(value(n)).equals(read)).toBe(true);
      }
      for await (const [read, at] of store.entries(all)) {
        expect(Buffer.from(value(((read[0] as number) << 8) | (read[1] as number))).equals(at)).toBe(true);
      }
      return 0;
    } catch (error) {
      expect(error).toMatchObject({ code: 'DAMAGED' });
      return 1;
    } finally {
      await store?.close();
    }
  }
});

const HOLDER = `
  import { ClassicLevel } from 'classic-level';
  const level = new ClassicLevel(process.argv[1]);
  await level.open();
  console.log('held');
  setInterval(() => {}, 1000);
`;
