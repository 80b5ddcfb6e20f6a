/**
 * `node dist/bench/document.js RESULTS.json PLOT.svg`: the figures of a run as docs/performance.md has them, a table in
 * Markdown on standard output, and a plot of each as a part of what must be reached.
 */
import { readFile, writeFile } from 'node:fs/promises';
import { barPlot } from './lib/bar-plot.js';
import { cellsOf, HEADS, type Result } from './lib/report.js';
import type { Bound } from './lib/row.js';
import { tableMarkdown } from './lib/table.js';

const [resultsPath, plotPath] = process.argv.slice(2);
if (resultsPath === undefined || plotPath === undefined) {
  console.error('node dist/bench/document.js RESULTS.json PLOT.svg');
  process.exit(2);
}
const { results } = JSON.parse(await readFile(resultsPath, 'utf8')) as { results: readonly Result[] };

process.stdout.write(tableMarkdown([HEADS, ...results.map(cellsOf)]));

/** How many times better than the bound a figure is, whichever way is better. */
const against = (value: number, bound: Bound) =>
  'atLeast' in bound ? value / bound.atLeast : bound.atMost / value;
const bars = results.flatMap(({ name, judged, least, goal }) => {
  if (least === null) return [];
  const goalValue = goal === null ? null : 'atLeast' in goal ? goal.atLeast : goal.atMost;
  return [
    { name, value: against(judged, least), mark: goalValue === null ? null : against(goalValue, least) },
  ];
});
const title = 'Each figure against what must be reached, and against the goal (black mark)';
await writeFile(plotPath, barPlot({ title, xLabel: 'times as good as must be, doubling', bars }));
