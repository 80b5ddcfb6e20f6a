/** What a block adds to the trails of the accounts that it touches. */
import type { Address } from '../protocol/bytes.js';
import type { Trail } from '../protocol/state.js';
import type { TrailOf } from '../protocol/state-tree.js';
import type { Transaction } from '../protocol/transaction.js';

/** Of block `number` with these transactions. */
export function blockTrail(number: number, transactions: readonly Transaction[]): TrailOf {
  const named = new Set<Address>();
  for (const { from, to } of transactions) named.add(from).add(to);
  const touched: Trail = { touchedIn: number, transactedIn: 0, touches: 1 };
  const transacted: Trail = { ...touched, transactedIn: number };
  return (address) => (named.has(address) ? transacted : touched);
}
