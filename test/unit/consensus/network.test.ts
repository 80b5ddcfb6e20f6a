/**
 * Some hundred seeds of the simulated network. A failing seed is played again alone with
 * `SEED=n npx vitest run test/unit/consensus/network.test.ts`; `SEEDS=n` plays more of them.
 */
import { expect, it } from 'vitest';
import { Network } from './network.js';

const SEEDS = Number(process.env.SEEDS ?? 300);
const ONLY = process.env.SEED;
const seeds = ONLY === undefined ? Array.from({ length: SEEDS }, (_, i) => i + 1) : [Number(ONLY)];

it('every seed keeps to one chain and its word, and goes on once the faults are over', {
  timeout: 600_000,
}, () => {
  let heights = 0;
  const failures: string[] = [];
  for (const seed of seeds) {
    try {
      heights += new Network(seed).run().heights;
    } catch (error) {
      const again = `SEED=${seed} npx vitest run test/unit/consensus/network.test.ts`;
      failures.push(`${error instanceof Error ? error.stack : error}\n  again: ${again}`);
    }
  }
  expect(failures).toEqual([]);
  expect(heights).toBeGreaterThan(seeds.length * 5);
});
