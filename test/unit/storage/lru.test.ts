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
