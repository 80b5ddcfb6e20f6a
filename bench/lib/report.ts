/** The figures of a run as a table for people and as JSON for programs. */
import { mkdir, writeFile } from 'node:fs/promises';
import { availableParallelism, cpus, loadavg } from 'node:os';
import { join } from 'node:path';
import type { Around } from './around.js';
import { RESULTS_PATH } from './cache.js';
import type { Bound, Figure } from './row.js';
import { median } from './statistics.js';
import { tableText } from './table.js';

export interface Result {
  readonly name: string;
  readonly what: string;
  readonly unit: string;
  readonly value: number;
  readonly runs: readonly number[];
  readonly limit: string | null;
  /** The value divided by the limit; where each run has its own, the median of their ratios. */
  readonly ratio: number | null;
  /** What the bounds are held against: the ratio, or the value. */
  readonly judged: number;
  readonly least: Bound | null;
  readonly goal: Bound | null;
  /** Whether the least is reached; null if there is none. */
  readonly verdict: 'ok' | 'below' | null;
  readonly goalReached: boolean | null;
  /** L before and after the row, and whether they say that the machine was quiet all the while. */
  readonly around: { readonly before: number; readonly after: number };
  readonly quiet: boolean;
  /** The system's load average of a minute when it was measured: far above the cores, somebody else was at work. */
  readonly loadAverage: number;
}

/** @param around L, as measured around the figure's row */
export function resultOf(figure: Figure, { before, after, quiet }: Around): Result {
  const { name, what, unit, runs, limit, least = null, goal = null } = figure;
  const value = median(runs);
  const ratio = ratioOf(figure);
  const judged = figure.judged === 'value' ? value : (ratio ?? value);
  return {
    name,
    what,
    unit,
    value,
    runs,
    limit: limit?.name ?? null,
    ratio,
    judged,
    least,
    goal,
    verdict: least === null ? null : reaches(judged, least) ? 'ok' : 'below',
    goalReached: goal === null ? null : reaches(judged, goal),
    around: { before, after },
    quiet,
    loadAverage: loadavg()[0] ?? 0,
  };
}

function ratioOf({ name, runs, limit }: Figure): number | null {
  if (limit === undefined) return null;
  if ('value' in limit) return median(runs) / limit.value;
  if (limit.values.length !== runs.length)
    throw new Error(`${name}: ${limit.values.length} limits of ${runs.length} runs`);
  return median(runs.map((run, i) => run / (limit.values[i] as number)));
}

export const HEADS = ['figure', 'median', 'of all runs', 'ratio', 'at least', '', 'goal', '', ''];

/** What a result says under each of `HEADS`. */
export function cellsOf({
  name,
  value,
  unit,
  runs,
  ratio,
  limit,
  least,
  verdict,
  goal,
  goalReached,
  quiet,
  around,
}: Result): readonly string[] {
  return [
    name,
    `${rounded(value)} ${unit}`,
    runs.length > 1 ? `${rounded(Math.min(...runs))} to ${rounded(Math.max(...runs))}` : '',
    ratio === null ? '' : `${rounded(ratio)} × ${limit}`,
    least === null ? '' : shown(least),
    verdict ?? '',
    goal === null ? '' : shown(goal),
    goalReached === null ? '' : goalReached ? 'reached' : 'not yet',
    quiet ? '' : `not quiet: L ${rounded(around.before)}, then ${rounded(around.after)}`,
  ];
}

/** The table, and below it what was counted. */
export function reportText(results: readonly Result[]): string {
  const counted = results.map(({ name, what }) => `${name}: ${what}`);
  return `${tableText([HEADS, ...results.map(cellsOf)])}\n${counted.join('\n')}\n`;
}

/** Writes the results with what they were measured on; returns the file's path. */
export async function writeResults(
  results: readonly Result[],
  command: string,
  seconds: number,
): Promise<string> {
  await mkdir(RESULTS_PATH, { recursive: true });
  const at = new Date().toISOString();
  const path = join(RESULTS_PATH, `${at.replaceAll(':', '-')}.json`);
  const machine = { node: process.version, cores: availableParallelism(), cpu: cpus()[0]?.model ?? '' };
  await writeFile(path, `${JSON.stringify({ at, command, seconds, machine, results }, null, 2)}\n`);
  return path;
}

function reaches(value: number, bound: Bound): boolean {
  return 'atLeast' in bound ? value >= bound.atLeast : value <= bound.atMost;
}

function shown(bound: Bound): string {
  return 'atLeast' in bound ? `≥ ${bound.atLeast}` : `≤ ${bound.atMost}`;
}

/** Three significant digits: no run is better than that. */
function rounded(value: number): string {
  if (value >= 1000) return Math.round(value).toLocaleString('en');
  return String(Number(value.toPrecision(3)));
}
