import { describe, expect, it } from 'vitest';
import { sha256Hex } from '../../../src/protocol/hash.js';
import { blockIdOf, meetsDifficulty, seekNonce } from '../../../src/protocol/proof-of-work.js';

const MINING_HASH = sha256Hex('some header');

/** The rule word for word. */
function lowestNonce(difficulty: number, from: number): number {
  for (let nonce = from; ; nonce++)
    if (sha256Hex(`${nonce}${MINING_HASH}`).startsWith('0'.repeat(difficulty))) return nonce;
}

describe('the search for a nonce', () => {
  it.each([0, 1, 8, 9, 10, 95, 99, 100, 989, 9_990, 99_999, 999_999])(
    'finds the lowest one from %i on, whatever digits it has',
    (from) => {
      for (const difficulty of [0, 1, 2, 3]) {
        const nonce = lowestNonce(difficulty, from);
        expect(seekNonce(MINING_HASH, difficulty, from, 100_000)).toBe(nonce);
        expect(meetsDifficulty(blockIdOf(nonce, MINING_HASH), difficulty)).toBe(true);
      }
    },
  );

  it('tries as many as it is told, and no more', () => {
    const nonce = lowestNonce(2, 50);
    expect(seekNonce(MINING_HASH, 2, 50, nonce - 50)).toBeUndefined();
    expect(seekNonce(MINING_HASH, 2, 50, nonce - 50 + 1)).toBe(nonce);
  });
});
