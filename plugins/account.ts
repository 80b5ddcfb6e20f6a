/** `ccoin account`: what an account holds. */
import type { ArgumentsCamelCase, Argv, CommandModule } from 'yargs';
import { isAddress } from '../src/protocol/bytes.js';
import { commandConfig, configuredAccount } from './lib/config.js';
import { UsageError } from './lib/errors.js';
import { type NodeArguments, nodeClient, withNodeOptions } from './lib/node.js';
import { wholeNumber } from './lib/numbers.js';
import { printJson, printRows } from './lib/print.js';

interface Arguments extends NodeArguments {
  readonly address: string | undefined;
  readonly block: string | undefined;
}

const accountCommand: CommandModule<object, Arguments> = {
  command: 'account [address]',
  describe: 'show what an account holds',
  builder,
  handler,
};

export default accountCommand;

function builder(yargs: Argv<object>): Argv<Arguments> {
  return withNodeOptions(yargs)
    .positional('address', {
      type: 'string',
      describe: 'whose [default: client.account_address of the configuration]',
    })
    .option('block', {
      type: 'string',
      requiresArg: true,
      describe: 'as it was after the block of this number',
    })
    .example('$0 account -c ccoin.json', 'the account of the configuration, now')
    .example('$0 account 4b7d655bb8931cc6d7a4b2c1c631cb7e5b3446d3 --block 7', 'any account, as of block 7');
}

async function handler(argv: ArgumentsCamelCase<Arguments>): Promise<void> {
  const address = argv.address ?? configuredAccount(await commandConfig(argv));
  if (!isAddress(address)) throw new UsageError('an address has 40 lower-case hex digits');
  const block = argv.block === undefined ? {} : { block: wholeNumber('block', argv.block, 1) };
  const account = await (await nodeClient(argv)).account(address, block);
  if (argv.json) return printJson(account);
  printRows([
    ['address', account.address],
    ['balance', account.balance],
    ['stake', account.stake],
    ['nonce', account.nonce],
    ['next nonce', account.next_nonce],
    ['pending', account.pending],
    ['as of block', account.block_number],
  ]);
}
