import { describe, expect, test } from 'vitest';
import { fromHex, toHex } from '../../../src/protocol/bytes.js';
import { decode, encode, type Value } from '../../../src/protocol/encoding.js';
import { brief, refusalOf, vectors } from './load.js';

const {
  encode: values,
  encode_bytes: byteStrings,
  refuse,
} = vectors<{
  encode: { value: Value; hex: string }[];
  encode_bytes: { value_hex: string; hex: string }[];
  refuse: { why: string; hex: string }[];
}>('encoding');

describe('canonical MessagePack (section 1)', () => {
  for (const { value, hex } of values) {
    test(`encodes and decodes ${brief(value)}`, () => {
      expect(toHex(encode(value))).toBe(hex);
      expect(decode(fromHex(hex))).toEqual(value);
    });
  }

  for (const { value_hex, hex } of byteStrings) {
    test(`encodes and decodes the ${value_hex.length / 2} bytes ${brief(value_hex)}`, () => {
      expect(toHex(encode(fromHex(value_hex)))).toBe(hex);
      const decoded = decode(fromHex(hex));
      expect(decoded).toBeInstanceOf(Uint8Array);
      expect(toHex(decoded as Uint8Array)).toBe(value_hex);
    });
  }

  for (const { why, hex } of refuse) {
    test(`refuses ${why}`, () => expect(refusalOf(() => decode(fromHex(hex)))).toBe('MALFORMED'));
  }
});
