/** A snapshot in a file: what is given of it is what was written, or nothing. */
import { beforeAll, describe, expect, it } from 'vitest';
import type { Files } from '../../../src/ports/files.js';
import type { Address } from '../../../src/protocol/bytes.js';
import type { Account } from '../../../src/protocol/state.js';
import { StateAssembly } from '../../../src/protocol/state-assembly.js';
import { decodeAccounts, decodeSubtrees, encodeAccounts } from '../../../src/protocol/state-part.js';
import { StateTree } from '../../../src/protocol/state-tree.js';
import { MemoryFiles } from '../../../src/storage/memory-files.js';
import {
  removeSnapshot,
  Snapshot,
  type SnapshotPart,
  snapshotNumbers,
  writeSnapshot,
} from '../../../src/storage/snapshot-file.js';
import { fakeAddress } from './fake-chain.js';

const ACCOUNTS = 200;
const NUMBER = 30;

const state = new Map<Address, Account>(
  Array.from({ length: ACCOUNTS }, (_, i) => [fakeAddress(i), { nonce: 0, balance: i, stake: 0 }]),
);
const tree = StateTree.build(state);
const head = {
  number: NUMBER,
  sealedHeader: Uint8Array.of(1, 2, 3),
  certificate: Uint8Array.of(4, 5),
  hashState: tree.root,
};

async function* partsOf(maxAccounts: number): AsyncGenerator<SnapshotPart> {
  const held = tree.hold();
  for (const { path, hash, accounts } of held.subtrees(maxAccounts)) {
    const entries = accounts.map(([address, account]) => ({ address, account, publicKey: null }));
    yield { path, hash, accounts: encodeAccounts(entries) };
  }
  held.release();
}

/** All that can be had of it, as one who takes it would ask. */
async function takeAll(snapshot: Snapshot, deeper: string): Promise<StateAssembly | undefined> {
  const assembly = new StateAssembly(snapshot.head.hashState);
  const queue = [''];
  for (let path = queue.pop(); path !== undefined; path = queue.pop()) {
    const place = assembly.wanted(path);
    const part = await snapshot.answer(path);
    if (place === undefined || part === undefined) return undefined;
    if (part.subtrees !== null)
      queue.push(...assembly.split(path, decodeSubtrees(place, part.subtrees)).map((each) => each.path));
    else assembly.take(place, decodeAccounts(part.accounts ?? new Uint8Array()));
  }
  // A place within a part can be had alone, too.
  const below = await snapshot.answer(deeper);
  for (const { address } of decodeAccounts(below?.accounts ?? new Uint8Array()))
    expect(state.has(address)).toBe(true);
  return assembly;
}

describe('a snapshot in a file', () => {
  it.each([1, 10, 1_000])('gives the whole state in parts of at most %i accounts', async (maxAccounts) => {
    const files = new MemoryFiles();
    await writeSnapshot(files, head, partsOf(maxAccounts));
    expect(await snapshotNumbers(files)).toEqual([NUMBER]);
    const snapshot = (await Snapshot.open(files, NUMBER)) as Snapshot;
    expect(snapshot.head).toEqual(head);
    const assembly = await takeAll(snapshot, '0101010101');
    expect(assembly?.finish().root).toBe(tree.root);
  });

  it('gives only the accounts below a place that lies within a part', async () => {
    const files = new MemoryFiles();
    await writeSnapshot(files, head, partsOf(1_000));
    const snapshot = (await Snapshot.open(files, NUMBER)) as Snapshot;
    const [left, right] = await Promise.all(['0', '1'].map((path) => snapshot.answer(path)));
    const counts = [left, right].map((part) => decodeAccounts(part?.accounts ?? new Uint8Array()).length);
    expect(counts[0]).toBeGreaterThan(0);
    expect((counts[0] ?? 0) + (counts[1] ?? 0)).toBe(ACCOUNTS);
  });

  it('says what an answer cost: what was read for it, and more where it had to be looked for', async () => {
    const files = new MemoryFiles();
    await writeSnapshot(files, head, partsOf(1_000));
    const snapshot = (await Snapshot.open(files, NUMBER)) as Snapshot;
    const part = await snapshot.answer('');
    expect(part?.costBytes).toBe(part?.accounts?.length);
    const nothing = await snapshot.answer('0'.repeat(256));
    expect(decodeAccounts(nothing?.accounts ?? new Uint8Array())).toEqual([]);
    expect(nothing?.costBytes).toBeGreaterThan(part?.costBytes ?? Number.POSITIVE_INFINITY);
    await writeSnapshot(files, head, partsOf(1));
    const split = await (await Snapshot.open(files, NUMBER))?.answer('');
    expect(split?.costBytes).toBeGreaterThan(split?.subtrees?.length ?? Number.POSITIVE_INFINITY);
  });

  it('is none if the making of it breaks off, and is gone once it is removed', async () => {
    const files = new MemoryFiles();
    const broken = async function* () {
      for await (const part of partsOf(10)) {
        yield part;
        throw new Error('broken off');
      }
    };
    await expect(writeSnapshot(files, head, broken())).rejects.toThrow('broken off');
    expect(await Snapshot.open(files, NUMBER)).toBeUndefined();
    await writeSnapshot(files, head, partsOf(10));
    const snapshot = (await Snapshot.open(files, NUMBER)) as Snapshot;
    await removeSnapshot(files, NUMBER);
    expect(await snapshot.answer('0000000000')).toBeUndefined();
    expect(await snapshotNumbers(files)).toEqual([]);
  });
});

describe('a snapshot whose file is damaged', () => {
  const good = new MemoryFiles();
  let bytes: Uint8Array;

  beforeAll(async () => {
    await writeSnapshot(good, head, partsOf(10));
    const file = await good.open(`snapshot-${NUMBER}`);
    bytes = (await file?.read(0, file.sizeBytes)) ?? new Uint8Array();
  });

  const holding = async (content: Uint8Array): Promise<Files> => {
    const files = new MemoryFiles();
    await files.write(`snapshot-${NUMBER}`, [content]);
    return files;
  };

  it('gives the truth or nothing, wherever a bit flips', async () => {
    let refused = 0;
    for (let at = 0; at < bytes.length; at += 37) {
      const copy = bytes.slice();
      copy[at] = (copy[at] ?? 0) ^ (1 << (at % 8));
      const snapshot = await Snapshot.open(await holding(copy), NUMBER);
      const assembly = snapshot && (await takeAll(snapshot, ''));
      if (assembly === undefined) refused++;
      else expect(assembly.finish().root).toBe(tree.root);
    }
    expect(refused).toBeGreaterThan(100);
  });

  it('is none if its end is missing, or it is of another block', async () => {
    for (const length of [0, 5, 8, 100, bytes.length - 1])
      expect(await Snapshot.open(await holding(bytes.slice(0, length)), NUMBER)).toBeUndefined();
    const files = new MemoryFiles();
    await files.write(`snapshot-${NUMBER + 1}`, [bytes]);
    expect(await Snapshot.open(files, NUMBER + 1)).toBeUndefined();
  });
});
