/** The account that a command acts for, its key opened. */
import type { Config } from '../../src/config/config.js';
import { type Account, isEncrypted, loadAccount } from '../../src/keys/account.js';
import { configuredAccount } from './config.js';
import { passphraseForKey } from './passphrase.js';

/**
 * The configured account; for an encrypted key the passphrase comes from `passphraseFile`, CCOIN_PASSPHRASE, or somebody
 * at a terminal.
 * @throws UsageError if no account is configured, KeyError if its key cannot be used
 */
export async function openAccount(config: Config, passphraseFile: string | undefined): Promise<Account> {
  const address = configuredAccount(config);
  const { basePath } = config.app;
  const passphrase = (await isEncrypted(basePath, address))
    ? await passphraseForKey(passphraseFile)
    : undefined;
  return loadAccount(basePath, address, passphrase);
}
