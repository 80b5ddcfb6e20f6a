import { expect, test } from 'vitest';
import { HeldBlocks, MAX_AHEAD_BLOCKS, MAX_HELD_BYTES } from '../../../src/sync/held-blocks.js';

function add(held: HeldBlocks, number: number, sizeBytes = 1, peer = 'a'): boolean {
  const certificate = new Uint8Array(0);
  return held.add({
    number,
    block: new Uint8Array(sizeBytes),
    certificate,
    peer,
    fetched: true,
    founded: true,
  });
}

test('takes each block once, within its window', () => {
  const held = new HeldBlocks(5);
  expect(add(held, 5)).toBe(false);
  expect(add(held, 6)).toBe(true);
  expect(add(held, 6)).toBe(false);
  expect(add(held, 5 + MAX_AHEAD_BLOCKS)).toBe(true);
  expect(add(held, 6 + MAX_AHEAD_BLOCKS)).toBe(false);
  expect(held.count).toBe(2);
});

test('when it is full, only the next block finds room', () => {
  const held = new HeldBlocks(5);
  expect(add(held, 7, MAX_HELD_BYTES)).toBe(true);
  expect(add(held, 8)).toBe(false);
  expect(add(held, 6)).toBe(true);
  expect(held.bytes).toBe(MAX_HELD_BYTES + 1);
  held.advance(7);
  expect(held.bytes).toBe(0);
  expect(add(held, 8)).toBe(true);
});

test('knows how far it reaches without a gap', () => {
  const held = new HeldBlocks(5);
  expect(held.reach).toBe(5);
  for (const number of [8, 6, 7, 10]) add(held, number, 1, number === 7 ? 'b' : 'a');
  expect(held.reach).toBe(8);
  expect(held.discard('b')).toEqual([7]);
  expect(held.reach).toBe(6);
  held.advance(9);
  expect(held.reach).toBe(10);
  held.advance(1_000_000);
  expect([held.reach, held.count]).toEqual([1_000_000, 0]);
});
