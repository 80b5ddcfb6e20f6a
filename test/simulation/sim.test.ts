/** The seeds that once failed and a few fresh ones; more by command: `npm run sim -- --seeds 300`. */
import { describe, expect, it } from 'vitest';
import { CORPUS } from './corpus.js';
import { Simulation } from './simulation.js';
import { Violation } from './violation.js';

const FRESH = Number(process.env.SIM_SEEDS ?? 12);
const FIRST = Number(process.env.SIM_FROM ?? 1);

async function play(seed: number): Promise<string> {
  const { violation, hash, recent } = await new Simulation(seed).run();
  if (violation === undefined) return hash;
  const what = violation instanceof Violation ? violation.message : violation.stack;
  const replay = `npm run sim -- --seed 0x${seed.toString(16)} --trace`;
  throw new Error(`${recent.join('\n')}\n${what}\nreplay: ${replay}`);
}

describe('a simulated network keeps its promises', { timeout: 300_000 }, () => {
  for (const { seed, why } of CORPUS) {
    it(`in seed ${seed}, which once failed: ${why}`, () => play(seed));
  }
  for (let seed = FIRST; seed < FIRST + FRESH; seed++) {
    it(`in seed ${seed}`, () => play(seed));
  }

  it('the same way each time', async () => {
    expect(await play(9)).toBe(await play(9));
  });
});
