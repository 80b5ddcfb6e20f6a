import { afterEach, describe, expect, it } from 'vitest';
import { shareOut } from '../../../bench/lib/load.js';
import { rateOf, sustained, windowText } from '../../../bench/lib/throughput.js';
import { blocks, type FakeNode, fakeNode, texts } from './fake-node.js';

const HOUR_MS = 3_600_000;
let fake: FakeNode | undefined;

afterEach(() => fake?.close());

/** Everything is final as soon as it comes. */
async function sustain(transfers: number, warmUpMs: number, measuredMs: number) {
  const { count, add } = blocks();
  fake = await fakeNode((batch) => add(batch.length));
  const shares = shareOut(texts(20, transfers), 20, 1);
  return sustained([fake.node], count, shares, { underWay: 1_000, warmUpMs, measuredMs });
}

describe('sustained', () => {
  it('counts from a block to the first one after the window', async () => {
    const { perSecond, measuredMs } = await sustain(100_000, 1, 1);
    expect(measuredMs).toBeGreaterThanOrEqual(1);
    expect(perSecond).toBeGreaterThan(0);
  });

  it('is an error if the transfers are used up in the warm-up', async () => {
    await expect(sustain(200, HOUR_MS, HOUR_MS)).rejects.toThrow('nothing became final');
  });

  it('is an error if they are used up before half of the window', async () => {
    await expect(sustain(2_000, 0, HOUR_MS)).rejects.toThrow('more must be signed');
  });
});

describe('rateOf', () => {
  const from = { ms: 500, transactions: 100 };

  it('divides what became final by the time from block to block', () => {
    expect(rateOf(from, { ms: 2_500, transactions: 1_100 }, 1_900)).toEqual({
      perSecond: 500,
      measuredMs: 2_000,
    });
  });

  it('takes no less than half of the window', () => {
    expect(rateOf(from, { ms: 1_500, transactions: 200 }, 2_000).measuredMs).toBe(1_000);
    expect(() => rateOf(from, { ms: 1_499, transactions: 200 }, 2_000)).toThrow('after 999 of 2000 ms');
  });

  it('takes no window without a transfer, whatever the clock says', () => {
    expect(() => rateOf(from, { ms: 9_000, transactions: 100 }, 2_000)).toThrow('nothing became final');
  });
});

it('says of a window that it was whole, or how short the shortest was', () => {
  expect(windowText([60_010, 60_300], 60_000)).toBe('60 s');
  expect(windowText([60_010, 42_340], 60_000)).toBe(
    '60 s, but once only 42.3 s, as the signed transfers were used up',
  );
});
