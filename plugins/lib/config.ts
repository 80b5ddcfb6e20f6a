/** The flags and the configuration that commands share. */
import { existsSync } from 'node:fs';
import type { Argv } from 'yargs';
import { type Config, ConfigError, loadConfig, type Overrides } from '../../src/config/config.js';
import type { Address } from '../../src/protocol/bytes.js';

const DEFAULT_FILE = 'ccoin.json';

export interface ConfigArguments {
  readonly config: string | undefined;
}

/** Adds `-c`. */
export function withConfigOption<T>(yargs: Argv<T>): Argv<T & ConfigArguments> {
  return yargs.option('config', {
    alias: 'c',
    type: 'string',
    requiresArg: true,
    describe: `the configuration file [default: ${DEFAULT_FILE}, if it is there]`,
  }) as Argv<T & ConfigArguments>;
}

/**
 * The configuration of a command. A file that is named must be there; the default one may be missing, then environment
 * and flags say everything.
 * @throws ConfigError
 */
export function commandConfig({ config }: ConfigArguments, overrides: Overrides = {}): Promise<Config> {
  const path = config ?? (existsSync(DEFAULT_FILE) ? DEFAULT_FILE : undefined);
  return loadConfig(path, process.env, overrides);
}

/** @throws ConfigError if the configuration names no account */
export function configuredAccount({ client }: Config): Address {
  if (client.accountAddress !== undefined) return client.accountAddress;
  throw new ConfigError(
    'no account: set client.account_address in the configuration to what create-account printed',
  );
}
