/** `ccoin import`: takes a chain from a file of `ccoin export`, checking it as if a stranger had sent it. */
import type { ArgumentsCamelCase, Argv, CommandModule } from 'yargs';
import { type Imported, importChain } from '../src/node/import-chain.js';
import { type ChainArguments, withChain, withChainOptions } from './lib/chain.js';

interface Arguments extends ChainArguments {
  readonly from: string;
}

const importCommand: CommandModule<object, Arguments> = {
  command: 'import',
  describe: 'take a chain from a file of ccoin export, every block checked, offline',
  builder,
  handler,
};

export default importCommand;

function builder(yargs: Argv<object>): Argv<Arguments> {
  return withChainOptions(yargs)
    .option('from', {
      type: 'string',
      requiresArg: true,
      demandOption: true,
      describe: 'the file',
    })
    .example(
      '$0 import -c ccoin.json --from chain.ccoin',
      'into a directory with no chain, or a shorter one',
    );
}

async function handler(argv: ArgumentsCamelCase<Arguments>): Promise<void> {
  const line = await withChain(argv, 'importing', async ({ place, options, secondsPassed }) => {
    const imported = await importChain(place, argv.from, options);
    const speed = Math.round((imported.blocks - imported.before) / Math.max(secondsPassed(), 0.001));
    return `${textOf(imported)} of genesis ${imported.genesisId}; ${speed} blocks/s`;
  });
  console.log(line);
}

function textOf({ before, blocks }: Imported): string {
  return blocks === before
    ? `nothing new: the chain here has ${before} blocks already`
    : `imported blocks ${before + 1} to ${blocks}`;
}
