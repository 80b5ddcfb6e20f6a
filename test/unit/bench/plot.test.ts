import { describe, expect, it } from 'vitest';
import { linePlot } from '../../../bench/lib/plot.js';

const LABELS = { title: 'T', xLabel: 'x', yLabel: 'y' };

describe('a line plot', () => {
  it('draws higher values higher, within its frame, whatever their size', () => {
    for (const scale of [0.001, 1, 123_456]) {
      const svg = linePlot({
        ...LABELS,
        series: [{ name: 'a', points: [0, 1, 5].map((y, x) => [x, y * scale]) }],
      });
      const [points = ''] = /(?<=points=")[^"]+/.exec(svg) ?? [];
      const [low, middle, high] = points.split(' ').map((point) => Number(point.split(',')[1]));
      expect(low).toBeGreaterThan(middle as number);
      expect(middle).toBeGreaterThan(high as number);
      expect(high).toBeGreaterThanOrEqual(0);
      expect(low).toBeLessThanOrEqual(360);
    }
  });

  it('has a line and a legend for each series, and keeps names from being markup', () => {
    const points = [[0, 1]] as const;
    const svg = linePlot({
      ...LABELS,
      series: [
        { name: 'a<b&c', points },
        { name: 'd', points },
      ],
    });
    expect(svg.match(/<polyline/g)).toHaveLength(2);
    expect(svg).toContain('a&lt;b&amp;c');
  });

  it('draws a constant, and refuses nothing and too much', () => {
    expect(
      linePlot({
        ...LABELS,
        series: [
          {
            name: 'a',
            points: [
              [1, 7],
              [2, 7],
            ],
          },
        ],
      }),
    ).not.toContain('NaN');
    expect(() => linePlot({ ...LABELS, series: [] })).toThrow(RangeError);
    const many = Array.from({ length: 9 }, () => ({ name: '', points: [[0, 0]] as const }));
    expect(() => linePlot({ ...LABELS, series: many })).toThrow(RangeError);
  });
});
