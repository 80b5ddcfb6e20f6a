import { describe, expect, test } from 'vitest';
import {
  boolean,
  choice,
  decimal,
  dictionary,
  integer,
  list,
  nearestName,
  object,
  optional,
  text,
  withDefault,
} from '../../../src/protocol/schema.js';

const short = text('a text of at most 3 characters', (value) => value.length <= 3);
const schema = object({
  count: integer(1, 9),
  rate: withDefault(decimal(0, 10, 1), 0.5),
  deep: withDefault(
    object({ flag: withDefault(boolean(), false), mode: withDefault(choice('a', 'b'), 'a') }),
    {},
  ),
  names: withDefault(list(short, 0, 2), []),
  maybe: optional(integer()),
});

describe('a schema', () => {
  test('fills in defaults, also of whole sections', () => {
    expect(schema.read({ count: 3 }, '')).toEqual({
      count: 3,
      rate: 0.5,
      deep: { flag: false, mode: 'a' },
      names: [],
      maybe: undefined,
    });
    expect(
      schema.read({ count: 9, rate: 1.5, deep: { mode: 'b' }, names: ['x'], maybe: 0 }, ''),
    ).toMatchObject({
      deep: { flag: false, mode: 'b' },
      maybe: 0,
    });
  });

  test.each([
    [{}, 'count is missing: it must be an integer from 1 to 9'],
    [{ count: 10 }, 'count must be an integer from 1 to 9, not 10'],
    [{ count: 1.5 }, 'count must be an integer from 1 to 9, not 1.5'],
    [{ count: '3' }, 'count must be an integer from 1 to 9, not "3"'],
    [{ count: null }, 'count must be an integer from 1 to 9, not null'],
    [{ count: 3, maybe: null }, 'maybe must be an integer from 0 to 2^53-1, not null'],
    [{ count: 3, maybe: 2 ** 53 }, 'maybe must be an integer from 0 to 2^53-1, not 9007199254740992'],
    [{ count: 3, rate: 0.25 }, 'rate must be a number from 0 to 10 with at most 1 decimals, not 0.25'],
    [{ count: 3, deep: [] }, 'deep must be an object with the keys flag, mode, not an empty list'],
    [{ count: 3, deep: { flag: 1 } }, 'deep.flag must be true or false, not 1'],
    [{ count: 3, deep: { mode: 'c' } }, 'deep.mode must be "a" or "b", not "c"'],
    [{ count: 3, deep: { flog: true } }, 'unknown key deep.flog: did you mean flag?'],
    [{ count: 3, other: true }, 'unknown key other: known are count, rate, deep, names, maybe'],
    [{ count: 3, names: ['abcd'] }, 'names[0] must be a text of at most 3 characters, not "abcd"'],
    [
      { count: 3, names: ['', '', ''] },
      'names must be a list of 0 to 2, each a text of at most 3 characters, not a list of 3',
    ],
    [[], 'the file must be an object with the keys count, rate, deep, names, maybe, not an empty list'],
  ])('refuses %j', (value, message) => {
    expect(() => schema.read(value, '')).toThrow(message);
  });

  test('takes -0 for 0, as -0 has no encoding', () => {
    expect(Object.is(integer().read(-0, 'n'), 0)).toBe(true);
    expect(Object.is(decimal(0, 1, 3).read(-0, 'n'), 0)).toBe(true);
  });

  test('checks the keys of a dictionary', () => {
    const words = dictionary({ expected: 'lower-case', fits: (key) => /^[a-z]+$/.test(key) }, integer());
    expect(words.read({ a: 1 }, 'w')).toEqual({ a: 1 });
    expect(() => words.read({ A: 1 }, 'w')).toThrow('the key of w.A must be lower-case');
    expect(() => words.read({ a: -1 }, 'w')).toThrow('w.a must be an integer');
  });

  test('shortens what it quotes', () => {
    expect(() => short.read('x'.repeat(10_000), 'a')).toThrow(/^.{1,120}$/);
  });
});

describe('the nearest name', () => {
  const known = ['interval', 'max_bound', 'min_bound', 'miners'];

  test.each([
    ['intervall', 'interval'],
    ['itnerval', 'interval'],
    ['minors', 'miners'],
    ['min-bound', 'min_bound'],
    ['wholly_else', undefined],
    ['x'.repeat(1_000_000), undefined],
  ])('of %s', (name, near) => {
    expect(nearestName(name, known)).toBe(near);
  });
});
