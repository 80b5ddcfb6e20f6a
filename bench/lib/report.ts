/** The figures of a run as a table for people and as JSON for programs. */
import { mkdir, writeFile } from 'node:fs/promises';
import { availableParallelism, cpus, loadavg } from 'node:os';
import { join } from 'node:path';
import { RESULTS_PATH } from './cache.js';
import type { Figure } from './row.js';
import { median } from './statistics.js';

export interface Result {
  readonly name: string;
  readonly what: string;
  readonly unit: string;
  readonly value: number;
  readonly runs: readonly number[];
  readonly limit: string | null;
  /** The value divided by the limit. */
  readonly ratio: number | null;
  readonly goal: string | null;
  readonly verdict: 'ok' | 'below' | null;
}

/** @param verifiesPerSecond L, as measured around the figure */
export function resultOf(figure: Figure, verifiesPerSecond: number): Result {
  const { name, what, unit, runs, limit, goal } = figure;
  const value = median(runs);
  const limitValue =
    limit === undefined ? undefined : 'value' in limit ? limit.value : limit.partOfL * verifiesPerSecond;
  const ratio = limitValue === undefined ? null : value / limitValue;
  const judged = ratio ?? value;
  const reached =
    goal === undefined ? null : 'atLeast' in goal ? judged >= goal.atLeast : judged <= goal.atMost;
  return {
    name,
    what,
    unit,
    value,
    runs,
    limit: limit?.name ?? null,
    ratio,
    goal: goal === undefined ? null : 'atLeast' in goal ? `>= ${goal.atLeast}` : `<= ${goal.atMost}`,
    verdict: reached === null ? null : reached ? 'ok' : 'below',
  };
}

export function tableOf(results: readonly Result[]): string {
  const rows = results.map(({ name, value, unit, runs, ratio, limit, goal, verdict }) => [
    name,
    rounded(value),
    unit,
    runs.length > 1 ? `${rounded(Math.min(...runs))} - ${rounded(Math.max(...runs))}` : '',
    ratio === null ? '' : `${rounded(ratio)} x ${limit}`,
    goal ?? '',
    verdict ?? '',
  ]);
  const table = [['name', 'median', 'unit', 'of all runs', 'ratio', 'goal', ''], ...rows];
  const widths = (table[0] ?? []).map((_, column) =>
    Math.max(...table.map((row) => row[column]?.length ?? 0)),
  );
  const lines = table.map((row) =>
    row
      .map((cell, column) => cell.padEnd(widths[column] ?? 0))
      .join('  ')
      .trimEnd(),
  );
  const counted = results.map(({ name, what }) => `${name}: ${what}`);
  return `${lines.join('\n')}\n\n${counted.join('\n')}\n`;
}

/** Writes the results with what they were measured on; returns the file's path. */
export async function writeResults(results: readonly Result[], command: string): Promise<string> {
  await mkdir(RESULTS_PATH, { recursive: true });
  const at = new Date().toISOString();
  const path = join(RESULTS_PATH, `${at.replaceAll(':', '-')}.json`);
  const machine = { node: process.version, cores: availableParallelism(), cpu: cpus()[0]?.model ?? '' };
  // Our own processes count too; far above twice the cores, somebody else was at work.
  const [loadAverage] = loadavg();
  await writeFile(path, `${JSON.stringify({ at, command, machine, loadAverage, results }, null, 2)}\n`);
  return path;
}

/** Three significant digits: no run is better than that. */
function rounded(value: number): string {
  if (value >= 1000) return Math.round(value).toLocaleString('en');
  return String(Number(value.toPrecision(3)));
}
