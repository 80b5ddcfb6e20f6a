/**
 * Presses one of four validators, real processes, in every way that a stranger can, and compares how long blocks take
 * to become final with how long they take in between, in the same run. Prints a table; ends with exit code 1 if the
 * median under any pressure is above twice that without, if a node takes too much memory, or if the ledger is not whole
 * afterwards.
 *
 *   npm run pressure -- --seconds 15 --only http --only messages
 *
 * The attacker is a process of its own that gives way to all others. All share this machine nevertheless, so the table
 * says what the attacked node itself spent beside what the attacker did, and how busy the machine was.
 */
import { type ChildProcess, fork } from 'node:child_process';
import { once } from 'node:events';
import { mkdir, mkdtemp, rm } from 'node:fs/promises';
import { loadavg } from 'node:os';
import { dirname, join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { ACCOUNTS_PATH } from './lib/cache.js';
import { isFinal } from './lib/cluster.js';
import { judgeLedgers } from './lib/ledger.js';
import { LocalNetwork, type LocalNode } from './lib/local-network.js';
import { median, percentile } from './lib/statistics.js';
import { SteadyLoad } from './lib/steady-load.js';
import { tableText } from './lib/table.js';
import type { AttackerOrder, AttackerWord } from './pressure/attacker.js';
import { attacks } from './pressure/attacks.js';
import { Measure } from './pressure/measure.js';

const ATTACKER = fileURLToPath(new URL('./pressure/attacker.js', import.meta.url));
const SHAPE = { validators: 4, basic: 0 };
/** A block for each of them, so that a few seconds have enough to take a median of. */
const TRANSFERS_PER_SECOND = 10;
/** Before anything is measured: code is compiled, and there are blocks to ask for. */
const WARM_UP_S = 10;
/** After an attack, before the next thing is measured. */
const SETTLE_MS = 1_000;
const DRAIN_WITHIN_MS = 60_000;
const ALLOWED_RATIO = 2;
const ALLOWED_RESIDENT_MIB = 512;
const MIB = 1024 * 1024;
const HEADS = ['pressure', 'blocks', 'late rounds', 'final p50 ms', 'ratio', 'p99 ms', 'ratio'].concat([
  '',
  'attacked cpu %',
  'others cpu %',
  'attacker cpu %',
  'resident MiB',
  'load average',
]);

const { values } = parseArgs({
  options: {
    seconds: { type: 'string', default: '15' },
    only: { type: 'string', multiple: true, default: [] },
  },
});
const names = attacks.map(({ name }) => name);
const unknown = values.only.find((name) => !names.includes(name));
if (unknown !== undefined) {
  console.error(`there is no pressure ${unknown}: ${names.join(', ')}`);
  process.exit(2);
}
const measuredMs = Number(values.seconds) * 1000;
const cache = dirname(ACCOUNTS_PATH);
await mkdir(cache, { recursive: true });
const directory = await mkdtemp(join(cache, 'pressure-'));
try {
  process.exitCode = (await press()) ? 0 : 1;
} finally {
  await rm(directory, { recursive: true, force: true });
}

async function press(): Promise<boolean> {
  const network = await LocalNetwork.create(directory, SHAPE);
  const [victim, other] = network.nodes;
  if (victim === undefined || other === undefined) throw new Error('a network without validators');
  let death: Error | undefined;
  try {
    await network.start((error) => {
      death ??= error;
    });
    const load = new SteadyLoad(network, other);
    const quiet = new AbortController();
    const stop = new AbortController();
    const following = load.follow(quiet.signal);
    const sending = load.run(TRANSFERS_PER_SECOND, stop.signal);
    await sleep(WARM_UP_S * 1000);
    const rows = await underPressures(network, victim);
    stop.abort();
    await sending;
    await load.drain(DRAIN_WITHIN_MS);
    quiet.abort();
    await following;
    if (death !== undefined) throw death;
    console.log(`\n${tableText([HEADS, ...rows.map(({ cells }) => cells)])}`);
    for (const { name, did } of rows) if (did !== '') console.log(`${name}: ${did}`);
    const checks = await judgeLedgers(network.nodes, load.expected());
    for (const { what, held } of checks) console.log(`${held ? 'ok  ' : 'FAIL'} ${what}`);
    return checks.every(({ held }) => held) && rows.every(({ ok }) => ok);
  } finally {
    await network.stop();
  }
}

interface Row {
  readonly name: string;
  readonly did: string;
  readonly ok: boolean;
  readonly cells: readonly string[];
}

/** Without and with pressure in turn, so that each is compared with what was just before and after it. */
async function underPressures(network: LocalNetwork, victim: LocalNode): Promise<Row[]> {
  const wanted = attacks.filter(({ name }) => values.only.length === 0 || values.only.includes(name));
  const rows: Row[] = [];
  let before = await withoutPressure(network, victim);
  rows.push(rowOf('none', '', before, undefined));
  for (const { name, what } of wanted) {
    console.error(`${what} …`);
    const { measure, did } = await withPressure(name, network, victim);
    await sleep(SETTLE_MS);
    const after = await withoutPressure(network, victim);
    rows.push(rowOf(name, `${what}; ${did}`, measure, [...before.finalityMs, ...after.finalityMs]));
    rows.push(rowOf('none', '', after, undefined));
    before = after;
  }
  return rows;
}

async function withoutPressure({ nodes }: LocalNetwork, victim: LocalNode): Promise<Measure> {
  const measure = measureOf(nodes, victim);
  await measure.begin();
  await sleep(measuredMs);
  await measure.end();
  measure.stop();
  return measure;
}

function measureOf(nodes: readonly LocalNode[], victim: LocalNode, attackerPid?: number): Measure {
  const others = nodes.filter((node) => node !== victim);
  const pids = (of: readonly LocalNode[]) => of.map(({ pid }) => pid).filter((pid) => pid !== undefined);
  const attacker = attackerPid === undefined ? [] : [attackerPid];
  const measure = new Measure({ attacked: pids([victim]), others: pids(others), attacker });
  for (const node of nodes) {
    node.onEvent((event) => {
      if (isFinal(event) && event.synced !== true)
        measure.final(Number(event.finality_ms), Number(event.round));
    });
  }
  return measure;
}

/** Until it was pressed for as long as is to be measured. */
async function withPressure(
  name: string,
  network: LocalNetwork,
  victim: LocalNode,
): Promise<{ measure: Measure; did: string }> {
  const order: AttackerOrder = {
    httpPort: victim.httpPort,
    p2pPort: victim.p2pPort,
    genesisId: network.genesisId,
    accountsPath: network.sendersPath,
  };
  const attacker = fork(ATTACKER, [name, JSON.stringify(order)], {
    stdio: ['ignore', 'inherit', 'inherit', 'ipc'],
  });
  const measure = measureOf(network.nodes, victim, attacker.pid);
  try {
    const done = heard(attacker, measure);
    while (measure.measuredMs < measuredMs && attacker.connected) await sleep(100);
    // While the attacker still lives, so that its processor time is known.
    await measure.end();
    measure.stop();
    if (attacker.connected) attacker.send('end');
    const did = await done;
    return { measure, did };
  } finally {
    measure.stop();
    attacker.kill('SIGKILL');
  }
}

/** Lets `measure` follow what the attacker says; resolves with what it did. @throws Error if it ends without a word */
async function heard(attacker: ChildProcess, measure: Measure): Promise<string> {
  let did: string | undefined;
  let turn: Promise<void> = Promise.resolve();
  attacker.on('message', (word: AttackerWord) => {
    if ('done' in word) did = word.done;
    turn = turn.then(() => ('pressing' in word && word.pressing ? measure.begin() : measure.end()));
  });
  await once(attacker, 'disconnect');
  await turn;
  if (did === undefined) throw new Error('the attacker failed');
  return did;
}

/** @param baseline finality without pressure, before and after; undefined for such a row itself */
function rowOf(name: string, did: string, measure: Measure, baseline: readonly number[] | undefined): Row {
  const { finalityMs, lateRounds, residentBytes } = measure;
  const at = (percent: number, of = finalityMs) => percentileOf(of, percent);
  const ratio = (percent: number) =>
    baseline === undefined ? Number.NaN : at(percent) / percentileOf(baseline, percent);
  const residentMib = residentBytes / MIB;
  // A pressure under which nothing became final has no median at all.
  const ok = (baseline === undefined || ratio(50) <= ALLOWED_RATIO) && residentMib <= ALLOWED_RESIDENT_MIB;
  const shown = (value: number, digits: number) => (Number.isNaN(value) ? '' : value.toFixed(digits));
  const verdict = baseline === undefined ? '' : ok ? 'ok' : 'above';
  return {
    name,
    did,
    ok,
    cells: [
      name,
      String(Math.round(finalityMs.length / SHAPE.validators)),
      String(Math.round(lateRounds / SHAPE.validators)),
      shown(at(50), 1),
      shown(ratio(50), 2),
      shown(at(99), 1),
      shown(ratio(99), 2),
      verdict,
      shown(measure.busy('attacked'), 0),
      shown(measure.busy('others') / (SHAPE.validators - 1), 0),
      shown(measure.busy('attacker'), 0),
      shown(residentMib, 0),
      loadavg()[0]?.toFixed(1) ?? '',
    ],
  };
}

function percentileOf(values: readonly number[], percent: number): number {
  return values.length === 0 ? Number.NaN : percent === 50 ? median(values) : percentile(values, percent);
}
