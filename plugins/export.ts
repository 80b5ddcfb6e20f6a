/** `ccoin export`: a whole chain as one file, for another machine or an archive. No key is in it. */
import type { ArgumentsCamelCase, Argv, CommandModule } from 'yargs';
import { exportChain } from '../src/node/export-chain.js';
import { type ChainArguments, withChain, withChainOptions } from './lib/chain.js';

interface Arguments extends ChainArguments {
  readonly to: string;
}

const exportCommand: CommandModule<object, Arguments> = {
  command: 'export',
  describe: 'write a whole chain, without any key, to one file, offline',
  builder,
  handler,
};

export default exportCommand;

function builder(yargs: Argv<object>): Argv<Arguments> {
  return withChainOptions(yargs)
    .option('to', {
      type: 'string',
      requiresArg: true,
      demandOption: true,
      describe: 'the file, which must not be there yet',
    })
    .example('$0 export -c ccoin.json --to chain.ccoin', 'blocks and certificates from genesis on');
}

async function handler(argv: ArgumentsCamelCase<Arguments>): Promise<void> {
  const { blocks, genesisId } = await withChain(argv, 'exporting', ({ place, options }) =>
    exportChain(place, argv.to, options),
  );
  console.log(`blocks 1 to ${blocks} of genesis ${genesisId} are in ${argv.to}`);
}
