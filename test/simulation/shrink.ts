/** Makes a failing seed small: takes one thing after the other out of its plan, and leaves out what the failure does not need. */
import { ALL_FAULTS, drawPlan, NO_SNAPSHOTS, type Plan } from './plan.js';
import { type Outcome, Simulation } from './simulation.js';

/** What can be left out of a plan, by name. */
export const PARTS: readonly string[] = [
  ...ALL_FAULTS,
  'strikes',
  'loss',
  'duplication',
  'reordering',
  'splitting',
  'skew',
  'drift',
  'oddity',
  'liars',
  'basics',
  'without genesis',
  'pruning',
  'snapshots',
];

/** The plan of `seed`, some of its parts left out. @throws Error for a part that there is not */
export function planWithout(seed: number, parts: readonly string[]): Plan {
  const unknown = parts.find((part) => !PARTS.includes(part));
  if (unknown !== undefined) throw new Error(`there is no ${unknown}; there are ${PARTS.join(', ')}`);
  const without = (part: string) => parts.includes(part);
  const plan = drawPlan(seed);
  return {
    ...plan,
    faults: new Map([...plan.faults].filter(([fault]) => !without(fault))),
    strikeRate: without('strikes') ? 0 : plan.strikeRate,
    loss: without('loss') ? 0 : plan.loss,
    duplication: without('duplication') ? 0 : plan.duplication,
    reordering: without('reordering') ? 0 : plan.reordering,
    splitting: without('splitting') ? 0 : plan.splitting,
    maxSkewMs: without('skew') ? 0 : plan.maxSkewMs,
    maxDrift: without('drift') ? 0 : plan.maxDrift,
    oddity: without('oddity') ? 0 : plan.oddity,
    liars: without('liars') ? new Map() : plan.liars,
    beyond: plan.beyond && !without('liars'),
    basics: without('basics') ? [] : plan.basics,
    withoutGenesis: without('without genesis') ? new Set() : plan.withoutGenesis,
    pruning: without('pruning') ? new Map() : plan.pruning,
    snapshots: without('snapshots') ? NO_SNAPSHOTS : plan.snapshots,
  };
}

/** Gives what can be left out with the seed still failing in the same way, and the last outcome that failed. */
export async function shrink(seed: number, failed: Outcome): Promise<{ parts: string[]; outcome: Outcome }> {
  let parts: string[] = [];
  let outcome = failed;
  const kind = kindOf(failed);
  for (const part of PARTS) {
    const tried = [...parts, part];
    const next = await new Simulation(seed, undefined, planWithout(seed, tried)).run();
    if (kindOf(next) !== kind) continue;
    parts = tried;
    outcome = next;
  }
  return { parts, outcome };
}

/** What broke, whoever it was and wherever: the first line without its numbers and ids. Undefined if nothing did. */
function kindOf({ violation }: Outcome): string | undefined {
  return violation?.message.split('\n')[0]?.replace(/\b(?:[0-9a-f]{6,}|\d+)\b/g, '#');
}
