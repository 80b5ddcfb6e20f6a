/**
 * Runs a network of real processes under load for a while, kills nodes without warning if told to, watches what each of
 * them takes, and then holds the whole ledger against what must be true of it: on every node the same blocks and state
 * roots, every transfer exactly once, the sum of all balances what genesis gave plus the rewards; and `ccoin verify`
 * finds every database sound. Ends with exit code 1 if anything does not hold.
 *
 *   npm run soak -- --seconds 3600 --load 200 --kills --figures docs/figures
 *
 * With `--kills` two nodes are spared until the end (one of either role), so that an hour of their memory can be judged;
 * at the end all are killed at once, under load.
 */
import { execFile } from 'node:child_process';
import { appendFile, mkdir, mkdtemp, rm } from 'node:fs/promises';
import { loadavg } from 'node:os';
import { dirname, join, resolve } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { parseArgs, promisify } from 'node:util';
import { ACCOUNTS_PATH, RESULTS_PATH } from './lib/cache.js';
import { type Check, judgeLedgers } from './lib/ledger.js';
import { LocalNetwork, type LocalNode } from './lib/local-network.js';
import { percentile } from './lib/statistics.js';
import { SteadyLoad } from './lib/steady-load.js';
import { judgeGrowth } from './soak/growth.js';
import { Killer } from './soak/killer.js';
import { Sampler } from './soak/samples.js';
import { sampleTable, writePlots } from './soak/tell.js';

const CLI = fileURLToPath(new URL('../bin/ccoin.js', import.meta.url));
const SHAPE = { validators: 4, basic: 2 };
/** It only ends what hangs: 2,000 transfers at most are under way. */
const DRAIN_WITHIN_MS = 120_000;

const { values } = parseArgs({
  options: {
    seconds: { type: 'string', default: '300' },
    load: { type: 'string', default: '200' },
    kills: { type: 'boolean', default: false },
    'kill-every': { type: 'string', default: '25' },
    'sample-every': { type: 'string', default: '10' },
    figures: { type: 'string', default: RESULTS_PATH },
    directory: { type: 'string', default: dirname(ACCOUNTS_PATH) },
  },
});
const seconds = Number(values.seconds);
// Inherited by the nodes.
process.env.NODE_OPTIONS = `--import=${new URL('./lib/memory-lines.js', import.meta.url).href}`;

await mkdir(resolve(values.directory), { recursive: true });
const directory = await mkdtemp(join(resolve(values.directory), 'soak-'));
const ended = new AbortController();
/** What ended the run before its time. */
let failure: Error | undefined;
const onFailure = (error: Error) => {
  failure ??= error;
  ended.abort();
};
const checks = await soak();
for (const { what, held } of checks) say(`${held ? 'ok  ' : 'FAIL'} ${what}`);
const failed = checks.some(({ held }) => !held);
if (failed) say(`the data is kept in ${directory}`);
else await rm(directory, { recursive: true, force: true });
process.exitCode = failed ? 1 : 0;

async function soak(): Promise<Check[]> {
  const network = await LocalNetwork.create(directory, SHAPE);
  try {
    await network.start(onFailure);
    const checks = await underLoad(network);
    // In order, so that what is verified next is what was judged.
    await network.stop();
    return [...checks, ...(await verified(network.nodes))];
  } catch (error) {
    return [{ what: (error as Error).message, held: false }];
  } finally {
    await network.stop();
  }
}

async function underLoad(network: LocalNetwork): Promise<Check[]> {
  const { nodes } = network;
  const [steadyValidator, steadyBasic] = steady(nodes);
  const file = join(RESULTS_PATH, `soak-${new Date().toISOString().replaceAll(':', '-')}.jsonl`);
  await mkdir(dirname(file), { recursive: true });
  say(`${nodes.length} nodes, samples in ${file}, data in ${directory}, load average ${loadAverage()}`);

  const load = new SteadyLoad(network, steadyBasic);
  const sampler = new Sampler(nodes, file);
  const victims = nodes.filter((node) => node !== steadyValidator && node !== steadyBasic);
  const killer = new Killer(victims, steadyValidator, onFailure);
  const quiet = new AbortController();
  const latencies: number[] = [];

  const following = load.follow(quiet.signal);
  const sending = load.run(Number(values.load), ended.signal);
  const killing = values.kills ? killer.run(Number(values['kill-every']) * 1000, ended.signal) : undefined;
  const work = Promise.all([following, sending, killing]);
  work.catch(onFailure);
  const untilMs = performance.now() + seconds * 1000;
  while (!ended.signal.aborted && performance.now() < untilMs) {
    await sleep(Number(values['sample-every']) * 1000, undefined, { signal: ended.signal }).catch(() => {});
    await sampler.take();
    latencies.push(...load.takeLatencies());
    sayProgress(load, killer);
  }
  ended.abort();
  await Promise.all([sending, killing]);
  if (failure !== undefined) throw failure;
  if (values.kills) await killAll(nodes);
  await Promise.race([load.drain(DRAIN_WITHIN_MS), work]);
  quiet.abort();
  await work;

  say(`\n${sampleTable(sampler.samples, seconds)}`);
  await writePlots(sampler.samples, resolve(values.figures));
  await appendFile(file, killer.kills.map((kill) => `${JSON.stringify({ kill })}\n`).join(''));
  say(
    `${load.sent} transfers sent (${Math.round(load.sent / seconds)}/s), ${load.resent} handed in again; ` +
      `from submission to being seen final p50 ${percentile(latencies, 50).toFixed(0)} ms, ` +
      `p99 ${percentile(latencies, 99).toFixed(0)} ms; load average ${loadAverage()}`,
  );
  if (values.kills) sayKills(killer);
  const names = [steadyValidator.name, steadyBasic.name];
  return [...(await judgeLedgers(nodes, load.expected())), ...judgeGrowth(sampler.samples, names)];
}

/** One node of either role that is not killed but with all the others. */
function steady(nodes: readonly LocalNode[]): [validator: LocalNode, basic: LocalNode] {
  const validator = nodes.find(({ role }) => role === 'validator');
  const basic = nodes.find(({ role }) => role === 'basic');
  if (validator === undefined || basic === undefined) throw new Error('a soak needs a node of either role');
  return [validator, basic];
}

/** Everybody at once, under load: what was final is on the disks, or it never was. */
async function killAll(nodes: readonly LocalNode[]): Promise<void> {
  await Promise.all(nodes.map((node) => node.kill()));
  const startedMs = performance.now();
  await Promise.all(nodes.map((node) => node.start(onFailure)));
  await Promise.all(nodes.map((node) => node.ready()));
  say(
    `all were killed at once, and were ready ${Math.round(performance.now() - startedMs)} ms after their start`,
  );
}

/** The offline check of every block, certificate, signature, root and index, by the command that operators have. */
async function verified(nodes: readonly LocalNode[]): Promise<Check[]> {
  const checks: Check[] = [];
  const run = promisify(execFile);
  for (const { name, config } of nodes) {
    const outcome = await run(process.execPath, [CLI, 'verify', '-c', config], { cwd: directory }).then(
      ({ stdout }) => ({ held: true, says: stdout }),
      (error: Error & { stderr?: string }) => ({ held: false, says: error.stderr ?? error.message }),
    );
    checks.push({ what: `${name}: ${outcome.says.trim()}`, held: outcome.held });
  }
  return checks;
}

function sayProgress({ sent, final, resent }: SteadyLoad, { kills }: Killer): void {
  const at = new Date().toISOString().slice(11, 19);
  say(`${at}  ${sent} sent, ${final} final, ${resent} handed in again, ${kills.length} kills`);
}

function sayKills({ kills }: Killer): void {
  if (kills.length === 0) return;
  const recovered = kills.map(({ recoveredMs }) => recoveredMs);
  const leaders = kills.filter(({ leader }) => leader).length;
  say(
    `${kills.length} kills (${leaders} of the leader of the moment), ` +
      `ready again ${percentile(recovered, 50)} ms after the start (median), ${Math.max(...recovered)} ms at most`,
  );
}

function loadAverage(): string {
  return loadavg()
    .map((value) => value.toFixed(1))
    .join(' ');
}

function say(text: string): void {
  console.log(text);
}
