import { expect, it } from 'vitest';
import { Lru } from '../../../src/storage/lru.js';

it('forgets what was used longest ago, reading counts as use', () => {
  const lru = new Lru<string, number>(2);
  lru.set('a', 1);
  lru.set('b', 2);
  expect(lru.get('a')).toBe(1);
  lru.set('c', 3);
  expect(lru.get('b')).toBeUndefined();
  expect(lru.get('a')).toBe(1);
  lru.set('c', 4);
  expect(lru.get('c')).toBe(4);
  expect(lru.get('a')).toBe(1);
});

it('forgets in the order of use over many turns', () => {
  const lru = new Lru<number, number>(10);
  let model: number[] = [];
  for (let turn = 0; turn < 5_000; turn++) {
    // 17 keys in an order that repeats late: some are used again, some come back after they were forgotten.
    const key = (turn * turn + 3 * turn) % 17;
    expect(lru.get(key)).toBe(model.includes(key) ? key : undefined);
    lru.set(key, key);
    model = [...model.filter((known) => known !== key), key].slice(-10);
  }
});

it('keeps what weighs no more than its capacity together, whatever is put in again', () => {
  const lru = new Lru<string, string>(10, (value) => value.length);
  lru.set('a', 'aaaa');
  lru.set('b', 'bbbb');
  lru.set('a', 'aaaaaa');
  expect(lru.get('b')).toBe('bbbb');
  expect(lru.get('a')).toBe('aaaaaa');
  lru.set('c', 'ccc');
  expect(lru.get('b')).toBeUndefined();
  expect([lru.get('a'), lru.get('c')]).toEqual(['aaaaaa', 'ccc']);
  lru.set('d', 'too heavy alone');
  expect([lru.get('a'), lru.get('c'), lru.get('d')]).toEqual([undefined, undefined, undefined]);
  lru.set('e', 'e'.repeat(10));
  expect(lru.get('e')).toBe('e'.repeat(10));
});
