/** The command line of the simulator. */
import { parseArgs } from 'node:util';

export interface SimOptions {
  readonly from: number;
  /** Null: until the time is up. */
  readonly count: number | null;
  readonly minutes: number | null;
  readonly trace: boolean;
  readonly twice: boolean;
  readonly corpus: boolean;
  readonly shrink: boolean;
  readonly without: readonly string[];
}

export const USAGE = `npm run sim -- [options]
  --seed 0x2a          play one seed
  --seeds 300          play so many …
  --from 1             … from this one on
  --minutes 60         play until the time is up
  --trace              print every event
  --twice              play each seed twice and compare what happened
  --corpus             play the seeds that once failed, too
  --shrink             of each that fails, leave out what the failure does not need
  --without a,b        leave these out, as --shrink says
Ends with a line of totals; exit code 0 only if every promise was kept.`;

/** @throws Error that says what is wrong with the arguments */
export function readOptions(args: readonly string[]): SimOptions {
  const { values } = parseArgs({
    args: [...args],
    options: {
      seed: { type: 'string' },
      seeds: { type: 'string' },
      from: { type: 'string' },
      minutes: { type: 'string' },
      trace: { type: 'boolean', default: false },
      twice: { type: 'boolean', default: false },
      corpus: { type: 'boolean', default: false },
      shrink: { type: 'boolean', default: false },
      without: { type: 'string', default: '' },
    },
  });
  const minutes = values.minutes === undefined ? null : number('minutes', values.minutes);
  const single = values.seed === undefined ? null : number('seed', values.seed);
  const many = minutes === null ? 100 : null;
  return {
    from: single ?? number('from', values.from ?? '1'),
    count: single !== null ? 1 : values.seeds === undefined ? many : number('seeds', values.seeds),
    minutes,
    trace: values.trace,
    twice: values.twice,
    corpus: values.corpus,
    shrink: values.shrink,
    without: values.without.split(',').filter((part) => part !== ''),
  };
}

function number(name: string, text: string): number {
  const value = Number(text);
  if (!Number.isFinite(value) || value < 0) throw new Error(`--${name} wants a number, not ${text}`);
  return value;
}
