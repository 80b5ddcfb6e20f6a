/** JSON as trees. */
import fc from 'fast-check';
import { type Dialect, isList, Pairs, Raw, type Tree } from './tree.js';

const MAX_DEPTH_READ = 64;

export const JSON_DIALECT: Dialect = {
  read(bytes) {
    try {
      return treeOf(JSON.parse(Buffer.from(bytes).toString()), 0);
    } catch {
      return undefined;
    }
  },
  pieces: piecesOf,
  oddities: [
    () => null,
    () => [],
    () => new Pairs([]),
    (dice) => raw(dice.pick(ODD_FORMS)),
    (dice) => raw(dice.pick(ODD_FORMS)),
    (dice) => dice.pick(ODD_TEXTS),
    (dice) => 'x'.repeat(dice.pick([1, 39, 41, 64, 255, 256, 5_000])),
    (dice) => raw('['.repeat(dice.size(20_000)) + ']'.repeat(dice.size(20_000))),
    (dice) => raw('{"a":'.repeat(dice.size(10_000))),
    (dice) => new Pairs([[dice.pick(ODD_TEXTS), 1]]),
    (dice) =>
      raw(fc.sample(fc.json({ maxDepth: 4 }), { seed: dice.below(2 ** 31), numRuns: 1 })[0] ?? 'null'),
  ],
};

/** As the configuration names an environment variable. */
const variable = (name: string) => `${'$'}{${name}}`;

const ODD_FORMS = [
  '-0',
  '-1',
  '0.5',
  '5.0',
  '1e3',
  '1e400',
  '1e-400',
  '9007199254740991',
  '9007199254740992',
  '9007199254740990.5',
  '00',
  '01',
  '+1',
  '.5',
  '1.',
  'NaN',
  'Infinity',
  'true',
  'false',
  'tru',
  'undefined',
  '1'.repeat(5_000),
  `0.${'0'.repeat(5_000)}1`,
  '"\\ud800"',
  '"\\u0000"',
  '"\\x41"',
  '"\u0001"',
  "'a'",
  '[1,]',
  '{"a":1,"a":2}',
  '{"a":1,}',
  '/**/1',
  '// c\n1',
  '\ufeff1',
  '"',
];

const ODD_TEXTS = [
  '',
  ' ',
  '\0',
  '\u2028',
  '\ud83d\ude00',
  'e\u0301',
  '__proto__',
  'constructor',
  'toString',
  'hasOwnProperty',
  variable('HOME'),
  variable(''),
  variable('__proto__'),
  variable('NO_SUCH'),
  '../../etc/passwd',
  '-1',
  '1e9',
  '0x10',
  'true',
  'null',
  '*',
  '127.0.0.1:1',
  '[::1]:1',
  '[::1',
  '300.1.1.1:1',
  'a:99999',
  ':',
  '%00',
  '\u202e',
  'A'.repeat(40),
  '0'.repeat(40),
  '0'.repeat(64),
  'g'.repeat(40),
  '====',
  'AAAA',
  'QQ==',
  'QR==',
];

function raw(text: string): Raw {
  return new Raw(Buffer.from(text));
}

function treeOf(value: unknown, depth: number): Tree {
  if (depth > MAX_DEPTH_READ) throw new RangeError('too deep to change as a tree');
  if (value === null || typeof value === 'boolean' || typeof value === 'number' || typeof value === 'string')
    return value;
  if (Array.isArray(value)) return value.map((child) => treeOf(child, depth + 1));
  return new Pairs(Object.entries(value as object).map(([key, of]) => [key, treeOf(of, depth + 1)]));
}

function* piecesOf(tree: Tree): Generator<Uint8Array> {
  if (tree instanceof Raw) yield tree.bytes;
  else if (isList(tree)) {
    yield Buffer.from('[');
    for (const [i, child] of tree.entries()) {
      if (i > 0) yield Buffer.from(',');
      yield* piecesOf(child);
    }
    yield Buffer.from(']');
  } else if (tree instanceof Pairs) {
    yield Buffer.from('{');
    for (const [i, [key, value]] of tree.list.entries()) {
      if (i > 0) yield Buffer.from(',');
      yield* piecesOf(key);
      yield Buffer.from(':');
      yield* piecesOf(value);
    }
    yield Buffer.from('}');
  } else yield Buffer.from(JSON.stringify(tree));
}
