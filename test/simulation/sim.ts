/** `npm run sim`: plays seeds, tells of each that broke a promise how to see it again, and sums up. */
import { CORPUS } from './corpus.js';
import { readOptions, type SimOptions, USAGE } from './options.js';
import { planWithout, shrink } from './shrink.js';
import { type Outcome, Simulation } from './simulation.js';
import { Totals } from './totals.js';
import { Violation } from './violation.js';

async function main(): Promise<number> {
  let options: SimOptions;
  try {
    options = readOptions(process.argv.slice(2));
  } catch (error) {
    console.error(`${error instanceof Error ? error.message : error}\n\n${USAGE}`);
    return 2;
  }
  const began = performance.now();
  const totals = new Totals();
  for (const seed of seedsOf(options, began)) {
    totals.add(await play(seed, options));
    if (process.stdout.isTTY) process.stdout.write(`\r${totals.seeds} seeds, ${totals.failed} failed `);
  }
  const missing = totals.missing();
  for (const what of missing) console.log(`\nnever reached: ${what}`);
  console.log(`\n${totals.line(performance.now() - began)}`);
  return totals.failed === 0 && missing.length === 0 ? 0 : 1;
}

function* seedsOf({ corpus, from, count, minutes }: SimOptions, began: number): Generator<number> {
  if (corpus) for (const { seed } of CORPUS) yield seed;
  for (let seed = from; count === null || seed < from + count; seed++) {
    if (minutes !== null && performance.now() - began > minutes * 60_000) return;
    yield seed;
  }
}

async function play(seed: number, options: SimOptions): Promise<Outcome> {
  const began = performance.now();
  const print = options.trace ? (line: string) => console.log(line) : undefined;
  const first = await new Simulation(seed, print, planWithout(seed, options.without)).run();
  const shrunk =
    first.violation !== undefined && options.shrink
      ? await shrink(seed, first)
      : { outcome: first, parts: options.without };
  const { outcome, parts } = shrunk;
  const { violation } = outcome;
  if (violation !== undefined) {
    const what = violation instanceof Violation ? violation.message : violation.stack;
    console.log(`\n${outcome.recent.join('\n')}\n\nseed 0x${seed.toString(16)}: ${what}`);
    const without = parts.length === 0 ? '' : ` --without '${parts.join(',')}'`;
    console.log(`replay: npm run sim -- --seed 0x${seed.toString(16)}${without} --trace`);
  }
  if (process.env.SIM_VERBOSE !== undefined) {
    const { plan, tallies, events } = outcome;
    const size = `${plan.authorities.length}+${plan.basics.length}`;
    const tookMs = Math.round(performance.now() - began);
    console.log(`${seed} ${outcome.hash} ${size} ${tallies.blocks} blocks ${events} events ${tookMs} ms`);
  }
  if (!options.twice) return outcome;
  const again = await new Simulation(seed, undefined, planWithout(seed, parts)).run();
  if (again.hash === outcome.hash) return outcome;
  console.log(`\nseed 0x${seed.toString(16)} did not happen twice: ${outcome.hash}, then ${again.hash}`);
  return { ...outcome, violation: new Violation('the same seed gave two traces') };
}

process.exitCode = await main();
