/** The command line of the simulator. */
import { randomInt } from 'node:crypto';
import { parseArgs } from 'node:util';

export interface SimOptions {
  readonly from: number;
  /** Null: until the time is up. */
  readonly count: number | null;
  /** Null: for as long as it takes. */
  readonly minutes: number | null;
  readonly workers: number;
  /** Where the figures go, as JSON; null to keep none. */
  readonly out: string | null;
  readonly trace: boolean;
  readonly twice: boolean;
  readonly corpus: boolean;
  readonly shrink: boolean;
  readonly without: readonly string[];
  /** Played instead of seeds; null for none. */
  readonly scenario: string | null;
}

export const USAGE = `npm run sim -- [options]
  --seed 0x2a          play one seed
  --seeds 300          play so many …
  --from 1             … from this one on
  --fresh              … from one that is drawn anew
  --minutes 60         play until the time is up, or all are played
  --workers 2          play in so many processes at once
  --out FILE           keep the figures as JSON, while it runs too
  --trace              print every event
  --twice              play each seed twice and compare what happened; of many, one in 25 always is
  --corpus             play the seeds that once failed, too
  --shrink             of each that fails, leave out what the failure does not need
  --without a,b        leave these out, as --shrink says
  --scenario NAME      play a directed scenario instead of seeds; all of them for "all"
Ends with a line of totals; exit code 0 only if every promise was kept and every rare thing was reached.`;

const DEFAULT_COUNT = 100;
/** Fresh seeds are drawn below this: short enough to be typed. */
const FRESH_SEEDS = 2 ** 31;
const MAX_WORKERS = 64;

/** @throws Error that says what is wrong with the arguments */
export function readOptions(args: readonly string[]): SimOptions {
  const { values } = parseArgs({
    args: [...args],
    options: {
      seed: { type: 'string' },
      seeds: { type: 'string' },
      from: { type: 'string', default: '1' },
      fresh: { type: 'boolean', default: false },
      minutes: { type: 'string' },
      workers: { type: 'string', default: '1' },
      out: { type: 'string' },
      trace: { type: 'boolean', default: false },
      twice: { type: 'boolean', default: false },
      corpus: { type: 'boolean', default: false },
      shrink: { type: 'boolean', default: false },
      without: { type: 'string', default: '' },
      scenario: { type: 'string' },
    },
  });
  const minutes = values.minutes === undefined ? null : number('minutes', values.minutes);
  const single = values.seed === undefined ? null : number('seed', values.seed);
  const first = values.fresh ? randomInt(FRESH_SEEDS) : number('from', values.from);
  const many = minutes === null ? DEFAULT_COUNT : null;
  return {
    from: single ?? first,
    count: single !== null ? 1 : values.seeds === undefined ? many : number('seeds', values.seeds),
    minutes,
    workers: number('workers', values.workers, 1, MAX_WORKERS),
    out: values.out ?? null,
    trace: values.trace,
    twice: values.twice,
    corpus: values.corpus,
    shrink: values.shrink,
    without: values.without.split(',').filter((part) => part !== ''),
    scenario: values.scenario ?? null,
  };
}

function number(name: string, text: string, least = 0, most = Number.MAX_SAFE_INTEGER): number {
  const value = Number(text);
  if (text === '' || !(value >= least && value <= most))
    throw new Error(`--${name} wants a number from ${least} to ${most}, not ${text}`);
  return value;
}
