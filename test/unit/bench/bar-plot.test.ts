import { describe, expect, it } from 'vitest';
import { barPlot } from '../../../bench/lib/bar-plot.js';

const LABELS = { title: 'T', xLabel: 'x' };
const boxes = (svg: string) =>
  [...svg.matchAll(/<rect x="([\d.]+)" y="[\d.]+" width="([\d.]+)"/g)].map(([, x, width]) => ({
    start: Number(x),
    end: Number(x) + Number(width),
  }));

describe('a bar plot', () => {
  it('draws what is better than 1 to the right of it, what is worse to the left, alike for equal factors', () => {
    const bars = [8, 2, 0.5].map((value) => ({ name: String(value), value, mark: null }));
    const [most, more, less] = boxes(barPlot({ ...LABELS, bars }));
    expect(most?.start).toBeCloseTo(more?.start as number);
    expect(less?.end).toBeCloseTo(more?.start as number);
    const length = (box: { start: number; end: number } | undefined) => (box?.end ?? 0) - (box?.start ?? 0);
    expect(length(less)).toBeCloseTo(length(more), 0);
    expect(length(most)).toBeCloseTo(3 * length(more), 0);
  });

  it('names each bar', () => {
    const svg = barPlot({ ...LABELS, bars: [{ name: 'a<b', value: 3, mark: 4 }] });
    expect(svg).toContain('>a&lt;b</text>');
    expect(svg).toContain('>3.0</text>');
  });

  it('refuses what has no logarithm, and nothing', () => {
    expect(() => barPlot({ ...LABELS, bars: [] })).toThrow(RangeError);
    expect(() => barPlot({ ...LABELS, bars: [{ name: 'a', value: 0, mark: null }] })).toThrow(RangeError);
  });
});
