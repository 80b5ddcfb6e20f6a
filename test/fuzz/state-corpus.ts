/** A small state, and its parts as a snapshot has them. */

import { sha256Hex } from '../../src/protocol/hash.js';
import {
  type AccountEntry,
  encodeAccounts,
  encodeSubtrees,
  type PlacedHash,
} from '../../src/protocol/state-part.js';
import { StateTree, type Subtree } from '../../src/protocol/state-tree.js';
import { hex, vectors } from './corpus.js';

const senders = vectors('keys').keys.map(
  ({ address, public_key_hex }, i): AccountEntry => ({
    address,
    account: { nonce: i + 1, balance: 2 ** (5 * i), stake: i },
    publicKey: hex(public_key_hex),
  }),
);
const others = Array.from(
  { length: 40 },
  (_, i): AccountEntry => ({
    address: sha256Hex(`${i}`).slice(0, 40),
    account: { nonce: 0, balance: i * 1_000, stake: 0 },
    publicKey: null,
  }),
);

const entries = new Map([...senders, ...others].map((entry) => [entry.address, entry]));
const tree = StateTree.build([...entries.values()].map(({ address, account }) => [address, account]));

function subtreesOf(maxAccounts: number): Subtree[] {
  const held = tree.hold();
  const subtrees = [...held.subtrees(maxAccounts)];
  held.release();
  return subtrees;
}

function accountsOf({ accounts }: Subtree): Uint8Array {
  return encodeAccounts(accounts.map(([address]) => entries.get(address) as AccountEntry));
}

export const ROOT: PlacedHash = { path: '', hash: tree.root };
/** All of the accounts, as the part of the root. */
export const ALL_ACCOUNTS = accountsOf(subtreesOf(entries.size)[0] as Subtree);
/** Parts of the state, and the whole of it. */
export const PARTS = [ALL_ACCOUNTS, ...subtreesOf(8).map(accountsOf)];
/** The same state in ways in which it can be split. */
export const SPLITS = [3, 8, 20].map((maxAccounts) => encodeSubtrees('', subtreesOf(maxAccounts)));
