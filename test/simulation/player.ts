/** Plays one seed, tells of a broken promise how to see it again, and reports what came of it. */
import type { SimOptions } from './options.js';
import { planWithout, shrink } from './shrink.js';
import { type Outcome, Simulation } from './simulation.js';
import { Violation } from './violation.js';

/** Of many seeds each that this divides is played twice: the same must happen again. */
const TWICE_EVERY = 25;

export interface Failure {
  readonly seed: number;
  readonly what: string;
  /** The command that plays it again. */
  readonly replay: string;
}

/** What is kept of an outcome: plain data, which one process can hand to another. */
export interface Report {
  readonly seed: number;
  readonly virtualMs: number;
  readonly events: number;
  readonly tallies: Readonly<Record<string, number>>;
  readonly failure: Failure | null;
}

export async function play(seed: number, options: SimOptions): Promise<Report> {
  const began = performance.now();
  const print = options.trace ? (line: string) => console.log(line) : undefined;
  const first = await new Simulation(seed, print, planWithout(seed, options.without)).run();
  const { outcome, parts } =
    first.violation !== undefined && options.shrink
      ? await shrink(seed, first)
      : { outcome: first, parts: options.without };
  const { plan, violation, hash, virtualMs, events } = outcome;
  const tallies: Record<string, number> = { ...outcome.tallies };
  if (process.env.SIM_VERBOSE !== undefined) {
    const size = `${plan.authorities.length}+${plan.basics.length}`;
    const tookMs = Math.round(performance.now() - began);
    console.log(`${seed} ${hash} ${size} ${tallies.blocks} blocks ${events} events ${tookMs} ms`);
  }
  let what = violation === undefined ? null : describe(violation);
  if (options.twice || (options.count !== 1 && seed % TWICE_EVERY === 0)) {
    const again = await new Simulation(seed, undefined, planWithout(seed, parts)).run();
    tallies['played twice'] = 1;
    if (again.hash !== hash) what ??= `the same seed gave two traces, ${hash} and ${again.hash}`;
  }
  const failure = what === null ? null : failureOf(seed, what, parts);
  if (failure !== null) tell(failure, outcome);
  return { seed, virtualMs, events, tallies, failure };
}

export function failureOf(seed: number, what: string, parts: readonly string[] = []): Failure {
  const without = parts.length === 0 ? '' : ` --without '${parts.join(',')}'`;
  return { seed, what, replay: `npm run sim -- --seed 0x${seed.toString(16)}${without} --trace` };
}

function tell({ seed, what, replay }: Failure, { recent }: Outcome): void {
  console.log(`\n${recent.join('\n')}\n\nseed 0x${seed.toString(16)}: ${what}\nreplay: ${replay}`);
}

function describe(violation: Error): string {
  return violation instanceof Violation ? violation.message : (violation.stack ?? violation.message);
}
