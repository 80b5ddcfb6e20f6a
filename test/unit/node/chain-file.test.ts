/** A chain out into a file and in again; and every way in which such a file can be wrong. */
import { createHash } from 'node:crypto';
import { readdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { crc32 } from 'node:zlib';
import { beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { chainPlace } from '../../../src/node/chain-place.js';
import { exportChain } from '../../../src/node/export-chain.js';
import { importChain } from '../../../src/node/import-chain.js';
import { inlineWorker } from '../../../src/node/inline-worker.js';
import { type PlaceOptions, type Verdict, verifyPlace } from '../../../src/node/verify-chain.js';
import { fromHex } from '../../../src/protocol/bytes.js';
import { encode } from '../../../src/protocol/encoding.js';
import { ChainStore } from '../../../src/storage/chain-store.js';
import { openLevelStore } from '../../../src/storage/level-store.js';
import type { MemoryStore } from '../../../src/storage/memory-store.js';
import { ChainTables, present } from '../../../src/storage/tables.js';
import { BlockMaker } from '../../support/block-maker.js';
import { copyOf, directoryForEach, growTo, writeChain } from '../../support/chain-directory.js';
import { type TestGenesis, testGenesis } from '../../support/genesis.js';
import { dump, keyOf } from '../../support/running-nodes.js';

const BLOCKS = 6;
const options: PlaceOptions = { worker: inlineWorker(), pinned: null };
const newDirectory = directoryForEach();

let genesis: TestGenesis;
let maker: BlockMaker;
/** The same chain when it had three blocks. */
let prefix: MemoryStore;
/** Three blocks of the same network that are others: no two PSS signatures are the same. */
let fork: BlockMaker;
let directory: string;
let path: string;

beforeAll(async () => {
  genesis = testGenesis(4);
  fork = await BlockMaker.on(genesis);
  await growTo(fork, 3);
  maker = await BlockMaker.on(genesis);
  await growTo(maker, 3);
  prefix = await copyOf(maker.stores.chain);
  await growTo(maker, BLOCKS);
});

beforeEach(async () => {
  directory = await newDirectory();
  path = join(directory, 'chain.ccoin');
});

/** The maker's chain as a file. */
async function exported(from = maker): Promise<string> {
  const account = join(directory, `of ${from.chain.head.id.slice(0, 8)}`);
  await writeChain(join(account, 'chain'), from.stores.chain);
  await exportChain(await chainPlace(account), path, options);
  return path;
}

async function importInto(account: string, more: Partial<PlaceOptions> = {}) {
  return importChain(await chainPlace(account), path, { ...options, ...more });
}

async function contents(account: string): Promise<string> {
  const store = await openLevelStore(join(account, 'chain'));
  const text = await dump(store);
  await store.close();
  return text;
}

describe('a chain that is exported and imported', () => {
  it('is the same, record by record', async () => {
    await exported();
    const account = join(directory, 'new');
    expect(await importInto(account)).toEqual({ genesisId: genesis.id, before: 0, blocks: BLOCKS });
    expect(await contents(account)).toBe(await dump(maker.stores.chain));
    expect(await verifyPlace(await chainPlace(account), options)).toMatchObject({ sound: true });
    expect((await readdir(directory)).sort()).toEqual(['chain.ccoin', 'new', expect.stringMatching(/^of /)]);
  });

  it('goes on where a shorter one ends', async () => {
    await exported();
    const account = join(directory, 'shorter');
    await writeChain(join(account, 'chain'), prefix);
    expect(await importInto(account)).toMatchObject({ before: 3, blocks: BLOCKS });
    expect(await contents(account)).toBe(await dump(maker.stores.chain));
  });

  it('is refused where the chain has other blocks', async () => {
    await exported();
    const account = join(directory, 'other');
    await writeChain(join(account, 'chain'), fork.stores.chain);
    await expect(importInto(account)).rejects.toThrow(
      /: block 2: it is [0-9a-f]{64}, and here it is [0-9a-f]{64}; the chain here ends with block 3$/,
    );
    expect(await contents(account)).toBe(await dump(fork.stores.chain));
  });

  it('adds nothing to itself', async () => {
    await exported();
    const account = join(directory, 'new');
    await importInto(account);
    expect(await importInto(account)).toMatchObject({ before: BLOCKS, blocks: BLOCKS });
  });

  it('is the same bytes each time, and never written over another file', async () => {
    await exported();
    const first = await readFile(path);
    const account = await chainPlace(join(directory, `of ${maker.chain.head.id.slice(0, 8)}`));
    const again = join(directory, 'again');
    await exportChain(account, again, options);
    expect((await readFile(again)).equals(first)).toBe(true);
    await expect(exportChain(account, path, options)).rejects.toThrow(`${path} is there already`);
  });

  it('is not made of a chain that keeps only its newest blocks, which goes on with one all the same', async () => {
    const account = join(directory, 'pruned');
    await writeChain(join(account, 'chain'), prefix);
    const database = await openLevelStore(join(account, 'chain'));
    await (await ChainStore.open(database))?.prune(2, 1_000);
    await database.close();
    await expect(exportChain(await chainPlace(account), path, options)).rejects.toThrow(
      'has blocks 2 to 2 no more: only a chain that keeps everything can be exported',
    );
    await exported();
    expect(await importInto(account)).toMatchObject({ before: 3, blocks: BLOCKS });
    expect(await verifyPlace(await chainPlace(account), options)).toMatchObject({ blocks: BLOCKS, base: 2 });
  });

  it('is written as far as whole blocks when it is stopped', async () => {
    await exported();
    const stopping = new AbortController();
    const account = join(directory, 'new');
    const onBlock = (number: number) => number === 4 && stopping.abort(new Error('enough'));
    const stopped = importInto(account, {
      signal: stopping.signal,
      onBlock: (number) => void onBlock(number),
    });
    await expect(stopped).rejects.toThrow('enough');
    const verdict = await verifyPlace(await chainPlace(account), options);
    expect(verdict.sound).toBe(true);
    // Those that were under way behind it may be there as well.
    const { blocks: before } = verdict as Extract<Verdict, { sound: true }>;
    expect(before).toBeGreaterThanOrEqual(4);
    expect(await importInto(account)).toMatchObject({ before, blocks: BLOCKS });
  });

  it('has no key in it', async () => {
    const bytes = await readFile(await exported());
    for (const { privateKey } of [0, 1, 2, 3].map(keyOf)) {
      const der = privateKey.export({ format: 'der', type: 'pkcs8' });
      expect(bytes.includes(der.subarray(-64))).toBe(false);
    }
  });
});

describe('a file of another network', () => {
  it('is refused where a genesis is pinned, or lies beside the chain, or a chain is', async () => {
    await exported();
    const other = testGenesis(4, { network_id: 9 });
    const account = join(directory, 'new');
    const refusal = `is of the network of genesis ${genesis.id}, not of that of ${other.id}`;
    await expect(importInto(account, { pinned: other.id })).rejects.toThrow(refusal);
    const theirs = await BlockMaker.on(other);
    await writeChain(join(account, 'chain'), theirs.stores.chain);
    await expect(importInto(account)).rejects.toMatchObject({ code: 'OTHER_GENESIS' });
    await writeFile(join(account, 'genesis.block'), other.wire);
    await expect(importInto(account)).rejects.toThrow(refusal);
  });
});

describe('a file that is wrong', () => {
  const HEADER_BYTES = 48;
  let bytes: Buffer;

  beforeEach(async () => {
    bytes = await readFile(await exported());
  });

  /** Imports `changed` and gives the one sentence with which it is refused. */
  async function refusalOf(changed: Uint8Array): Promise<string> {
    await writeFile(path, changed);
    const error = await importInto(join(directory, 'new')).catch((error: unknown) => error);
    if (!(error instanceof Error) || error.name !== 'ChainFileError') throw error;
    expect(error.message).toContain(path);
    expect(error.message).not.toContain('\n');
    return error.message.replace(path, 'FILE');
  }

  /** The place behind the record of block `number`. */
  function endOf(number: number): number {
    let at = HEADER_BYTES;
    for (let n = 1; n <= number; n++) at += 8 + bytes.readUInt32LE(at);
    return at;
  }

  /** The file with another record for block `number`, with the checksums it should have. */
  function withRecord(number: number, body: Uint8Array): Buffer {
    const frame = Buffer.alloc(8);
    frame.writeUInt32LE(body.length);
    frame.writeUInt32LE(crc32(body), 4);
    const front = Buffer.concat([bytes.subarray(0, endOf(number - 1)), frame, body]);
    const rest = bytes.subarray(endOf(number), bytes.length - 40);
    const all = Buffer.concat([front, rest]);
    const end = Buffer.alloc(8);
    end.writeUInt32LE(BLOCKS, 4);
    return Buffer.concat([all, end, createHash('sha256').update(all).digest()]);
  }

  it('is refused wherever it is cut off, with whole blocks before', async () => {
    for (const at of [0, 5])
      expect(await refusalOf(bytes.subarray(0, at))).toMatch(/^FILE is no chain's file/);
    expect(await refusalOf(bytes.subarray(0, 20))).toBe('FILE is cut off in its header');
    expect(await refusalOf(bytes.subarray(0, 60))).toBe('FILE is cut off at block 1');
    const inBlock4 = await refusalOf(bytes.subarray(0, endOf(4) - 1));
    expect(inBlock4).toBe('FILE is cut off at block 4; the chain here ends with block 3');
    const place = await chainPlace(join(directory, 'new'));
    expect(await verifyPlace(place, options)).toMatchObject({ sound: true, blocks: 3 });
    expect(await refusalOf(bytes.subarray(0, endOf(BLOCKS)))).toBe(
      `FILE is cut off at block ${BLOCKS + 1}; the chain here ends with block ${BLOCKS}`,
    );
    expect(await refusalOf(bytes.subarray(0, -1))).toContain('is cut off');
  });

  it('is refused wherever a bit is flipped', async () => {
    const flipped = (at: number) => bytes.map((byte, i) => (i === at ? byte ^ 1 : byte));
    expect(await refusalOf(flipped(3))).toMatch(/^FILE is no chain's file/);
    expect(await refusalOf(flipped(12))).toBe('FILE has format 0, and this ccoin reads 1 only');
    expect(await refusalOf(flipped(20))).toMatch(/^FILE begins with another genesis block than it says/);
    expect(await refusalOf(flipped(endOf(2) + 50))).toBe(
      'FILE is damaged at block 3: its checksum is wrong; the chain here ends with block 2',
    );
    expect(await refusalOf(flipped(endOf(2) + 3))).toMatch(
      /^FILE is damaged at block 3: its length of \d+ bytes is wrong; /,
    );
    expect(await refusalOf(flipped(bytes.length - 35))).toContain(`it holds ${BLOCKS} blocks and says `);
    expect(await refusalOf(flipped(bytes.length - 1))).toContain('its hash is not that of its contents');
    expect(await refusalOf(Buffer.concat([bytes, Buffer.of(0)]))).toContain('it goes on behind its end');
  });

  it('is refused with one of these sentences wherever it is flipped or cut', async () => {
    const places = 40;
    for (let i = 0; i < places; i++) {
      const at = Math.floor(((i + 0.5) * bytes.length) / places);
      await refusalOf(bytes.map((byte, n) => (n === at ? byte ^ (1 << (i % 8)) : byte)));
      await refusalOf(bytes.subarray(0, at));
    }
  });

  it('is refused if blocks were left out or put elsewhere', async () => {
    const left = Buffer.concat([bytes.subarray(0, endOf(3)), bytes.subarray(endOf(4))]);
    expect(await refusalOf(left)).toMatch(
      /^FILE: block 4: BAD_BLOCK: bad block: its parent is .*ends with block 3$/,
    );
    const twice = Buffer.concat([bytes.subarray(0, endOf(3)), bytes.subarray(endOf(2))]);
    expect(await refusalOf(twice)).toBe(
      'FILE: block 4: another, older block is there; the chain here ends with block 3',
    );
  });

  it('is refused for a record of another form, a genesis block of none, and a block without its certificate', async () => {
    expect(await refusalOf(withRecord(3, encode([1])))).toMatch(
      /^FILE is damaged at block 3: its form \(record must be an array of 2 fields\) is wrong; /,
    );
    expect(await refusalOf(withRecord(1, encode([fromHex('00'), null])))).toMatch(
      /^FILE begins with no genesis block: /,
    );
    const third = present(new ChainTables(maker.stores.chain).block(3), 'block 3');
    expect(await refusalOf(withRecord(3, encode([third.block, null])))).toBe(
      'FILE: block 3: its certificate is missing; the chain here ends with block 2',
    );
  });
});
