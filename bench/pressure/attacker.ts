/**
 * The attacker's process: `attacker.js NAME TARGET`, started with an IPC channel. It says when it presses, ends when it
 * is told to, and says then what it did. It gives way to every other process, as an attacker elsewhere would take
 * nothing of the processors that the attacked run on.
 */
import { constants, setPriority } from 'node:os';
import { listAccounts, loadAccount } from '../../src/keys/account.js';
import { attacks } from './attacks.js';

/** What it is told on its command line. */
export interface AttackerOrder {
  readonly httpPort: number;
  readonly p2pPort: number;
  readonly genesisId: string;
  /** Whose keys it may introduce itself with. */
  readonly accountsPath: string;
}

/** What it says. */
export type AttackerWord = { readonly pressing: boolean } | { readonly done: string };

const [name, order] = process.argv.slice(2);
const attack = attacks.find((one) => one.name === name);
if (attack === undefined || order === undefined) throw new Error('called as attacker.js NAME TARGET');
const { accountsPath, ...target } = JSON.parse(order) as AttackerOrder;
setPriority(constants.priority.PRIORITY_LOW);
const say = (word: AttackerWord) => process.send?.(word);
const end = new AbortController();
process.once('message', () => end.abort());
process.once('disconnect', () => process.exit());
const addresses = await listAccounts(accountsPath);
const strangers = await Promise.all(addresses.map((address) => loadAccount(accountsPath, address)));
const done = await attack.run({ ...target, strangers }, end.signal, (pressing) => say({ pressing }));
say({ done });
process.disconnect();
