/** Line plots as SVG that stand by themselves, for the documentation. */
import { COLOURS, fixed, line, picture, text } from './svg.js';

export interface Series {
  readonly name: string;
  /** In order of x; a line is drawn from each to the next. */
  readonly points: readonly (readonly [x: number, y: number])[];
}

export interface LinePlot {
  readonly title: string;
  readonly xLabel: string;
  readonly yLabel: string;
  /** As many as there are colours, at most; each should have a point. */
  readonly series: readonly Series[];
  /** The axis begins at 0 unless told otherwise, so that the eye is not deceived about growth. */
  readonly yFrom?: number;
}

const WIDTH = 800;
const HEIGHT = 360;
const PLOT = { left: 72, right: 180, top: 40, bottom: 52 };
const TICKS = 6;
/**
 * @returns the text of an SVG file
 * @throws RangeError for more series than colours, and for a plot of nothing
 */
export function linePlot({ title, xLabel, yLabel, series, yFrom = 0 }: LinePlot): string {
  if (series.length > COLOURS.length) throw new RangeError(`at most ${COLOURS.length} lines in a plot`);
  const points = series.flatMap((one) => one.points);
  if (points.length === 0) throw new RangeError('a plot of nothing');
  const x = axis(least(points, 0), most(points, 0), PLOT.left, WIDTH - PLOT.right);
  const y = axis(Math.min(yFrom, least(points, 1)), most(points, 1), HEIGHT - PLOT.bottom, PLOT.top);
  const middleX = (x.start + x.end) / 2;
  const middleY = (y.start + y.end) / 2;
  const parts = [
    text(middleX, 22, title, 'middle', 15),
    ...x.ticks.flatMap((at) => [
      line(x.of(at), y.start, x.of(at), y.end, '#e4e4e4'),
      text(x.of(at), y.start + 18, label(at), 'middle'),
    ]),
    ...y.ticks.flatMap((at) => [
      line(x.start, y.of(at), x.end, y.of(at), '#e4e4e4'),
      text(x.start - 8, y.of(at) + 4, label(at), 'end'),
    ]),
    line(x.start, y.start, x.end, y.start, '#444444'),
    line(x.start, y.start, x.start, y.end, '#444444'),
    text(middleX, HEIGHT - 12, xLabel, 'middle'),
    `<g transform="rotate(-90 16 ${middleY})">${text(16, middleY, yLabel, 'middle')}</g>`,
    ...series.flatMap((one, index) => {
      const colour = COLOURS[index] ?? '';
      const path = one.points.map(([px, py]) => `${fixed(x.of(px))},${fixed(y.of(py))}`).join(' ');
      const row = PLOT.top + 8 + index * 20;
      return [
        `<polyline points="${path}" fill="none" stroke="${colour}" stroke-width="1.5"/>`,
        line(x.end + 14, row, x.end + 34, row, colour, 3),
        text(x.end + 40, row + 4, one.name, 'start'),
      ];
    }),
  ];
  return picture(title, WIDTH, HEIGHT, parts);
}

interface Axis {
  /** Where it starts and ends on the paper. */
  readonly start: number;
  readonly end: number;
  readonly ticks: readonly number[];
  /** The place of a value on the paper. */
  of(value: number): number;
}

/** An axis whose ends are round numbers around `min` and `max`. */
function axis(min: number, max: number, start: number, end: number): Axis {
  const step = roundStep((max - min || Math.abs(max) || 1) / TICKS);
  const from = Math.floor(min / step) * step;
  const to = Math.max(Math.ceil(max / step) * step, from + step);
  const count = Math.round((to - from) / step);
  return {
    start,
    end,
    ticks: Array.from({ length: count + 1 }, (_, i) => from + i * step),
    of: (value) => start + ((value - from) / (to - from)) * (end - start),
  };
}

/** 1, 2 or 5 times a power of ten, at least `step`. */
function roundStep(step: number): number {
  const power = 10 ** Math.floor(Math.log10(step));
  return power * ([1, 2, 5].find((factor) => factor * power >= step) ?? 10);
}

function least(points: Series['points'], at: 0 | 1): number {
  return points.reduce((sum, point) => Math.min(sum, point[at]), Number.POSITIVE_INFINITY);
}

function most(points: Series['points'], at: 0 | 1): number {
  return points.reduce((sum, point) => Math.max(sum, point[at]), Number.NEGATIVE_INFINITY);
}

function label(value: number): string {
  return Number(value.toPrecision(6)).toLocaleString('en');
}
