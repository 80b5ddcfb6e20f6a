/**
 * Three sorts of tests, from quick to slow. Timeouts only end what hangs: no test depends on how fast it runs. Whole
 * processes compete for the machine, so the end-to-end tests run last and one file at a time.
 */
import { defineConfig } from 'vitest/config';

const project = (
  name: string,
  include: string[],
  timeoutMs: number,
  groupOrder: number,
  maxWorkers: number,
) => ({
  test: {
    name,
    include,
    testTimeout: timeoutMs,
    hookTimeout: timeoutMs,
    maxWorkers,
    sequence: { groupOrder },
  },
});

export default defineConfig({
  test: {
    projects: [
      project(
        'unit',
        ['test/unit/**/*.test.ts', 'test/simulation/**/*.test.ts', 'test/fuzz/**/*.test.ts'],
        60_000,
        0,
        2,
      ),
      project('integration', ['test/integration/**/*.test.ts'], 120_000, 1, 2),
      project('e2e', ['test/e2e/**/*.test.ts'], 600_000, 2, 1),
    ],
  },
});
