/** Each scenario is borne, twice the same way; `npm run sim -- --scenario NAME --trace` shows one. */
import { describe, expect, it } from 'vitest';
import { SCENARIOS } from './scenarios/index.js';
import { failureOf } from './scenarios/play.js';

describe('a directed scenario is borne:', () => {
  for (const scenario of SCENARIOS) {
    it(`${scenario.name}, ${scenario.what}`, async () => {
      expect(await failureOf(scenario)).toBe(null);
    });
  }
});
