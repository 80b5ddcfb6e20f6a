/** `ccoin send`: a transfer, signed here with the account's key; the node it goes to need not be trusted with it. */
import type { ArgumentsCamelCase, Argv, CommandModule } from 'yargs';
import {
  type BlockJson,
  type CcoinClient,
  CcoinError,
  signTransfer,
  type TransactionJson,
  verifyGenesis,
} from '../src/client/index.js';
import type { Config } from '../src/config/config.js';
import { type Account, isEncrypted, loadAccount } from '../src/keys/account.js';
import { GENESIS_NUMBER } from '../src/protocol/block.js';
import { type Address, isAddress } from '../src/protocol/bytes.js';
import { commandConfig, configuredAccount } from './lib/config.js';
import { UsageError } from './lib/errors.js';
import { type NodeArguments, nodeClient, withNodeOptions } from './lib/node.js';
import { wholeNumber } from './lib/numbers.js';
import { passphraseForKey } from './lib/passphrase.js';
import { printJson, printRows } from './lib/print.js';

interface Arguments extends NodeArguments {
  readonly to: string;
  readonly amount: string;
  readonly data: string | undefined;
  readonly fee: string | undefined;
  readonly from: string | undefined;
  readonly wait: boolean;
  readonly timeout: string;
  readonly 'passphrase-file': string | undefined;
}

const DEFAULT_TIMEOUT_SECONDS = '60';

const send: CommandModule<object, Arguments> = {
  command: 'send',
  describe: 'send coins from your account to another',
  builder,
  handler,
};

export default send;

function builder(yargs: Argv<object>): Argv<Arguments> {
  return withNodeOptions(yargs)
    .option('to', {
      type: 'string',
      demandOption: true,
      requiresArg: true,
      describe: 'the address to send to',
    })
    .option('amount', { type: 'string', demandOption: true, requiresArg: true, describe: 'how many coins' })
    .option('data', { type: 'string', requiresArg: true, describe: 'a text to go with it, for all to read' })
    .option('fee', {
      type: 'string',
      requiresArg: true,
      describe: "coins for the miner [default: the network's least]",
    })
    .option('from', {
      type: 'string',
      requiresArg: true,
      describe: 'the account to send from [default: client.account_address of the configuration]',
    })
    .option('wait', { type: 'boolean', default: false, describe: 'until it is final, and print the block' })
    .option('timeout', {
      type: 'string',
      requiresArg: true,
      default: DEFAULT_TIMEOUT_SECONDS,
      describe: 'how many seconds to wait',
    })
    .option('passphrase-file', {
      type: 'string',
      requiresArg: true,
      describe: "a file with the passphrase of the account's key",
    })
    .example(
      '$0 send -c ccoin.json --to d3dc82ce0a4c73295d4233debc2a09044720b000 --amount 250 --wait',
      'a transfer, and the block that it is final in',
    );
}

async function handler(argv: ArgumentsCamelCase<Arguments>): Promise<void> {
  const order = orderOf(argv);
  const timeoutMs = wholeNumber('timeout', argv.timeout, 1) * 1000;
  const config = await commandConfig(argv);
  const client = await nodeClient(argv);
  const account = await openAccount(config, argv);
  const sent = await signAndSubmit(client, account, order, config.network.genesisId);
  if (!argv.json) printSent(sent);
  if (!argv.wait) {
    if (argv.json) printJson({ transaction: sent });
    return;
  }
  const transaction = await client.waitFinal(sent.id, timeoutMs);
  if (transaction.status.state !== 'final') throw new Error('the client waited for what is not final');
  const block = await client.block(transaction.status.block_number);
  if (argv.json) printJson({ transaction, block });
  else printBlock(block, transaction.status.index);
}

interface Order {
  readonly to: Address;
  readonly amount: number;
  readonly fee: number | undefined;
  readonly data: string | null;
}

function orderOf({ to, amount, fee, data }: Arguments): Order {
  if (!isAddress(to)) throw new UsageError('--to must be an address of 40 lower-case hex digits');
  return {
    to,
    amount: wholeNumber('amount', amount),
    fee: fee === undefined ? undefined : wholeNumber('fee', fee),
    data: data ?? null,
  };
}

async function openAccount(config: Config, argv: ArgumentsCamelCase<Arguments>): Promise<Account> {
  const address = argv.from ?? configuredAccount(config);
  if (!isAddress(address)) throw new UsageError('--from must be an address of 40 lower-case hex digits');
  const { basePath } = config.app;
  if (!(await isEncrypted(basePath, address))) return loadAccount(basePath, address);
  return loadAccount(basePath, address, await passphraseForKey(argv.passphraseFile));
}

/** Signs for the network that the node is of, which must be the pinned one if one is pinned. */
async function signAndSubmit(
  client: CcoinClient,
  { address, privateKey }: Account,
  { to, amount, data, fee }: Order,
  pinnedGenesisId: string | undefined,
): Promise<TransactionJson> {
  const { genesis_id: genesisId } = await client.status();
  if (pinnedGenesisId !== undefined && pinnedGenesisId !== genesisId)
    throw new Error(
      `the node is of the network ${genesisId}, not of ${pinnedGenesisId} (network.genesis_id)`,
    );
  const [nonce, leastFee] = await Promise.all([nextNonce(client, address), fee ?? minFee(client, genesisId)]);
  return client.submit(signTransfer({ to, amount, data, fee: leastFee, nonce }, privateKey, genesisId).wire);
}

async function nextNonce(client: CcoinClient, address: Address): Promise<number> {
  try {
    return (await client.account(address)).next_nonce;
  } catch (error) {
    if (!(error instanceof CcoinError) || error.code !== 'NOT_FOUND') throw error;
    throw new Error(`account ${address} is not on the ledger: it must receive something before it can send`);
  }
}

async function minFee(client: CcoinClient, genesisId: string): Promise<number> {
  return verifyGenesis(await client.blockWire(GENESIS_NUMBER), genesisId).config.transaction.min_fee;
}

function printSent({ id, from, to, amount, fee, number, status }: TransactionJson): void {
  printRows([
    ['transaction', id],
    ['from', from],
    ['to', to],
    ['amount', `${amount}, fee ${fee}`],
    ['nonce', number],
    ['status', status.state === 'pending' ? `pending, ${status.queue}` : status.state],
  ]);
}

function printBlock(block: BlockJson, index: number): void {
  console.log(`\nFinal in block ${block.number}, as number ${index + 1} of ${block.body.length}:`);
  printRows([
    ['block', block.number],
    ['id', block.id],
    ['parent', block.hash_parent],
    ['state', block.hash_state],
    ['leader', block.coinbase],
    ['reward', block.reward],
    ['time', new Date(block.time * 1000).toISOString()],
    ['certificate', `round ${block.certificate?.round}, ${block.certificate?.signatures.length} signatures`],
  ]);
}
