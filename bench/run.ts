/**
 * `npm run bench`: measures, prints a table, writes a JSON file. `--quick` for a smoke run of a few seconds a row,
 * `--only NAME` (again for more) for some of the rows, `--profile DIR` for a CPU profile of every node process.
 */
import { resolve } from 'node:path';
import { parseArgs } from 'node:util';
import { around, MeterOfL, sampleL } from './lib/around.js';
import { BareVerifiers, signedChecks } from './lib/bare-verifiers.js';
import { PROFILE_DIRECTORY_VARIABLE } from './lib/profiler.js';
import { type Result, reportText, resultOf, writeResults } from './lib/report.js';
import type { Figure, Row, Settings } from './lib/row.js';
import { median } from './lib/statistics.js';
import { accountsRow } from './rows/accounts.js';
import { blocksRow } from './rows/blocks.js';
import { diskRow } from './rows/disk.js';
import { httpRow } from './rows/http.js';
import { importRow } from './rows/import.js';
import { latencyRow } from './rows/latency.js';
import { loadedRow } from './rows/loaded.js';
import { memoryRow } from './rows/memory.js';
import { networkRow, singleRow } from './rows/network.js';
import { powRow } from './rows/pow.js';
import { replicasRow } from './rows/replicas.js';
import { snapshotRow } from './rows/snapshot.js';
import { startRow } from './rows/start.js';
import { verifyRow } from './rows/verify.js';

const ROWS: readonly Row[] = [
  verifyRow,
  importRow,
  networkRow,
  singleRow,
  latencyRow,
  loadedRow,
  accountsRow,
  startRow,
  memoryRow,
  diskRow,
  httpRow,
  replicasRow,
  powRow,
  blocksRow,
  snapshotRow,
];
const NAMES = ROWS.map(({ name }) => name);

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

const wanted = new Set(values.only.length === 0 ? NAMES : values.only);
for (const { name, needs = [] } of ROWS) if (wanted.has(name)) for (const needed of needs) wanted.add(needed);

const startedMs = performance.now();
const results: Result[] = [];
const earlier = new Map<string, number>();
const verifiers = new BareVerifiers(await signedChecks());
const meter = new MeterOfL(() => sampleL(verifiers, values.quick));
const settings: Settings = {
  quick: values.quick,
  say: (text) => console.error(text),
  earlier,
  aroundL: (run) => meter.around(run),
};
for (const row of ROWS.filter(({ name }) => wanted.has(name))) {
  settings.say(`${row.name} …`);
  const { result: figures, around: limits } = await meter.around(() => figuresOf(row));
  for (const figure of figures) {
    results.push(resultOf(figure, limits));
    earlier.set(figure.name, median(figure.runs));
  }
}
await verifiers.close();
const figureOfL: Figure = {
  name: 'L',
  what: 'RSA-2048 PSS signatures that bare threads on all cores check, around each row and each run of some',
  unit: '/s',
  runs: meter.samples,
};
results.unshift(resultOf(figureOfL, around(meter.samples.at(0) ?? 0, meter.samples.at(-1) ?? 0)));
const seconds = Math.round((performance.now() - startedMs) / 1000);
console.log(`\n${reportText(results)}`);
console.log(`${seconds} s; results in`);
console.log(await writeResults(results, process.argv.slice(2).join(' '), seconds));

/** A row that fails takes none of the others with it. */
async function figuresOf(row: Row): Promise<readonly Figure[]> {
  try {
    return await row.run(settings);
  } catch (error) {
    console.error(`the row ${row.name} failed:`, error);
    process.exitCode = 1;
    return [];
  }
}
