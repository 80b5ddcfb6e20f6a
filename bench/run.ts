/**
 * `npm run bench`: measures, prints a table, writes a JSON file. `--quick` for a smoke run of a few seconds a row,
 * `--only NAME` (again for more) for some of the rows, `--profile DIR` for a CPU profile of every node process.
 */
import { resolve } from 'node:path';
import { parseArgs } from 'node:util';
import { PROFILE_DIRECTORY_VARIABLE } from './lib/profiler.js';
import { type Result, resultOf, tableOf, writeResults } from './lib/report.js';
import type { Row, Settings } from './lib/row.js';
import { median } from './lib/statistics.js';
import { accountsRow } from './rows/accounts.js';
import { importRow } from './rows/import.js';
import { latencyRow } from './rows/latency.js';
import { networkRow } from './rows/network.js';
import { verifiesPerSecond, verifyFigure } from './rows/verify.js';

const ROWS: readonly Row[] = [networkRow, latencyRow, importRow, accountsRow];
const NAMES = ['verify', ...ROWS.map(({ name }) => name)];

const { values } = parseArgs({
  options: {
    quick: { type: 'boolean', default: false },
    only: { type: 'string', multiple: true, default: [] },
    profile: { type: 'string' },
  },
});
const unknown = values.only.find((name) => !NAMES.includes(name));
if (unknown !== undefined) {
  console.error(`there is no row ${unknown}: ${NAMES.join(', ')}`);
  process.exit(2);
}
if (values.profile !== undefined) {
  // Inherited by the nodes, which write their profiles when they have stopped in order.
  process.env[PROFILE_DIRECTORY_VARIABLE] = resolve(values.profile);
  process.env.NODE_OPTIONS = `--import=${new URL('./lib/profiler.js', import.meta.url).href}`;
}

const settings: Settings = { quick: values.quick, say: (text) => console.error(text) };
const rows = ROWS.filter(({ name }) => values.only.length === 0 || values.only.includes(name));
const startedMs = performance.now();
const results: Result[] = [];
const limits = await verifiesPerSecond(settings);
let before = median(limits);
for (const row of rows) {
  settings.say(`${row.name} …`);
  const figures = await row.run(settings);
  // L drifts with whatever else the machine does: a row is held against what it was before and after it.
  const after = await verifiesPerSecond({ ...settings, quick: true });
  const around = (before + median(after)) / 2;
  results.push(...figures.map((figure) => resultOf(figure, around)));
  limits.push(...after);
  before = median(after);
}
results.unshift(resultOf(verifyFigure(limits), median(limits)));
console.log(`\n${tableOf(results)}`);
console.log(`${Math.round((performance.now() - startedMs) / 1000)} s; results in`);
console.log(await writeResults(results, process.argv.slice(2).join(' ')));
