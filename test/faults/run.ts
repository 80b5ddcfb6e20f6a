/**
 * `npm run faults`: a network of real processes for each fault. Ends with a line of totals; exit code 0 only if every
 * promise was kept. A failure shows the last lines of each node's log and how to play it again.
 */
import { once } from 'node:events';
import { Chance } from '../simulation/chance.js';
import { cleanUp } from '../support/node-process.js';
import { type LoadAccount, makeAccounts } from './load.js';
import { canMount, runWithMounts } from './mounts.js';
import { Network } from './network.js';
import { type FaultsOptions, readOptions, USAGE } from './options.js';
import type { Scenario } from './scenario.js';
import { judge, type Totals } from './verdict.js';

async function main(): Promise<number> {
  let options: FaultsOptions;
  try {
    options = readOptions(process.argv.slice(2));
  } catch (error) {
    console.error(`${error instanceof Error ? error.message : error}\n\n${USAGE}`);
    return 2;
  }
  const startedMs = performance.now();
  const accounts = makeAccounts();
  const kept: Totals[] = [];
  const disks = canMount()
    ? 'disks that fill up are mounted'
    : 'no disk is mounted, as that is not permitted';
  console.log(`seed ${options.seed}; the links are proxies on loopback; ${disks}`);
  for (const scenario of options.scenarios) {
    const totals = await play(scenario, options, accounts);
    if (totals !== undefined) kept.push(totals);
  }
  const sum = (of: (totals: Totals) => number) => kept.reduce((before, totals) => before + of(totals), 0);
  console.log(
    `${kept.length} of ${options.scenarios.length} faults borne in ${secondsSince(startedMs)} s: ` +
      `${sum(({ blocks }) => blocks)} blocks, ${sum(({ laterRounds }) => laterRounds)} of them in a later round, ` +
      `${sum(({ transfers }) => transfers)} transfers called final, none lost, ` +
      `${sum(({ words }) => words)} signed messages, none contradicted; seed ${options.seed}`,
  );
  return kept.length === options.scenarios.length ? 0 : 1;
}

/** @returns undefined if a promise was broken, which it has told of then */
async function play(
  scenario: Scenario,
  { seed, scale }: Pick<FaultsOptions, 'seed' | 'scale'>,
  accounts: readonly LoadAccount[],
): Promise<Totals | undefined> {
  const startedMs = performance.now();
  console.log(`${scenario.name}: ${scenario.sentence}`);
  const chance = new Chance(seed, scenario.name);
  const network = await Network.start(accounts, chance);
  try {
    await network.grows(1);
    const happened = await scenario.play(network, scale, chance);
    const totals = await judge(network);
    console.log(
      `  held: ${happened}; ${totals.blocks} blocks, ${totals.transfers} transfers, ${secondsSince(startedMs)} s`,
    );
    return totals;
  } catch (error) {
    tell(scenario, { seed, scale }, network, error);
    return undefined;
  } finally {
    await network.close();
    await cleanUp();
  }
}

function tell(
  { name }: Scenario,
  { seed, scale }: Pick<FaultsOptions, 'seed' | 'scale'>,
  network: Network,
  error: unknown,
): void {
  for (const member of network.members)
    console.log(`\n${member.name}, ${member.address}\n${member.lastLines().join('\n')}`);
  for (const contradiction of network.witness.contradictions) console.log(`signed twice: ${contradiction}`);
  console.log(`\nFAILED ${name}, seed ${seed}: ${error instanceof Error ? error.stack : error}`);
  const again = `--only ${name} --seed ${seed} --kills ${scale.kills}${scale.short ? ' --short' : ''}`;
  console.log(`again: npm run faults -- ${again}\n`);
}

function secondsSince(startedMs: number): string {
  return ((performance.now() - startedMs) / 1000).toFixed(1);
}

process.exit((await runWithMounts()) ?? (await untilSignal()));

/** Leaves no process and no directory, however it ends. */
async function untilSignal(): Promise<number> {
  const stopped = Promise.race((['SIGINT', 'SIGTERM'] as const).map((signal) => once(process, signal)));
  try {
    return await Promise.race([main(), stopped.then(() => 1)]);
  } finally {
    await cleanUp();
  }
}
