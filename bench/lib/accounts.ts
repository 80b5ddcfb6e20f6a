/** Accounts with real keys for the benchmarks; worth nothing anywhere else. */

import type { Account } from '../../src/keys/account.js';
import { createAccount, listAccounts, loadAccount } from '../../src/keys/account.js';
import { ACCOUNTS_PATH } from './cache.js';

/** The first `count` of the cached accounts, after making as many as are missing. */
export async function benchAccounts(count: number): Promise<readonly Account[]> {
  const there = await listAccounts(ACCOUNTS_PATH);
  const missing = Math.max(0, count - there.length);
  await Promise.all(Array.from({ length: missing }, () => createAccount(ACCOUNTS_PATH)));
  const addresses = (await listAccounts(ACCOUNTS_PATH)).slice(0, count);
  return Promise.all(addresses.map((address) => loadAccount(ACCOUNTS_PATH, address)));
}
