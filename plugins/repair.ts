/** `ccoin repair`: cuts a damaged chain back to its last sound block; the node then syncs the rest by itself. */
import type { ArgumentsCamelCase, Argv, CommandModule } from 'yargs';
import { repairPlace } from '../src/node/repair-chain.js';
import { type ChainArguments, withChain, withChainOptions } from './lib/chain.js';

interface Arguments extends ChainArguments {
  readonly discard: boolean;
}

const repair: CommandModule<object, Arguments> = {
  command: 'repair',
  describe: 'cut a damaged chain on this disk back to its last sound block, offline',
  builder,
  handler,
};

export default repair;

function builder(yargs: Argv<object>): Argv<Arguments> {
  return withChainOptions(yargs)
    .option('discard', {
      type: 'boolean',
      default: false,
      describe: 'delete the damaged database instead of keeping it beside the new one',
    })
    .example('$0 repair -c ccoin.json', 'and start the node again');
}

async function handler(argv: ArgumentsCamelCase<Arguments>): Promise<void> {
  const lines = await withChain(argv, 'repairing', async ({ place, options }) => {
    const time = new Date().toISOString().replaceAll(/[:.]/g, '-');
    const keepAs = argv.discard ? null : `${place.directory}.damaged-${time}`;
    const repaired = await repairPlace(place, keepAs, options);
    if (repaired === null) return [`${place.directory} is sound: nothing was done`];
    return [
      `damage   ${repaired.fault}`,
      `kept     blocks 1 to ${repaired.blocks}, with accounts, history and indexes made anew from them`,
      keepAs === null ? 'removed  the damaged database' : `aside    the damaged database, in ${keepAs}`,
      'next     start the node: what may be missing now it syncs from its peers',
    ];
  });
  for (const line of lines) console.log(line);
}
