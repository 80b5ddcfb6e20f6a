/** `ccoin verify`: whether a chain's directory is sound, every byte of it. */
import type { ArgumentsCamelCase, Argv, CommandModule } from 'yargs';
import { verifyPlace } from '../src/node/verify-chain.js';
import { type ChainArguments, withChain, withChainOptions } from './lib/chain.js';

const verify: CommandModule<object, ChainArguments> = {
  command: 'verify',
  describe: 'check a whole chain on this disk, offline; changes nothing',
  builder,
  handler,
};

export default verify;

function builder(yargs: Argv<object>): Argv<ChainArguments> {
  return withChainOptions(yargs)
    .example('$0 verify -c ccoin.json', "the chain of the configuration's account")
    .example('$0 verify --data backup/chain', 'a copy of one');
}

async function handler(argv: ArgumentsCamelCase<ChainArguments>): Promise<void> {
  const line = await withChain(argv, 'verifying', async ({ place, options, secondsPassed }) => {
    const verdict = await verifyPlace(place, options);
    if (!verdict.sound) {
      throw new Error(
        `${place.directory} is not sound: ${verdict.fault} (${soundText(verdict.soundBlocks)})`,
      );
    }
    const { blocks, base, transactions, accounts } = verdict;
    const speed = Math.round(blocks / Math.max(secondsPassed(), 0.001));
    const kept = base === 0 ? '' : ` (up to block ${base} their headers and certificates)`;
    return `sound: ${blocks} blocks${kept}, ${transactions} transactions, ${accounts} accounts; ${speed} blocks/s`;
  });
  console.log(line);
}

function soundText(blocks: number): string {
  return blocks === 0 ? 'no block is sound' : `sound up to block ${blocks}`;
}
