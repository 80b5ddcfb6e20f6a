/** Each planted bug is noticed, and is said to be what it is; by which seed or scenario is printed. */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { Aviary, CANARIES } from './canaries.js';
import { SCENARIOS } from './scenarios/index.js';

/** From the pinned seed on: what the simulator draws from a seed may change. */
const SEEDS_TRIED = process.env.CANARY_SEEDS ?? '300';

let aviary: Aviary;

beforeAll(async () => {
  aviary = await Aviary.open();
});

afterAll(() => aviary.close());

function tell(what: string, noticed: string | null): void {
  console.log(`${what}: ${noticed?.split('\n')[0]?.slice(0, 160) ?? 'not noticed'}`);
  expect(noticed).not.toBe(null);
}

describe('the swarm notices:', { timeout: 600_000 }, () => {
  for (const canary of CANARIES) {
    it(canary.what, async () => {
      const { noticed, seed, what } = canary;
      tell(what, await aviary.play(canary, noticed, 'seed', `${seed}`, SEEDS_TRIED));
    });
  }
});

describe('a scenario notices what is taken out:', { timeout: 600_000 }, () => {
  for (const { name, parts } of SCENARIOS) {
    for (const [what, part] of Object.entries(parts)) {
      it(`${name}, ${what}`, async () => {
        tell(`without "${what}"`, await aviary.play(part, part.noticed, 'scenario', name));
      });
    }
  }
});
