/** `npm run sim -- --scenario NAME`: plays one scenario, or all, twice each; gives the exit code. */
import { SCENARIOS, scenarioNamed } from './index.js';
import type { Scenario } from './scenario.js';
import { stageOf } from './stage.js';

const ALL = 'all';

/** @throws Error for a name that there is not */
export async function playScenarios(name: string, trace: boolean): Promise<number> {
  let failed = 0;
  for (const scenario of name === ALL ? SCENARIOS : [scenarioNamed(name)]) {
    const what = await failureOf(scenario, trace);
    if (what !== null) failed++;
    console.log(`${scenario.name}, ${scenario.what}: ${what ?? 'held'}`);
  }
  return failed === 0 ? 0 : 1;
}

/** What went wrong; null if nothing did. */
export async function failureOf(scenario: Scenario, trace = false): Promise<string | null> {
  const print = trace ? (line: string) => console.log(line) : undefined;
  const { violation, beyond, hash, recent } = await stageOf(scenario, print).run();
  if (violation !== undefined) return `${recent.join('\n')}\n${violation.stack ?? violation.message}`;
  if (scenario.splits === true && beyond !== 'split') return `it did not split, but ${beyond}`;
  const again = await stageOf(scenario).run();
  return again.hash === hash ? null : `it gave two traces, ${hash} and ${again.hash}`;
}
