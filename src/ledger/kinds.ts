/**
 * The kinds of transaction, one entry each: what a kind takes from its sender, and what it does. Whatever is the same
 * for all kinds (nonce, fee, keys) is in transaction.ts.
 */
import { TRANSFER, type Transaction } from '../protocol/transaction.js';
import type { StateView } from './view.js';

export interface Kind {
  /** What it takes from the sender's balance beside the fee. */
  spends(transaction: Transaction): number;
  /** Its effect, once nonce, amount and fee are taken from the sender. It cannot fail. */
  apply(view: StateView, transaction: Transaction): void;
}

export const KINDS: Readonly<Record<Transaction['kind'], Kind>> = {
  [TRANSFER]: {
    spends: ({ amount }) => amount,
    apply: (view, { to, amount }) => view.credit(to, amount),
  },
};
