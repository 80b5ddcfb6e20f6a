import { describe, expect, it } from 'vitest';
import { around, MeterOfL } from '../../../bench/lib/around.js';
import { cellsOf, HEADS, reportText, resultOf } from '../../../bench/lib/report.js';
import type { Figure } from '../../../bench/lib/row.js';
import { tableMarkdown, tableText } from '../../../bench/lib/table.js';

const FIGURE: Figure = { name: 'single', what: 'transfers', unit: '/s', runs: [10_000, 14_000, 12_000] };
const QUIET = around(60_000, 60_000);

describe('a result', () => {
  it('is the median of its runs, with nothing to judge where there is no bound', () => {
    const result = resultOf(FIGURE, QUIET);
    expect(result).toMatchObject({
      value: 12_000,
      limit: null,
      ratio: null,
      verdict: null,
      goalReached: null,
    });
  });

  it('is judged run by run where each has its own limit', () => {
    const figure: Figure = {
      ...FIGURE,
      limit: { name: 'L/4', values: [10_000, 17_500, 24_000] },
      least: { atLeast: 0.8 },
      goal: { atLeast: 0.81 },
    };
    expect(resultOf(figure, QUIET)).toMatchObject({
      ratio: 0.8,
      judged: 0.8,
      verdict: 'ok',
      goalReached: false,
    });
  });

  it('does not guess the limit of a run', () => {
    const figure: Figure = { ...FIGURE, limit: { name: 'L', values: [1, 2] } };
    expect(() => resultOf(figure, QUIET)).toThrow('single: 2 limits of 3 runs');
  });

  it('is judged against a limit that was measured beside it', () => {
    const figure: Figure = { ...FIGURE, limit: { name: 'floor', value: 6_000 }, least: { atMost: 1.9 } };
    expect(resultOf(figure, QUIET)).toMatchObject({ ratio: 2, verdict: 'below', goalReached: null });
  });

  it('is judged by its own value where it says so, or where there is no limit', () => {
    const limit = { name: 'empty', value: 1 };
    const least = { atMost: 12_000 };
    expect(resultOf({ ...FIGURE, limit, least, judged: 'value' }, QUIET)).toMatchObject({
      ratio: 12_000,
      judged: 12_000,
      verdict: 'ok',
    });
    expect(resultOf({ ...FIGURE, least: { atMost: 11_999 } }, QUIET).verdict).toBe('below');
  });

  it('of nothing is an error', () => {
    expect(() => resultOf({ ...FIGURE, runs: [] }, QUIET)).toThrow('a median of nothing');
  });
});

describe('L around a row', () => {
  it('is the mean of before and after where they agree', () => {
    expect(around(60_000, 66_000)).toEqual({ before: 60_000, after: 66_000, perSecond: 63_000, quiet: true });
  });

  it.each([
    [68_800, 48_600],
    [48_600, 68_800],
  ])('is the larger of %d and %d, and the row is marked', (before, after) => {
    expect(around(before, after)).toEqual({ before, after, perSecond: 68_800, quiet: false });
    const result = resultOf(FIGURE, around(before, after));
    expect(result).toMatchObject({ quiet: false, around: { before, after } });
    expect(cellsOf(result).at(-1)).toBe(
      `not quiet: L ${before.toLocaleString('en')}, then ${after.toLocaleString('en')}`,
    );
  });
});

describe('L around each run', () => {
  it('is measured once between two of them', async () => {
    const samples = [60_000, 66_000, 54_000].values();
    const meter = new MeterOfL(async () => samples.next().value as number);
    const first = await meter.around(async () => 'a');
    const second = await meter.around(async () => 'b');
    expect(first).toEqual({ result: 'a', around: around(60_000, 66_000) });
    expect(second).toEqual({ result: 'b', around: around(66_000, 54_000) });
    expect(meter.samples).toEqual([60_000, 66_000, 54_000]);
  });
});

describe('the table', () => {
  const result = resultOf(
    { ...FIGURE, limit: { name: 'L', value: 60_000 }, least: { atLeast: 0.2 }, goal: { atLeast: 0.4 } },
    QUIET,
  );

  it('has a cell under each head', () => {
    expect(cellsOf(result)).toHaveLength(HEADS.length);
    expect(cellsOf(result)).toEqual([
      'single',
      '12,000 /s',
      '10,000 to 14,000',
      '0.2 × L',
      '≥ 0.2',
      'ok',
      '≥ 0.4',
      'not yet',
      '',
    ]);
  });

  it('says below it what was counted', () => {
    expect(reportText([result])).toMatch(/^figure .*\nsingle .*\n\nsingle: transfers\n$/);
  });

  it('is aligned as text, and has a line below its heads in Markdown', () => {
    const rows = [
      ['a', 'b'],
      ['long', ''],
      ['', 'c'],
    ];
    expect(tableText(rows)).toBe('a     b\nlong\n      c\n');
    expect(tableMarkdown(rows)).toBe('| a | b |\n| --- | --- |\n| long |  |\n|  | c |\n');
  });
});
