/** What a cache of generations keeps, against a model that keeps everything. */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { GenerationCache } from '../../../src/protocol/generation-cache.js';

const GENERATION = 5;

describe('a cache of generations', () => {
  it('never gives another value than the last that was set, and always the last few', () => {
    const action = fc.record({ key: fc.nat(12), value: fc.option(fc.nat()) });
    fc.assert(
      fc.property(fc.array(action, { maxLength: 200 }), (actions) => {
        const cache = new GenerationCache<number, number>(GENERATION);
        const model = new Map<number, number>();
        let recent: number[] = [];
        for (const { key, value } of actions) {
          if (value === null) {
            const found = cache.get(key);
            if (found !== undefined || recent.includes(key)) expect(found).toBe(model.get(key));
            if (found === undefined) continue;
          } else {
            cache.set(key, value);
            model.set(key, value);
          }
          recent = [key, ...recent.filter((known) => known !== key)].slice(0, GENERATION);
        }
      }),
    );
  });

  it('keeps fewer than two generations', () => {
    const cache = new GenerationCache<number, number>(GENERATION);
    const kept = () => Array.from({ length: 1_000 }, (_, key) => key).filter((key) => cache.has(key)).length;
    for (let key = 0; key < 1_000; key++) {
      cache.set(key, key);
      expect(kept()).toBeLessThan(2 * GENERATION);
    }
  });

  it('keeps what is asked for again and again, and not what it is only looked for', () => {
    const cache = new GenerationCache<string, number>(GENERATION);
    cache.set('asked', 1);
    cache.set('looked for', 2);
    for (let key = 0; key < 3 * GENERATION; key++) {
      cache.set(String(key), key);
      cache.get('asked');
      cache.has('looked for');
    }
    expect([cache.get('asked'), cache.get('looked for')]).toEqual([1, undefined]);
  });
});
