import { describe, expect, it } from 'vitest';
import { assessReadiness, credibleHeight, type ReadinessFacts } from '../../../src/node/readiness.js';
import { authoritySet } from '../consensus/fakes.js';

const WELL: ReadinessFacts = {
  phase: 'ready',
  head: 100,
  credibleHeight: 101,
  outOfReach: null,
  maxBehind: 5,
  timeoutProposeMs: 1_000,
  quorumLostMs: 0,
  stalledMs: 0,
  peerClockOffsetsMs: [100, -200, 50],
};

describe('readiness', () => {
  it('is ready when all is well', () => {
    expect(assessReadiness(WELL)).toEqual({ ready: true, reasons: [] });
  });

  it.each<[string, Partial<ReadinessFacts>, RegExp]>([
    ['syncing', { phase: 'downloading' }, /still downloading/],
    ['too far behind', { credibleHeight: 106 }, /6 blocks behind/],
    ['not able to get there', { credibleHeight: 103, outOfReach: 'no peer keeps it' }, /^no peer keeps it$/],
    ['without a quorum for three timeouts', { quorumLostMs: 3_001 }, /no quorum .* 3 s/],
    ['standing still for three timeouts', { stalledMs: 4_000 }, /no block became final for 4 s/],
    ['ahead of the peers', { peerClockOffsetsMs: [-6_000, -7_000, 10] }, /clock is 6 s ahead of/],
    ['behind the peers', { peerClockOffsetsMs: [6_000, 7_000, 10] }, /clock is 6 s behind/],
  ])('is not ready when %s', (_, facts, reason) => {
    const { ready, reasons } = assessReadiness({ ...WELL, ...facts });
    expect(ready).toBe(false);
    expect(reasons.join()).toMatch(reason);
  });

  it.each<[string, Partial<ReadinessFacts>]>([
    ['exactly max_behind', { credibleHeight: 105 }],
    ['short of three timeouts without a quorum', { quorumLostMs: 3_000, stalledMs: 3_000 }],
    ['a basic node, which need not know the authorities', { quorumLostMs: null }],
    ['one peer whose clock is off', { peerClockOffsetsMs: [60_000, 0, 10] }],
    [
      'a claim of what nobody keeps, which nobody else makes',
      { credibleHeight: 100, outOfReach: 'it is kept by none' },
    ],
    ['no peers', { peerClockOffsetsMs: [] }],
  ])('is ready with %s', (_, facts) => {
    expect(assessReadiness({ ...WELL, ...facts }).ready).toBe(true);
  });
});

describe('the height that peers are believed', () => {
  const authorities = authoritySet(4);
  const peers = (...heights: number[]) =>
    heights.map((height, i) => ({ address: i.toString(16).padStart(40, '0'), height }));
  /** Like those, but no authorities. */
  const strangers = (...heights: number[]) =>
    heights.map((height, i) => ({ address: `${i}`.padStart(40, 'f'), height }));

  it.each<[string, number, { address: string; height: number }[]]>([
    ['is 0 without peers', 0, []],
    ['is one that more authorities claim than may lie', 106, peers(1_000_000, 106, 105)],
    ['is not moved by however many that are none', 100, [...peers(100, 100), ...strangers(9e6, 9e6, 9e6)]],
    ['is the median where authorities are too few', 101, [...peers(1_000_000), ...strangers(101, 100)]],
  ])('%s', (_, height, claims) => {
    expect(credibleHeight(claims, authorities)).toBe(height);
  });
});
