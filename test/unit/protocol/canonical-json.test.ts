import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { canonicalJson } from '../../../src/protocol/canonical-json.js';
import type { Json } from '../../../src/protocol/strict-json.js';

const json = fc.jsonValue({ noUnicodeString: false }) as fc.Arbitrary<Json>;

describe('canonical JSON', () => {
  test('means what it was made of', () => {
    fc.assert(
      fc.property(json, (value) => {
        fc.pre(JSON.stringify(value).isWellFormed());
        expect(JSON.parse(canonicalJson(value))).toEqual(JSON.parse(JSON.stringify(value)));
      }),
    );
  });

  test('is the same for any order of keys, and a fixed point', () => {
    const entries = fc.uniqueArray(fc.tuple(fc.string(), json), { selector: ([key]) => key });
    fc.assert(
      fc.property(entries, (list) => {
        const text = canonicalJson(Object.fromEntries(list));
        expect(canonicalJson(Object.fromEntries([...list].reverse()))).toBe(text);
        expect(canonicalJson(JSON.parse(text))).toBe(text);
      }),
    );
  });

  test('sorts keys by UTF-16 code units, as in RFC 8785 section 3.2.3', () => {
    const keys = { '\u20ac': 1, '\r': 2, '\ufb33': 3, '1': 4, '\ud83d\ude00': 5, '\u0080': 6, '\u00f6': 7 };
    expect(
      Object.values(
        JSON.parse(
          `[${canonicalJson(keys)
            .replace(/"[^"]*":/g, '')
            .slice(1, -1)}]`,
        ),
      ),
    ).toEqual([2, 4, 6, 7, 1, 5, 3]);
  });

  test('writes numbers and strings as RFC 8785 section 3.2.2 has them', () => {
    expect(canonicalJson([Number('333333333.33333329'), 1e30, 4.5, 2e-3, 1e-27, -0, 1e21])).toBe(
      '[333333333.3333333,1e+30,4.5,0.002,1e-27,0,1e+21]',
    );
    expect(canonicalJson('\u20ac$\u000f\u000aA\'B"\\\\"/\u2028')).toBe(
      '"\u20ac$\\u000f\\nA\'B\\"\\\\\\\\\\"/\u2028"',
    );
    expect(canonicalJson({ b: [true, null, {}], a: '' })).toBe('{"a":"","b":[true,null,{}]}');
  });

  test('refuses what has no canonical form', () => {
    for (const value of [Number.NaN, Number.POSITIVE_INFINITY, '\ud800', { '\udc00': 1 }, ['\ud800']]) {
      expect(() => canonicalJson(value)).toThrow(TypeError);
    }
  });
});
