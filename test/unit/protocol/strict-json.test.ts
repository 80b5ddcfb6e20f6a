import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { JsonError, joinPath, parseJson } from '../../../src/protocol/strict-json.js';

/** Of a number that is read. */
const MAX_DIGITS = 16;

/** Plain copies: what is parsed has no prototype. */
const plain = (text: string) => JSON.parse(JSON.stringify(parseJson(text)));

function refusal(text: string): string {
  try {
    parseJson(text);
  } catch (error) {
    expect(error).toBeInstanceOf(JsonError);
    return (error as Error).message;
  }
  throw new Error('it was accepted');
}

describe('strict JSON', () => {
  test('reads what JSON.parse reads', () => {
    const json = fc.jsonValue({ noUnicodeString: false, maxDepth: 8 }).filter(keepsItsNumbers);
    fc.assert(
      fc.property(json, fc.constantFrom(undefined, 2, '\t'), (value, indent) => {
        const text = JSON.stringify(value, undefined, indent);
        expect(plain(text)).toEqual(JSON.parse(text));
      }),
    );
  });

  test('never reads what JSON.parse refuses, comments apart', () => {
    const near = fc
      .tuple(
        fc.jsonValue({ maxDepth: 3 }),
        fc.nat(),
        fc.constantFrom(',', '"', '}', ']', '0', '-', '\\', ' '),
      )
      .map(([value, at, insert]) => {
        const text = JSON.stringify(value);
        return text.slice(0, at % (text.length + 1)) + insert + text.slice(at % (text.length + 1));
      });
    fc.assert(
      fc.property(near, (text) => {
        let ours: unknown;
        try {
          ours = parseJson(text, { comments: false });
        } catch {
          return;
        }
        expect(JSON.parse(JSON.stringify(ours))).toEqual(JSON.parse(text));
      }),
    );
  });

  test('takes // comments between tokens, and only there', () => {
    expect(plain('// a\n{ // b\n"a": // c\n1 // d\n, "b": "// no comment" } // e')).toEqual({
      a: 1,
      b: '// no comment',
    });
    expect(refusal('/* a */ 1')).toContain('line 1, column 1');
    expect(() => parseJson('1 // a', { comments: false })).toThrow(JsonError);
  });

  test.each([
    ['', 'line 1, column 1: expected a value, found the end of the text'],
    ['{network_id: 7}', 'line 1, column 2: expected a key in double quotes, found "n"'],
    ['{"a": 1,}', 'line 1, column 9: expected a key in double quotes, found "}"'],
    ['[1,\n 2,\n]', 'line 3, column 1: expected a value, found "]"'],
    ['{"a": {"b": 1, "b": 2}}', 'line 1, column 16: duplicate key a.b'],
    ['{"a": 1, "\\u0061": 2}', 'line 1, column 10: duplicate key a'],
    ['{"a" 1}', 'line 1, column 6: expected a colon after the key a, found "1"'],
    ['{"a": 1} x', 'line 1, column 10: expected the end of the text, found "x"'],
    ['{"a": 01}', 'line 1, column 8: expected a comma or }, found "1"'],
    ['{"a": nul}', 'line 1, column 7: expected a value, found "n"'],
    [
      '{"a": 9007199254740991.4}',
      'line 1, column 7: the number 9007199254740991.4 of a cannot be kept exactly',
    ],
    ['1e999', 'line 1, column 1: the number 1e999 cannot be kept exactly'],
    ['1e-999', 'line 1, column 1: the number 1e-999 cannot be kept exactly'],
    ['-', 'line 1, column 1: expected a number, found "-"'],
    ['"\\ud800"', 'line 1, column 1: a string with half of a surrogate pair'],
    ['\ufeff{}', 'line 1, column 1: expected a value, found "\ufeff"'],
  ])('refuses %j', (text, message) => {
    expect(refusal(text)).toBe(message);
  });

  test.each(['"a\nb"', '"abc', '"\\x"', '"\\u12"', '"\u0000"'])('refuses the string %j', (text) => {
    expect(refusal(text)).toContain('a string must end');
  });

  test('bounds depth, and only depth', () => {
    expect(plain('['.repeat(32) + ']'.repeat(32))).toBeInstanceOf(Array);
    expect(refusal('['.repeat(100_000))).toContain('nested deeper than 32');
    expect(refusal('{"a":'.repeat(100_000))).toContain('nested deeper than 32');
    expect(parseJson(JSON.stringify('x'.repeat(4_000_000)))).toHaveLength(4_000_000);
  });

  test('keeps keys that objects inherit as keys', () => {
    const object = parseJson('{"__proto__": 1, "constructor": 2}');
    expect(Object.entries(object as object)).toEqual([
      ['__proto__', 1],
      ['constructor', 2],
    ]);
  });

  test('writes paths', () => {
    expect(joinPath(joinPath(joinPath('', 'a'), 3), 'b c')).toBe('a[3]["b c"]');
  });
});

/** JSON.parse takes numbers of any length; we refuse those that might have been rounded. */
function keepsItsNumbers(value: unknown): boolean {
  const text = JSON.stringify(value).replace(/"(?:[^"\\]|\\.)*"/g, '');
  return [...text.matchAll(/\d+(?:\.\d+)?/g)].every(
    ([number]) => number.replace('.', '').replace(/^0+/, '').length <= MAX_DIGITS,
  );
}
