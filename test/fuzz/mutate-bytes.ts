/** Changes to bytes that know nothing of what they mean: flips, splices, truncation, lengths, repetition. */
import type { Dice } from './dice.js';

/** Inputs are cut here: what is slow by its nature would otherwise look like what is slow by mistake. */
export const MAX_INPUT_BYTES = 65_536;
const MAX_CHANGES = 6;

const ODD_BYTES = [0x00, 0x01, 0x20, 0x22, 0x7f, 0x80, 0x90, 0x91, 0xa0, 0xc0, 0xc1, 0xc4, 0xdd, 0xdf, 0xff];
const ODD_INTEGERS = [
  0, 1, 31, 32, 127, 128, 255, 256, 65_535, 65_536, 16_384, 3_000_000, 3_000_001, 0x7fffffff, 0x80000000,
  0xffffffff,
];
/** What opens a level of nesting in the formats here. */
const OPENINGS = ['\x91', '\x81\xa1a', '\xdd\x00\x00\x00\x01', '[', '{"a":', '"', '\\u', '//\n', '\r\n', ' '];

type Change = (bytes: Uint8Array, dice: Dice, corpus: readonly Uint8Array[]) => Uint8Array;

const CHANGES: readonly Change[] = [
  function flipBit(bytes, dice) {
    const at = dice.below(bytes.length);
    return replaced(bytes, at, 1, Uint8Array.of((bytes[at] ?? 0) ^ (1 << dice.below(8))));
  },
  function setByte(bytes, dice) {
    return replaced(bytes, dice.below(bytes.length), 1, Uint8Array.of(dice.pick(ODD_BYTES)));
  },
  function setInteger(bytes, dice) {
    const integer = Buffer.alloc(4);
    const value = dice.oneIn(2) ? dice.pick(ODD_INTEGERS) : bytes.length + dice.below(9) - 4;
    if (dice.oneIn(2)) integer.writeUInt32LE(value >>> 0);
    else integer.writeUInt32BE(value >>> 0);
    const width = dice.pick([1, 2, 4]);
    return replaced(bytes, dice.below(bytes.length), width, integer.subarray(4 - width));
  },
  function insert(bytes, dice) {
    return replaced(bytes, dice.below(bytes.length + 1), 0, dice.bytes(1 + dice.size(64)));
  },
  function remove(bytes, dice) {
    return replaced(bytes, dice.below(bytes.length), 1 + dice.size(bytes.length), NOTHING);
  },
  function truncate(bytes, dice) {
    return bytes.slice(0, dice.below(bytes.length + 1));
  },
  function copyWithin(bytes, dice) {
    const from = dice.below(bytes.length);
    const piece = bytes.slice(from, from + 1 + dice.size(bytes.length));
    return replaced(bytes, dice.below(bytes.length), dice.oneIn(2) ? piece.length : 0, piece);
  },
  function splice(bytes, dice, corpus) {
    const other = dice.pick(corpus);
    const from = dice.below(other.length + 1);
    const piece = other.slice(from, from + 1 + dice.size(other.length + 1));
    return replaced(bytes, dice.below(bytes.length + 1), dice.size(bytes.length + 1), piece);
  },
  function repeat(bytes, dice) {
    const from = dice.below(bytes.length);
    const piece = Buffer.from(bytes.slice(from, from + 1 + dice.size(32)));
    return replaced(bytes, from, 0, Buffer.concat(Array.from({ length: 1 + dice.size(4_096) }, () => piece)));
  },
  function nest(bytes, dice) {
    const opening = Buffer.from(dice.pick(OPENINGS).repeat(1 + dice.size(20_000)), 'latin1');
    return replaced(bytes, dice.below(bytes.length + 1), 0, opening);
  },
];

const NOTHING = new Uint8Array(0);

/** A few changes to `bytes`; `corpus` is what splices are taken from. */
export function mutateBytes(bytes: Uint8Array, dice: Dice, corpus: readonly Uint8Array[]): Uint8Array {
  let mutated = bytes;
  for (let left = 1 + dice.size(MAX_CHANGES); left > 0; left--) {
    mutated = dice.pick(CHANGES)(mutated, dice, corpus).slice(0, Math.max(MAX_INPUT_BYTES, bytes.length));
  }
  return mutated;
}

function replaced(bytes: Uint8Array, at: number, count: number, by: Uint8Array): Uint8Array {
  return Uint8Array.from(Buffer.concat([bytes.subarray(0, at), by, bytes.subarray(at + count)]));
}
