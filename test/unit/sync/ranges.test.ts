import fc from 'fast-check';
import { expect, test } from 'vitest';
import { Ranges } from '../../../src/sync/ranges.js';

const LIMIT = 60;
const range = fc
  .tuple(fc.nat({ max: LIMIT }), fc.nat({ max: LIMIT }))
  .map(([a, b]) => ({ from: Math.min(a, b), to: Math.max(a, b) }));

test('is the set that additions and removals make, in disjoint, rising, unmergeable ranges', () => {
  fc.assert(
    fc.property(fc.array(fc.record({ adds: fc.boolean(), range })), (steps) => {
      const ranges = new Ranges();
      const model = new Set<number>();
      for (const { adds, range } of steps) {
        if (adds) ranges.add(range.from, range.to);
        else ranges.remove(range.from, range.to);
        for (let n = range.from; n <= range.to; n++) adds ? model.add(n) : model.delete(n);
      }
      const listed = ranges.list.flatMap(({ from, to }) =>
        Array.from({ length: to - from + 1 }, (_, i) => from + i),
      );
      expect(listed).toEqual([...model].sort((a, b) => a - b));
      ranges.list.slice(1).forEach((next, i) => {
        expect(next.from).toBeGreaterThan((ranges.list[i]?.to ?? 0) + 1);
      });
    }),
  );
});

test('may have no end', () => {
  const ranges = new Ranges();
  ranges.add(2, Number.POSITIVE_INFINITY);
  ranges.remove(5, 9);
  expect(ranges.list).toEqual([
    { from: 2, to: 4 },
    { from: 10, to: Number.POSITIVE_INFINITY },
  ]);
});
