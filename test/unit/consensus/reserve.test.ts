import { describe, expect, it } from 'vitest';
import type { Statement } from '../../../src/consensus/effects.js';
import { EAGER_HEIGHTS, keptBackMs, Reserve } from '../../../src/consensus/reserve.js';
import { PRECOMMIT, PREVOTE, type VoteType } from '../../../src/protocol/vote.js';
import { authoritySet, fakeBlock, TIMEOUTS } from './fakes.js';

const BLOCK_ID = fakeBlock(1, '', 'v').id;

function voteAt(
  height: number,
  type: VoteType = PREVOTE,
  round = 0,
  blockId: string | null = BLOCK_ID,
): Statement {
  return { kind: 'vote', content: { height, round, type, blockId }, authority: 0 };
}

/** Whether authority `self` of `n` keeps its vote back at `height`. */
function keepsBack(n: number, height: number, self: number | undefined): boolean {
  const reserve = new Reserve();
  reserve.enterHeight(height, authoritySet(n), self);
  return reserve.keeps(voteAt(height));
}

describe('the reserve of a height', () => {
  it.each([1, 2, 3, 4, 5, 6, 7, 10, 13])(
    'leaves a quorum of %i that speak at once, the leader first',
    (n) => {
      const { quorum } = authoritySet(n);
      for (let height = 1; height <= 2 * n; height++) {
        const turns = Array.from({ length: n }, (_, turn) => (height + turn) % n);
        const speakers = turns.filter((self) => !keepsBack(n, height, self));
        expect(speakers).toEqual(turns.slice(0, quorum));
      }
    },
  );

  it('is nobody who is no authority', () => {
    expect(keepsBack(4, 3, undefined)).toBe(false);
  });

  it('keeps back votes for a block in round 0, and gives them in the order in which they were cast', () => {
    const reserve = new Reserve();
    reserve.enterHeight(5, authoritySet(4), 0);
    expect(reserve.keeps(voteAt(5, PREVOTE, 0, null))).toBe(false);
    expect(reserve.keeps(voteAt(5, PREVOTE, 1))).toBe(false);
    const cast = [voteAt(5, PREVOTE), voteAt(5, PRECOMMIT)];
    expect(cast.map((vote) => reserve.keeps(vote))).toEqual([true, true]);
    expect(reserve.release()).toEqual(cast);
    expect(reserve.release()).toEqual([]);
  });

  it('votes at once for a while after it was needed, and not after it was merely asked', () => {
    const reserve = new Reserve();
    const set = authoritySet(4);
    const keepsAt = (height: number) => {
      reserve.enterHeight(height, set, 0);
      return reserve.keeps(voteAt(height));
    };
    reserve.enterHeight(1, set, 0);
    reserve.release();
    expect(keepsAt(5)).toBe(true);
    expect(reserve.release()).toHaveLength(1);
    expect(reserve.keeps(voteAt(5, PRECOMMIT))).toBe(false);
    const heights = Array.from({ length: EAGER_HEIGHTS / 4 }, (_, i) => 9 + 4 * i);
    expect(heights.filter(keepsAt)).toEqual([5 + EAGER_HEIGHTS]);
  });

  it('waits for a moment only, and for less where votes are waited for less', () => {
    const of = (timeout_vote_ms: number) => keptBackMs({ ...TIMEOUTS, timeout_vote_ms });
    expect([of(60_000), of(500), of(100)]).toEqual([50, 50, 10]);
  });

  it('forgets at the next height what it kept back', () => {
    const reserve = new Reserve();
    reserve.enterHeight(5, authoritySet(4), 0);
    reserve.keeps(voteAt(5));
    reserve.enterHeight(6, authoritySet(4), 0);
    expect(reserve.release()).toEqual([]);
  });
});
