/** `ccoin devnet`: a whole network on this machine, real processes over real TCP, for a look and for development. */
import type { ArgumentsCamelCase, Argv, CommandModule } from 'yargs';
import { DEFAULT_SHAPE } from './lib/devnet/plan.js';
import { runDevnet } from './lib/devnet/run.js';
import { jsonShow, textShow } from './lib/devnet/show.js';
import { untilSignal } from './lib/signals.js';

interface DevnetArguments {
  readonly validators: number | undefined;
  readonly basic: number | undefined;
  readonly interval: number | undefined;
  readonly difficulty: number | undefined;
  readonly 'base-path': string;
  readonly reset: boolean;
  readonly load: number;
  readonly seconds: number | undefined;
  readonly json: boolean;
}

const devnet: CommandModule<object, DevnetArguments> = {
  command: 'devnet',
  describe: 'run a network of several nodes on this machine',
  builder,
  handler,
};

export default devnet;

function builder(yargs: Argv<object>): Argv<DevnetArguments> {
  const { validators, basic, interval, difficulty } = DEFAULT_SHAPE;
  return yargs
    .option('validators', { type: 'number', describe: `authorities, 1 to 100 [new devnets: ${validators}]` })
    .option('basic', { type: 'number', describe: `nodes that only follow [new devnets: ${basic}]` })
    .option('interval', {
      type: 'number',
      describe: `seconds between empty blocks [new devnets: ${interval}]`,
    })
    .option('difficulty', {
      type: 'number',
      describe: `proof of work of a block [new devnets: ${difficulty}]`,
    })
    .option('base-path', { type: 'string', default: '.ccoin-devnet', describe: 'where its files are kept' })
    .option('reset', {
      type: 'boolean',
      default: false,
      describe: 'throw the old chain away and make a new one',
    })
    .option('load', { type: 'number', default: 0, describe: 'transfers to send, a second' })
    .option('seconds', { type: 'number', describe: 'stop after so many seconds' })
    .option('json', { type: 'boolean', default: false, describe: 'print JSON lines for programs' })
    .check(checkNumbers)
    .example('$0 devnet --reset --load 100', 'a new network under a load of 100 transfers a second');
}

/** The longest that a timer can wait is 2^31 milliseconds. */
const MAX_SECONDS = 2_000_000;

/** What each number may be; interval and difficulty as the protocol has them (section 6). */
const RANGES: readonly (readonly [name: string, min: number, max: number, integer: boolean])[] = [
  ['validators', 1, 100, true],
  ['basic', 0, 100, true],
  ['interval', 0, 86_400, false],
  ['difficulty', 0, 16, true],
  ['load', 0, 100_000, false],
  ['seconds', 0, MAX_SECONDS, false],
];

function checkNumbers(given: Readonly<Record<string, unknown>>): true {
  for (const [name, min, max, integer] of RANGES) {
    const value = given[name];
    if (value === undefined) continue;
    const fits =
      typeof value === 'number' && value >= min && value <= max && (!integer || Number.isInteger(value));
    if (!fits)
      throw new Error(`--${name} must be ${integer ? 'an integer' : 'a number'} from ${min} to ${max}`);
  }
  return true;
}

async function handler({ json, ...options }: ArgumentsCamelCase<DevnetArguments>): Promise<void> {
  const stop = new AbortController();
  // A second signal ends this process at once, and its children stop by themselves (see lib/leash.ts).
  void untilSignal().then(() => stop.abort());
  // Whoever read our lines has gone.
  process.stdout.on('error', () => stop.abort());
  const out = (text: string) => void process.stdout.write(text);
  const show = json ? jsonShow(out, (text) => void process.stderr.write(text)) : textShow(out);
  await runDevnet(options, show, stop.signal);
}
