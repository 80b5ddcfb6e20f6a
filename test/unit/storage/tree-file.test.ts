import { expect, it } from 'vitest';
import type { Account } from '../../../src/protocol/state.js';
import { StateTree } from '../../../src/protocol/state-tree.js';
import { MemoryFiles } from '../../../src/storage/memory-files.js';
import { readTree, writeTree } from '../../../src/storage/tree-file.js';
import { fakeAddress } from './fake-chain.js';

const PLACE = { genesisId: 'aa'.repeat(32), begin: 3, number: 7, blockId: 'bb'.repeat(32) };

function accounts(from: number, to: number, balance: number): [string, Account][] {
  return Array.from({ length: to - from }, (_, i) => [
    fakeAddress(from + i),
    { nonce: i, balance, stake: 0 },
  ]);
}

async function stored(tree: StateTree): Promise<MemoryFiles> {
  const files = new MemoryFiles();
  const image = tree.image();
  await writeTree(files, 'tree', PLACE, image);
  image.release();
  return files;
}

it.each([0, 1, 2, 10_000])('gives a tree of %i accounts again, on which the same happens', async (count) => {
  const tree = StateTree.build(accounts(0, count, 5));
  const found = await readTree(await stored(tree), 'tree');
  expect(found).toMatchObject({ ...PLACE, tree: { root: tree.root, size: tree.size } });
  const again = found?.tree as StateTree;
  expect(again.nodeCount).toBe(tree.nodeCount);
  for (const each of [tree, again]) {
    each.update(accounts(count >> 1, count + 300, 6)).commit();
    each.update(accounts(0, 1, 1)).discard();
  }
  expect(again.root).toBe(tree.root);
  expect(again.nodeCount).toBe(tree.nodeCount);
});

it('is the tree of the moment of the image, whatever happens while it is written', async () => {
  const tree = StateTree.build(accounts(0, 9_000, 5));
  tree.update(accounts(0, 500, 6)).commit();
  const { root } = tree;
  const open = tree.update(accounts(100, 200, 9));
  open.update(accounts(100, 300, 10));
  const image = tree.image();
  const files = new MemoryFiles();
  const pieces = function* () {
    let balance = 20;
    for (const piece of image.pieces()) {
      // Blocks come, and others are thrown away.
      tree.update(accounts(0, 2_000, balance++)).discard();
      tree.update(accounts(0, 12_000, balance++)).commit();
      yield piece;
    }
  };
  await writeTree(files, 'tree', PLACE, { ...image, pieces });
  image.release();
  const found = (await readTree(files, 'tree'))?.tree as StateTree;
  expect(found.root).toBe(root);
  const expected = StateTree.build([
    ...accounts(500, 9_000, 5).map(([a], i) => [a, { nonce: 500 + i, balance: 5, stake: 0 }] as const),
    ...accounts(0, 500, 6),
  ]);
  expect(expected.root).toBe(root);
  expect(found.nodeCount).toBe(expected.nodeCount);
  for (const each of [found, expected]) each.update(accounts(0, 10_000, 3)).commit();
  expect(found.root).toBe(expected.root);
});

it('takes memory back once the image is released', () => {
  const tree = StateTree.build(accounts(0, 1_000, 5));
  const nodes = tree.nodeCount;
  const images = [tree.image(), tree.image()];
  for (let balance = 6; balance < 20; balance++) tree.update(accounts(0, 1_000, balance)).commit();
  for (const image of images) image.release();
  expect(tree.nodeCount).toBe(nodes);
});

it('leaves no place in use that no node of its tree is at, though others are held', async () => {
  const tree = StateTree.build(accounts(0, 1_000, 5));
  const held = tree.hold();
  for (let balance = 6; balance < 9; balance++) tree.update(accounts(0, 1_000, balance)).commit();
  const again = (await readTree(await stored(tree), 'tree'))?.tree as StateTree;
  expect(again.nodeCount).toBe(StateTree.build(accounts(0, 1_000, 5)).nodeCount);
  held.release();
});

it('is none when it is missing, cut, or a bit of it is wrong', async () => {
  expect(await readTree(new MemoryFiles(), 'tree')).toBeUndefined();
  const files = await stored(StateTree.build(accounts(0, 50, 5)));
  const file = await files.open('tree');
  const whole = (await file?.read(0, file.sizeBytes)) ?? new Uint8Array();
  const places = Array.from({ length: 60 }, (_, i) => Math.floor((i * whole.length) / 60));
  for (const at of [...places, 0, 3, 8, whole.length - 1]) {
    for (const damaged of [whole.slice(0, at), whole.map((byte, i) => (i === at ? byte ^ 16 : byte))]) {
      await files.write('tree', [damaged]);
      expect(await readTree(files, 'tree'), `damaged at ${at}`).toBeUndefined();
    }
  }
});
