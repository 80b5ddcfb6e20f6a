/** Each planted bug is noticed. `CANARY_SHOW=1` prints which seed noticed it, and of what. */
import { describe, expect, it } from 'vitest';
import { CANARIES, withCanary } from './canaries.js';

const SEEDS_TRIED = Number(process.env.CANARY_SEEDS ?? 40);

describe('planted bugs', () => {
  for (const canary of CANARIES) {
    it(`is noticed: ${canary.what}`, { timeout: 600_000 }, async () => {
      const noticed = await withCanary(canary, async (create) => {
        const others = Array.from({ length: SEEDS_TRIED }, (_, i) => i + 1);
        for (const seed of [canary.seed, ...others]) {
          const { violation } = await create(seed).run();
          if (violation !== undefined && canary.noticed.test(violation.message))
            return `seed ${seed}: ${violation.message}`;
        }
        return null;
      });
      if (process.env.CANARY_SHOW !== undefined) console.log(`${canary.what}: ${noticed?.slice(0, 200)}`);
      expect(noticed).not.toBe(null);
    });
  }
});
