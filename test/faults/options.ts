/** The command line of the faults. */
import { parseArgs } from 'node:util';
import type { Scale, Scenario } from './scenario.js';
import { SCENARIOS } from './scenarios/index.js';

export interface FaultsOptions {
  readonly scenarios: readonly Scenario[];
  readonly seed: number;
  readonly scale: Scale;
}

const KILLS = { short: 8, long: 100 };

export const USAGE = `npm run faults -- [options]
  --short              a few minutes for all of them
  --only kill,pause    these alone, of: ${SCENARIOS.map(({ name }) => name).join(', ')}
  --seed 42            draw as that run did
  --kills 100          how often the scenario kill kills
Ends with a line of totals; exit code 0 only if every promise was kept.`;

/** @throws Error that says what is wrong with the arguments */
export function readOptions(args: readonly string[]): FaultsOptions {
  const { values } = parseArgs({
    args: [...args],
    options: {
      short: { type: 'boolean', default: false },
      only: { type: 'string' },
      seed: { type: 'string' },
      kills: { type: 'string' },
    },
  });
  const { short } = values;
  const kills = values.kills === undefined ? KILLS[short ? 'short' : 'long'] : number('kills', values.kills);
  return {
    scenarios: values.only === undefined ? SCENARIOS : values.only.split(',').map(scenarioNamed),
    // Written down by every run, so any of them can be asked for again.
    seed: values.seed === undefined ? process.hrtime()[1] : number('seed', values.seed),
    scale: { short, kills },
  };
}

function scenarioNamed(name: string): Scenario {
  const scenario = SCENARIOS.find((each) => each.name === name);
  if (scenario === undefined) throw new Error(`there is no scenario ${name}`);
  return scenario;
}

function number(name: string, text: string): number {
  const value = Number(text);
  if (!Number.isSafeInteger(value) || value < 0) throw new Error(`--${name} wants a number, not ${text}`);
  return value;
}
