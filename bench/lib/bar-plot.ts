/** Horizontal bars on a logarithmic axis: how many times better or worse than 1 each is. */
import { COLOURS, fixed, line, picture, text } from './svg.js';

export interface Bar {
  readonly name: string;
  readonly value: number;
  /** Where a mark is set beside the bar. */
  readonly mark: number | null;
}

export interface BarPlot {
  readonly title: string;
  readonly xLabel: string;
  readonly bars: readonly Bar[];
}

const WIDTH = 800;
const LEFT = 190;
const RIGHT = 60;
const TOP = 44;
const BOTTOM = 48;
const ROW = 24;
const BAR = 14;

/**
 * @returns the text of an SVG file
 * @throws RangeError for a plot of nothing, and for values that have no logarithm
 */
export function barPlot({ title, xLabel, bars }: BarPlot): string {
  const values = bars.flatMap(({ value, mark }) => (mark === null ? [value] : [value, mark]));
  if (values.length === 0) throw new RangeError('a plot of nothing');
  if (values.some((value) => !(value > 0))) throw new RangeError('only what is above 0 can be drawn');
  const from = 2 ** Math.floor(Math.log2(Math.min(1, ...values)));
  const to = 2 ** Math.ceil(Math.log2(Math.max(2, ...values)));
  const x = (value: number) =>
    LEFT + (Math.log2(value / from) / Math.log2(to / from)) * (WIDTH - RIGHT - LEFT);
  const bottom = TOP + bars.length * ROW;
  const ticks: number[] = [];
  for (let tick = from; tick <= to; tick *= 2) ticks.push(tick);
  const [good = '', bad = '', marked = ''] = [COLOURS[0], COLOURS[1], COLOURS[6]];
  const parts = [
    text(WIDTH / 2, 22, title, 'middle', 15),
    ...ticks.flatMap((tick) => [
      line(x(tick), TOP, x(tick), bottom, tick === 1 ? '#444444' : '#e4e4e4'),
      text(x(tick), bottom + 18, String(tick), 'middle'),
    ]),
    text((LEFT + WIDTH - RIGHT) / 2, bottom + 38, xLabel, 'middle'),
    ...bars.flatMap(({ name, value, mark }, row) => {
      const middle = TOP + row * ROW + ROW / 2;
      const [start, end] = [Math.min(x(1), x(value)), Math.max(x(1), x(value))];
      return [
        text(LEFT - 8, middle + 4, name, 'end'),
        `<rect x="${fixed(start)}" y="${fixed(middle - BAR / 2)}" width="${fixed(Math.max(end - start, 1))}" ` +
          `height="${BAR}" fill="${value >= 1 ? good : bad}"/>`,
        text(end + 6, middle + 4, value.toPrecision(2), 'start'),
        ...(mark === null
          ? []
          : [line(x(mark), middle - ROW / 2 + 2, x(mark), middle + ROW / 2 - 2, marked, 2)]),
      ];
    }),
  ];
  return picture(title, WIDTH, bottom + BOTTOM, parts);
}
