/** All scenarios, by name. */
import type { Simulation } from '../simulation.js';
import { BEYOND } from './beyond.js';
import { FALSE_BLOCKS } from './false-blocks.js';
import { LOCKS } from './locks.js';
import { LONE } from './lone.js';
import type { Scenario } from './scenario.js';
import { stageOf } from './stage.js';
import { TRACES } from './traces.js';

export const SCENARIOS: readonly Scenario[] = [...TRACES, ...LOCKS, ...FALSE_BLOCKS, ...BEYOND, ...LONE];

/** @throws Error for a name that there is not */
export function scenarioNamed(name: string): Scenario {
  const found = SCENARIOS.find((scenario) => scenario.name === name);
  if (found !== undefined) return found;
  throw new Error(`there is no scenario ${name}; there are ${SCENARIOS.map((each) => each.name).join(', ')}`);
}

/** The network of a scenario, ready to run. */
export function stageNamed(name: string, print?: (line: string) => void): Simulation {
  return stageOf(scenarioNamed(name), print);
}
