/** Each planted bug is noticed, and is said to be what it is; by which seed or scenario is printed. */
import { describe, expect, it } from 'vitest';
import { CANARIES, type Copy, withCanary } from './canaries.js';
import { SCENARIOS } from './scenarios/index.js';
import type { Simulation } from './simulation.js';

/** From the pinned seed on: what the simulator draws from a seed may change. */
const SEEDS_TRIED = Number(process.env.CANARY_SEEDS ?? 300);

async function notices(noticed: RegExp, simulation: Simulation): Promise<string | null> {
  const { violation } = await simulation.run();
  return violation !== undefined && noticed.test(violation.message) ? violation.message : null;
}

/** The first seed that notices it, and of what. */
async function firstOf(copy: Copy, seed: number, noticed: RegExp): Promise<string | null> {
  for (let tried = 0; tried < SEEDS_TRIED; tried++) {
    const message = await notices(noticed, copy.seed(seed + tried));
    if (message !== null) return `seed ${seed + tried}: ${message}`;
  }
  return null;
}

function tell(what: string, found: string | null): void {
  console.log(`${what}: ${found?.split('\n')[0]?.slice(0, 160) ?? 'not noticed'}`);
  expect(found).not.toBe(null);
}

describe('the swarm notices', { timeout: 600_000 }, () => {
  for (const canary of CANARIES) {
    it(canary.what, async () => {
      tell(canary.what, await withCanary(canary, (copy) => firstOf(copy, canary.seed, canary.noticed)));
    });
  }
});

describe('a scenario notices what is taken out:', { timeout: 600_000 }, () => {
  for (const { name, parts } of SCENARIOS) {
    for (const [what, part] of Object.entries(parts)) {
      it(`${name}, ${what}`, async () => {
        const noticed = await withCanary(part, (copy) => notices(part.noticed, copy.scenario(name)));
        tell(`${name} without: ${what}`, noticed);
      });
    }
  }
});
