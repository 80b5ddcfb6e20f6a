/**
 * Plays a copy of the sources with a bug in it: `canary.js PATTERN seed FROM COUNT` or `canary.js PATTERN scenario NAME`.
 * Prints the first violation that fits the pattern, and nothing if there is none.
 */
import { stageNamed } from './scenarios/index.js';
import { Simulation } from './simulation.js';

const [pattern = '', kind, name = '', count = '1'] = process.argv.slice(2);
const noticed = new RegExp(pattern);

async function look(what: string, simulation: Simulation): Promise<boolean> {
  const { violation } = await simulation.run();
  if (violation === undefined || !noticed.test(violation.message)) return false;
  console.log(`${what}: ${violation.message}`);
  return true;
}

if (kind === 'scenario') await look(name, stageNamed(name));
else {
  const first = Number(name);
  for (let seed = first; seed < first + Number(count); seed++)
    if (await look(`seed ${seed}`, new Simulation(seed))) break;
}
