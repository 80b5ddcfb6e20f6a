import fc from 'fast-check';
import { expect, it } from 'vitest';
import { median, percentile } from '../../../bench/lib/statistics.js';

const values = fc.array(fc.double({ noNaN: true, noDefaultInfinity: true }), { minLength: 1 });

it('takes the value that so many percent do not exceed', () => {
  const hundred = Array.from({ length: 100 }, (_, i) => 100 - i);
  expect(percentile(hundred, 50)).toBe(50);
  expect(percentile(hundred, 99)).toBe(99);
  expect(percentile(hundred, 100)).toBe(100);
  expect(percentile(hundred, 0)).toBe(1);
  expect(percentile([10, 2], 50)).toBe(2);
});

it('takes one of the values, which at least so many of them do not exceed and fewer would not', () => {
  fc.assert(
    fc.property(values, fc.integer({ min: 1, max: 100 }), (list, percent) => {
      const value = percentile(list, percent);
      const below = list.filter((one) => one < value).length;
      const upTo = list.filter((one) => one <= value).length;
      expect(list).toContain(value);
      expect(upTo * 100).toBeGreaterThanOrEqual(percent * list.length);
      expect(below * 100).toBeLessThan(percent * list.length);
    }),
  );
});

it('takes the middle one, or the mean of the two in the middle', () => {
  expect(median([9, 1, 5])).toBe(5);
  expect(median([9, 1, 5, 6])).toBe(5.5);
  expect(median([7])).toBe(7);
});

it('has no number for nothing, and leaves the list as it is', () => {
  expect(() => median([])).toThrow('nothing');
  expect(() => percentile([], 50)).toThrow('nothing');
  const list = [3, 1, 2];
  median(list);
  percentile(list, 50);
  expect(list).toEqual([3, 1, 2]);
});
