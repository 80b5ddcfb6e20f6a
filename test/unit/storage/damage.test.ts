/**
 * What a chain in LevelDB is after its files were cut or changed: another block's end, or refused; never wrong.
 * The one thing that cannot be told from the truth is an index entry whose key was hit: then an id is not known.
 */
import { spawnSync } from 'node:child_process';
import { cp, mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { ChainStore } from '../../../src/storage/chain-store.js';
import { openLevelStore } from '../../../src/storage/level-store.js';
import { expectAgreement } from './agreement.js';
import { busyChain } from './fake-chain.js';

const BLOCKS = 8;
const CHILD = fileURLToPath(new URL('./child.mjs', import.meta.url));

describe('a chain in LevelDB', () => {
  // Large enough for several of the 32 KiB blocks of which LevelDB's log is made.
  const chain = busyChain(8, BLOCKS, 40);
  let directory: string;
  let original: string;
  beforeEach(async () => {
    directory = await mkdtemp(join(tmpdir(), 'ccoin-damage-'));
    original = join(directory, 'original');
    const level = await openLevelStore(original);
    const store = await ChainStore.initialise(level, chain.genesis);
    for (const commit of chain.commits) await store.commit(commit);
    await level.close();
  });
  afterEach(() => rm(directory, { recursive: true }));

  it('ends at a whole block wherever its log is cut', async () => {
    const heads = new Set<number | 'DAMAGED'>();
    for (const copy of await copies('.log', 20, (bytes, at) => bytes.subarray(0, at))) {
      heads.add(await headOf(copy));
    }
    expect(heads).not.toContain('DAMAGED');
    expect(heads.size).toBeGreaterThan(BLOCKS / 2);
  });

  it('ends at a whole block or is refused wherever its log is damaged', async () => {
    const heads: (number | 'DAMAGED')[] = [];
    for (const copy of await copies('.log', 20, flip)) heads.push(await headOf(copy));
    expect(heads.filter((head) => head === 'DAMAGED').length).toBeGreaterThan(10);
    expect(heads).not.toContain(BLOCKS);
  });

  it('gives no block or account that is not its own wherever a table is damaged', async () => {
    // Opened anew, LevelDB turns the log into a table.
    await (await openLevelStore(original)).close();
    const [truth] = read([original]);
    const [accounts] = (truth ?? '').split(' ');
    let noticed = 0;
    for (const answer of read(await copies('.ldb', 60, flip))) {
      // Aborted: LevelDB's own assertions end the process on some damage, before anything can be read.
      const seen = answer === 'DAMAGED' || answer === 'aborted';
      // An account that is missing among all accounts shows in the state root, which the node compares at start.
      const shown = /^[0-9a-f]{64} /.test(answer) && !answer.startsWith(`${accounts} `);
      if (seen || shown) noticed++;
      else expect(answer).toBe(truth);
    }
    expect(noticed).toBeGreaterThan(40);
  });

  /** Holds the chain to be that up to its head. @returns the head, 0 if the database is empty */
  async function headOf(path: string): Promise<number | 'DAMAGED'> {
    const level = await openLevelStore(path);
    try {
      const store = await ChainStore.open(level, chain.genesisId);
      if (store !== undefined) await expectAgreement(store, chain);
      return store?.head.number ?? 0;
    } catch (error) {
      if ((error as { code?: string }).code !== 'DAMAGED') throw error;
      return 'DAMAGED';
    } finally {
      await level.close();
    }
  }

  /** Copies of the database, each with its one file of that kind changed at another place. */
  async function copies(
    kind: '.log' | '.ldb',
    count: number,
    change: (bytes: Buffer, at: number) => Buffer,
  ): Promise<string[]> {
    const files = (await readdir(original)).filter((file) => file.endsWith(kind));
    expect(files).toHaveLength(1);
    const [file = ''] = files;
    const bytes = await readFile(join(original, file));
    const paths: string[] = [];
    for (let i = 0; i < count; i++) {
      const path = join(directory, `copy ${i}`);
      await cp(original, path, { recursive: true });
      await writeFile(join(path, file), change(bytes, Math.floor(((i + 0.5) * bytes.length) / count)));
      paths.push(path);
    }
    return paths;
  }
});

/** What a process of its own reads from each database: see child.mjs. */
function read(paths: readonly string[]): string[] {
  const answers: string[] = [];
  while (answers.length < paths.length) {
    const { stdout, stderr, signal, status } = spawnSync(
      process.execPath,
      [CHILD, 'read', ...paths.slice(answers.length)],
      { encoding: 'utf8' },
    );
    answers.push(...stdout.split('\n').filter((line) => line !== ''));
    if (signal === 'SIGABRT' || signal === 'SIGSEGV') answers.push('aborted');
    else if (status !== 0) throw new Error(stderr);
  }
  return answers;
}

function flip(bytes: Buffer, at: number): Buffer {
  const flipped = Buffer.from(bytes);
  flipped[at] = (flipped[at] ?? 0) ^ 0x04;
  return flipped;
}
