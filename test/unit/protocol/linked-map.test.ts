import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import fc from 'fast-check';
import { expect, it } from 'vitest';
import { LinkedMap } from '../../../src/protocol/linked-map.js';

const KEY = fc.integer({ min: 0, max: 7 });

it('does what a Map in order of insertion does, whatever is done to it', () => {
  const step = fc.tuple(fc.constantFrom('set', 'renew', 'delete', 'dropOldest'), KEY, fc.integer());
  fc.assert(
    fc.property(fc.array(step, { maxLength: 60 }), (steps) => {
      const map = new LinkedMap<number, number>();
      const model = new Map<number, number>();
      for (const [what, key, value] of steps) {
        if (what === 'set') {
          map.set(key, value);
          model.delete(key);
          model.set(key, value);
        } else if (what === 'renew') {
          const known = model.get(key);
          expect(map.renew(key)).toBe(known);
          if (model.delete(key)) model.set(key, known as number);
        } else if (what === 'delete') {
          expect(map.delete(key)).toBe(model.delete(key));
        } else if (map.oldest !== undefined) {
          model.delete(map.oldest);
          map.delete(map.oldest);
        }
        expect([map.size, map.oldest]).toEqual([model.size, [...model.keys()][0]]);
        for (let each = 0; each < 8; each++)
          expect([map.has(each), map.get(each)]).toEqual([model.has(each), model.get(each)]);
      }
    }),
  );
});

it('holds nothing that was taken out or moved', () => {
  setFlagsFromString('--expose-gc');
  const collect = runInNewContext('gc') as () => void;
  const map = new LinkedMap<number, object>();
  const churn = (turns: number) => {
    for (let turn = 0; turn < turns; turn++) {
      map.set(turn, { turn });
      map.renew(turn - 50);
      if (map.size > 100) map.delete(map.oldest as number);
    }
    collect();
    return process.memoryUsage().heapUsed;
  };
  const before = churn(10_000);
  // A table that is held for each turn of these would be 20 MB at the least.
  expect(churn(300_000) - before).toBeLessThan(5_000_000);
});
