/** Accounts with real keys for the benchmarks; worth nothing anywhere else. */
import { readFile } from 'node:fs/promises';
import type { Account } from '../../src/keys/account.js';
import { createAccount, listAccounts, loadAccount } from '../../src/keys/account.js';
import type { Address } from '../../src/protocol/bytes.js';
import { ACCOUNTS_PATH, ORDER_PATH, writeWhole } from './cache.js';

/** Made at once on node's thread pool, and written down before the next ones are begun. */
const AT_ONCE = 64;

/**
 * The first `count` of the cached accounts, after making as many as are missing. They keep their order however many
 * follow: a genesis and what was signed for it stay good.
 */
export async function benchAccounts(
  count: number,
  say: (text: string) => void = () => {},
): Promise<readonly Account[]> {
  const order = [...(await knownOrder())];
  if (order.length < count) say(`  making ${count - order.length} keys, kept for later runs`);
  while (order.length < count) {
    const missing = Math.min(count - order.length, AT_ONCE);
    const made = await Promise.all(Array.from({ length: missing }, () => createAccount(ACCOUNTS_PATH)));
    order.push(...made.map(({ address }) => address));
    await writeWhole(ORDER_PATH, JSON.stringify(order));
  }
  return Promise.all(order.slice(0, count).map((address) => loadAccount(ACCOUNTS_PATH, address)));
}

async function knownOrder(): Promise<readonly Address[]> {
  try {
    return JSON.parse(await readFile(ORDER_PATH, 'utf8')) as Address[];
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw error;
    return listAccounts(ACCOUNTS_PATH);
  }
}
