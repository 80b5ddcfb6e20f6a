/** `ccoin create-account`: makes a key and with it an account; nobody needs to be asked. */
import type { ArgumentsCamelCase, Argv, CommandModule } from 'yargs';
import { createAccount, DEFAULT_MODULUS_BITS } from '../src/keys/account.js';
import { MAX_MODULUS_BITS, MIN_MODULUS_BITS } from '../src/protocol/keys.js';
import { type ConfigArguments, commandConfig, withConfigOption } from './lib/config.js';
import { newPassphrase, passphraseFromFile } from './lib/passphrase.js';

interface Arguments extends ConfigArguments {
  readonly 'base-path': string | undefined;
  readonly bits: number;
  readonly 'passphrase-file': string | undefined;
  readonly passphrase: boolean | undefined;
}

const createAccountCommand: CommandModule<object, Arguments> = {
  command: 'create-account',
  describe: 'make a new account: an RSA key below the base path',
  builder,
  handler,
};

export default createAccountCommand;

function builder(yargs: Argv<object>): Argv<Arguments> {
  return withConfigOption(yargs)
    .option('base-path', {
      type: 'string',
      requiresArg: true,
      describe: 'where accounts live, instead of app.base_path of the configuration',
    })
    .option('bits', {
      type: 'number',
      requiresArg: true,
      default: DEFAULT_MODULUS_BITS,
      describe: `size of the key, ${MIN_MODULUS_BITS} to ${MAX_MODULUS_BITS}`,
    })
    .option('passphrase-file', {
      type: 'string',
      requiresArg: true,
      describe: 'encrypt the key with the passphrase in this file',
    })
    .option('passphrase', {
      type: 'boolean',
      describe: 'encrypt the key with a passphrase that is asked for',
    })
    .conflicts('passphrase', 'passphrase-file')
    .check(({ bits }) => {
      if (Number.isInteger(bits) && bits >= MIN_MODULUS_BITS && bits <= MAX_MODULUS_BITS) return true;
      throw new Error(`--bits must be an integer from ${MIN_MODULUS_BITS} to ${MAX_MODULUS_BITS}`);
    })
    .example('$0 create-account -c ccoin.json', 'an account below app.base_path')
    .example(
      '$0 create-account --base-path data --passphrase',
      'one with an encrypted key, without a configuration',
    );
}

async function handler(argv: ArgumentsCamelCase<Arguments>): Promise<void> {
  const { app } = await commandConfig(argv, { 'app.base_path': argv.basePath });
  const passphrase = await choosePassphrase(argv);
  const { address } = await createAccount(app.basePath, {
    bits: argv.bits,
    ...(passphrase === undefined ? {} : { passphrase }),
  });
  console.log(`Created account with address=${address}`);
}

async function choosePassphrase(argv: ArgumentsCamelCase<Arguments>): Promise<string | undefined> {
  if (argv.passphraseFile !== undefined) return passphraseFromFile(argv.passphraseFile);
  return argv.passphrase ? newPassphrase() : undefined;
}
