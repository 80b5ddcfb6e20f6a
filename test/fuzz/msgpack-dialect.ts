/** MessagePack as trees: canonical where a tree is not odd. */
import { Unpackr } from 'msgpackr';
import { type Dialect, isList, Pairs, Raw, type Tree } from './tree.js';

const MAX_DEPTH_READ = 64;

const unpackr = new Unpackr({ mapsAsObjects: false, useRecords: false, int64AsType: 'bigint' });

export const MSGPACK: Dialect = {
  read(bytes) {
    try {
      return treeOf(unpackr.unpack(bytes), 0);
    } catch {
      return undefined;
    }
  },
  pieces: piecesOf,
  oddities: [
    () => null,
    () => [],
    () => new Pairs([]),
    (dice) =>
      dice.pick([0, 1, 2, 127, 128, 255, 256, 65_535, 65_536, 2 ** 31 - 1, 2 ** 31, 2 ** 32, 2 ** 53 - 1]),
    (dice) => dice.bytes(dice.pick([0, 1, 19, 20, 21, 31, 32, 33, 255, 256, 270, 512])),
    (dice) => 'x'.repeat(dice.pick([0, 1, 31, 32, 255, 256, 5_000])),
    (dice) => new Raw(Buffer.from(dice.pick(ODD_FORMS), 'hex')),
    (dice) =>
      new Raw(Buffer.concat([Buffer.alloc(dice.size(20_000), dice.pick([0x91, 0x81])), Buffer.of(0xc0)])),
  ],
};

/** Above 2^53, negative, floats, extensions, wide forms, lengths that lie, bytes that are no text. */
const ODD_FORMS = [
  'cf0020000000000000',
  'cfffffffffffffffff',
  'd3ffffffffffffffff',
  'ff',
  'd080',
  'cb3ff0000000000000',
  'ca7fc00000',
  'cc01',
  'cd0001',
  'cf0000000000000001',
  'c500010a',
  'd90161',
  'dd0000000101',
  'dc000101',
  'ddffffffff',
  'dfffffffff',
  'c6ffffffff',
  'dbffffffff',
  'c1',
  'd40000',
  'c7ff00',
  'd6ff00000000',
  'a1ff',
  'a3eda080',
  'a4f4908080',
  'a100',
  'a9746f537472696e67c0',
];

function treeOf(value: unknown, depth: number): Tree {
  if (depth > MAX_DEPTH_READ) throw new RangeError('too deep to change as a tree');
  if (value === null || typeof value === 'boolean' || typeof value === 'string') return value;
  if (value instanceof Uint8Array) return value;
  if (Array.isArray(value)) return value.map((child) => treeOf(child, depth + 1));
  if (value instanceof Map)
    return new Pairs([...value].map(([key, of]) => [treeOf(key, depth + 1), treeOf(of, depth + 1)]));
  const integer = Number(value);
  if (Number.isSafeInteger(integer) && integer >= 0) return integer;
  throw new TypeError('not of this protocol');
}

function* piecesOf(tree: Tree): Generator<Uint8Array> {
  if (tree instanceof Raw) yield tree.bytes;
  else if (tree === null) yield Uint8Array.of(0xc0);
  else if (typeof tree === 'boolean') yield Uint8Array.of(tree ? 0xc3 : 0xc2);
  else if (typeof tree === 'number') yield integer(tree);
  else if (typeof tree === 'string') {
    const text = Buffer.from(tree);
    yield text.length < 32 ? Uint8Array.of(0xa0 | text.length) : sized(text.length, 0xd9, 1);
    yield text;
  } else if (tree instanceof Uint8Array) {
    yield sized(tree.length, 0xc4, 1);
    yield tree;
  } else if (isList(tree)) {
    yield tree.length < 16 ? Uint8Array.of(0x90 | tree.length) : sized(tree.length, 0xdc, 2);
    for (const child of tree) yield* piecesOf(child);
  } else {
    const { list } = tree;
    yield list.length < 16 ? Uint8Array.of(0x80 | list.length) : sized(list.length, 0xde, 2);
    for (const [key, value] of list) {
      yield* piecesOf(key);
      yield* piecesOf(value);
    }
  }
}

function integer(value: number): Uint8Array {
  if (value < 0x80) return Uint8Array.of(value);
  if (value <= 0xffffffff) return sized(value, 0xcc, 1);
  const bytes = Buffer.alloc(9, 0xcf);
  bytes.writeBigUInt64BE(BigInt(value), 1);
  return bytes;
}

/** The header and big-endian bytes of the shortest width, of `least` bytes at least. */
function sized(value: number, header: number, least: 1 | 2): Uint8Array {
  const width = value < 0x100 && least === 1 ? 1 : value < 0x10000 ? 2 : 4;
  const bytes = Buffer.alloc(1 + width);
  bytes[0] = header + (least === 1 ? width >> 1 : width >> 2);
  bytes.writeUIntBE(value, 1, width);
  return bytes;
}
