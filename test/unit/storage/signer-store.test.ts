import fsPromises, { cp, mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { syncBuiltinESMExports } from 'node:module';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, it, vi } from 'vitest';
import { systemClock } from '../../../src/node/system-clock.js';
import { openLevelStore } from '../../../src/storage/level-store.js';
import { SignerRecordStore, type StoredSignerState } from '../../../src/storage/signer-record.js';
import { openSignerStore } from '../../../src/storage/signer-store.js';

let directory: string;
beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), 'ccoin-signer-'));
});
afterEach(() => rm(directory, { recursive: true }));

const at = (height: number): StoredSignerState => ({ height, slot: 2, locked: null, valid: null });
const prevote = { kind: 1, wire: Uint8Array.of(1, 2, 3) };
const opened = () => openSignerStore(directory, systemClock);
const journal = () => join(directory, 'journal');

/** As an older ccoin left it. */
async function recordInLevel(lastHeight = 9, path = directory): Promise<void> {
  const level = await openLevelStore(path);
  const record = SignerRecordStore.open(level);
  for (let height = 1; height <= lastHeight; height++) await record.persist(at(height), [prevote]);
  await level.close();
}

async function recordInJournal(height: number): Promise<void> {
  const { store, close } = await opened();
  await SignerRecordStore.open(store).persist(at(height), [prevote]);
  await close();
}

async function expectRecord(height: number, doubtful = false): Promise<void> {
  const { store, close } = await opened();
  const record = SignerRecordStore.open(store);
  await record.assertWhole();
  expect(record.state).toEqual(at(height));
  expect(record.messages()).toEqual([prevote]);
  expect(record.doubtful).toBe(doubtful);
  await close();
}

/** LevelDB leaves out what has a wrong checksum in its log. */
async function cutLog(): Promise<void> {
  const log = (await names()).find((name) => name.endsWith('.log')) as string;
  const bytes = await readFile(join(directory, log));
  bytes[bytes.length - 2] = (bytes[bytes.length - 2] as number) ^ 1;
  await writeFile(join(directory, log), bytes);
}

const names = async () => (await readdir(directory)).sort();

it('begins a record, and finds it again', async () => {
  const { store, damage, close } = await opened();
  expect(damage).toBeNull();
  expect(SignerRecordStore.open(store).state).toBeNull();
  await close();
  await recordInJournal(7);
  await expectRecord(7);
  expect(await names()).toEqual(['guard', 'journal']);
});

it('keeps every other process out until it is closed', async () => {
  const { close } = await opened();
  await expect(opened()).rejects.toMatchObject({
    code: 'LOCKED',
    message: `the database ${directory} is in use by another process`,
  });
  await close();
  await (await opened()).close();
});

it('doubts a record whose end is damaged, also at the next opening, until something is signed', async () => {
  await recordInJournal(7);
  const bytes = await readFile(journal());
  bytes[bytes.length - 1] = 1;
  await writeFile(journal(), bytes);
  const { damage, close } = await opened();
  expect(damage).toMatch(/behind its end/);
  await close();
  await expectRecord(7, true);
  await recordInJournal(8);
  await expectRecord(8);
});

it('calls a record damaged that has no beginning, or is something else', async () => {
  await recordInJournal(7);
  const bytes = await readFile(journal());
  await writeFile(journal(), Buffer.from(bytes).fill(0, 16));
  const { damage, close } = await opened();
  expect(damage).toBe('it has no beginning');
  await close();
  await writeFile(journal(), 'nonsense');
  await expect(opened()).rejects.toMatchObject({
    code: 'DAMAGED',
    message: expect.stringMatching(/^the signer's record is damaged: .*does not begin as one; see "A lost/),
  });
});

it('takes over a record that was kept in LevelDB, and leaves no older copy', async () => {
  await recordInLevel();
  await expectRecord(9);
  expect(await names()).toEqual(['guard', 'journal']);
  await expectRecord(9);
});

it('takes the journal where what it took the place of was not removed yet', async () => {
  await recordInLevel(9, join(directory, 'old'));
  await recordInJournal(12);
  await cp(join(directory, 'old'), directory, { recursive: true });
  await rm(join(directory, 'old'), { recursive: true });
  await rm(join(directory, 'CURRENT'));
  await expectRecord(12);
  expect(await names()).toEqual(['guard', 'journal']);
  await recordInLevel();
  await expectRecord(12);
  expect(await names()).toEqual(['guard', 'journal']);
});

it('refuses a record that an older ccoin went on with, and removes neither', async () => {
  await recordInJournal(10);
  await recordInLevel(50);
  for (let opening = 0; opening < 2; opening++)
    await expect(opened()).rejects.toThrow(
      /^the signer's record is damaged: an older ccoin has signed since/,
    );
  expect(await names()).toEqual(expect.arrayContaining(['CURRENT', 'journal']));
});

it('doubts the journal if what an older ccoin signed since then lost its end', async () => {
  await recordInJournal(10);
  await recordInLevel();
  await cutLog();
  await expectRecord(10, true);
});

it('says what to do about a damaged lock, beside which the record is whole', async () => {
  await recordInJournal(7);
  await writeFile(join(directory, 'guard', 'CURRENT'), 'nonsense');
  await expect(opened()).rejects.toMatchObject({
    code: 'DAMAGED',
    message: expect.stringMatching(
      /^the lock of the signer's record is damaged: .*; remove .*\/guard, in which/,
    ),
  });
  await rm(join(directory, 'guard'), { recursive: true });
  await expectRecord(7);
});

it('goes on doubting a record in LevelDB that lost its end', async () => {
  await recordInLevel();
  await cutLog();
  const { damage, close } = await opened();
  expect(damage).toMatch(/checksum mismatch/);
  await close();
  await expectRecord(8, true);
});

it.each([
  ['a wrong', (path: string) => writeFile(path, 'nonsense')],
  ['no', (path: string) => rm(path)],
])('takes over nothing of a LevelDB with %s CURRENT, and leaves it as it is', async (_, harm) => {
  await recordInLevel();
  await (await openLevelStore(directory)).close();
  await harm(join(directory, 'CURRENT'));
  const before = await names();
  await expect(opened()).rejects.toThrow(/^the signer's record is damaged: /);
  expect((await names()).filter((name) => name !== 'guard' && !name.startsWith('LOG'))).toEqual(
    before.filter((name) => !name.startsWith('LOG')),
  );
});

it('never takes a directory that it cannot look into for an empty one', async () => {
  await recordInLevel();
  const failing = vi.spyOn(fsPromises, 'readdir').mockImplementation(async () => {
    throw Object.assign(new Error('EMFILE: too many open files, scandir'), { code: 'EMFILE' });
  });
  syncBuiltinESMExports();
  await expect(opened()).rejects.toThrow(/EMFILE/);
  failing.mockRestore();
  syncBuiltinESMExports();
  expect(await names()).not.toContain('journal');
  await expectRecord(9);
});
