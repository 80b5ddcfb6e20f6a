/** `ccoin initc`: makes the genesis block from genesis.json, for a node to begin with. */
import { readFile } from 'node:fs/promises';
import type { ArgumentsCamelCase, Argv, CommandModule } from 'yargs';
import { listAccounts, loadPublicKey, readPublicKeyFile } from '../src/keys/account.js';
import { writeFileAtomic } from '../src/keys/write-file.js';
import { readGenesisFile, writeGenesisFile } from '../src/node/genesis-file.js';
import { systemClock } from '../src/node/system-clock.js';
import type { Address } from '../src/protocol/bytes.js';
import { ProtocolError } from '../src/protocol/errors.js';
import { genesisBlock, parseGenesis } from '../src/protocol/genesis.js';
import { addressOf } from '../src/protocol/keys.js';
import { type ConfigArguments, commandConfig, configuredAccount, withConfigOption } from './lib/config.js';
import { genesisWarnings, measureHashRate } from './lib/genesis-warnings.js';

interface Arguments extends ConfigArguments {
  readonly genesis: string;
  readonly 'miner-key': readonly string[];
  readonly out: string | undefined;
}

const initc: CommandModule<object, Arguments> = {
  command: 'initc',
  describe: 'mine the genesis block of a network from its genesis file',
  builder,
  handler,
};

export default initc;

function builder(yargs: Argv<object>): Argv<Arguments> {
  return withConfigOption(yargs)
    .option('genesis', {
      type: 'string',
      requiresArg: true,
      default: 'genesis.json',
      describe: 'the genesis file, the same for every node of the network',
    })
    .option('miner-key', {
      type: 'string',
      array: true,
      requiresArg: true,
      default: [] as readonly string[],
      describe: 'the id_rsa.pub of a miner that the genesis file names by address alone; may be repeated',
    })
    .option('out', {
      type: 'string',
      requiresArg: true,
      describe: 'write the completed genesis file here: keys, defaults and time filled in',
    })
    .example('$0 initc -c ccoin.json --genesis=genesis.json', 'for the account of the configuration')
    .example('$0 initc --miner-key alice.pub --miner-key bob.pub', "with others' keys from files");
}

async function handler(argv: ArgumentsCamelCase<Arguments>): Promise<void> {
  const config = await commandConfig(argv);
  const address = configuredAccount(config);
  const { basePath } = config.app;
  const text = await readGenesisText(argv.genesis);
  const keys = await knownKeys(basePath, argv.minerKey);
  const before = await readGenesisFile(basePath, address);

  const nowMs = systemClock.now();
  // Run again with the same file without a time, it is the same genesis still.
  const { config: genesis, completed } = parse(argv.genesis, text, keys, before?.config.time ?? nowMs);
  const warnings = genesisWarnings(genesis, { nowMs, hashesPerSecond: measureHashRate() });
  for (const warning of warnings) console.error(`Warning: ${warning}`);

  const founded = genesisBlock(genesis);
  await writeGenesisFile(basePath, address, founded);
  const complete = `${JSON.stringify(genesis, null, 2)}\n`;
  if (argv.out !== undefined) {
    await writeFileAtomic(argv.out, complete, { mode: 0o644, directoryMode: 0o755 });
  }
  if (completed) {
    console.log(`${argv.genesis} has no time, so this is the file now, and the other nodes need this one:`);
    console.log(complete);
  }
  console.log(`Genesis block has been mined: nonce=${founded.block.nonce}, pow_hash=${founded.block.id}`);
}

async function readGenesisText(path: string): Promise<string> {
  const bytes = await readFile(path).catch((error) => {
    const { code } = error as NodeJS.ErrnoException;
    throw new Error(
      code === 'ENOENT'
        ? `there is no genesis file ${path}`
        : `the genesis file ${path} cannot be read (${code})`,
      { cause: error },
    );
  });
  try {
    return new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(bytes);
  } catch (error) {
    throw new Error(`the genesis file ${path} is not UTF-8`, { cause: error });
  }
}

function parse(path: string, text: string, keys: ReadonlyMap<Address, Uint8Array>, nowMs: number) {
  try {
    return parseGenesis(text, { nowMs, resolveKey: (address) => keys.get(address) });
  } catch (error) {
    if (!(error instanceof ProtocolError)) throw error;
    const hint = error.message.endsWith('is not known') ? ': give its id_rsa.pub with --miner-key' : '';
    throw new Error(`the genesis file ${path} cannot be used: ${error.message}${hint}`, { cause: error });
  }
}

/** The public keys at hand, by address: of the local accounts and in the files given. */
async function knownKeys(
  basePath: string,
  files: readonly string[],
): Promise<ReadonlyMap<Address, Uint8Array>> {
  const keys = new Map<Address, Uint8Array>();
  for (const address of await listAccounts(basePath)) {
    const key = await loadPublicKey(basePath, address);
    if (key !== undefined) keys.set(address, key);
  }
  for (const file of files) {
    const key = await readPublicKeyFile(file);
    keys.set(addressOf(key), key);
  }
  return keys;
}
