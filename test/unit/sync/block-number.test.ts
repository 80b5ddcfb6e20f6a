import fc from 'fast-check';
import { expect, test } from 'vitest';
import { encodeHeader } from '../../../src/protocol/block.js';
import { ZERO_ADDRESS, ZERO_HASH } from '../../../src/protocol/bytes.js';
import { encode } from '../../../src/protocol/encoding.js';
import { ProtocolError } from '../../../src/protocol/errors.js';
import { numberOfBlock } from '../../../src/sync/block-number.js';

function blockWith(number: number, dataBytes: number): Uint8Array {
  const header = encodeHeader({
    number,
    time: 1,
    hashParent: ZERO_HASH,
    hashState: ZERO_HASH,
    hashTxns: ZERO_HASH,
    hashAuthorities: ZERO_HASH,
    coinbase: ZERO_ADDRESS,
    reward: 0,
    difficulty: 0,
    data: new Uint8Array(dataBytes),
  });
  return encode([header, 0, null, []]);
}

test.each([0, 200, 4_096, 70_000])('reads the number with %i bytes of data in the header', (dataBytes) => {
  expect(numberOfBlock(blockWith(123_456, dataBytes))).toBe(123_456);
});

test('refuses everything else with a protocol error', () => {
  const good = blockWith(7, 10);
  const refuses = (bytes: Uint8Array): void => {
    expect(() => numberOfBlock(bytes)).toThrow(ProtocolError);
  };
  fc.assert(fc.property(fc.uint8Array({ maxLength: 300 }), refuses));
  fc.assert(
    fc.property(fc.nat({ max: good.length - 30 }), (length) =>
      refuses(good.subarray(0, Math.min(length, 170))),
    ),
  );
});
