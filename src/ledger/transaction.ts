/**
 * The checks of a transaction, in the order of section 3, and its effects. Between `resolveKey` and `applyTransaction`
 * the caller checks the signature. Nothing here throws for somebody else's fault: errors are values.
 */
import type { Address } from '../protocol/bytes.js';
import { ProtocolError } from '../protocol/errors.js';
import { assertCarriedKey, type Transaction } from '../protocol/transaction.js';
import { KINDS } from './kinds.js';
import type { LedgerRules } from './rules.js';
import type { StateReader } from './state-reader.js';
import type { StateView } from './view.js';

/** What can be said without any state: DATA_TOO_LARGE, FEE_TOO_LOW, BAD_PUBLIC_KEY; null if nothing is wrong. */
export function checkForm(transaction: Transaction, rules: LedgerRules): ProtocolError | null {
  const { data, fee } = transaction;
  if (data !== null && data.length > rules.maxDataBytes) {
    return new ProtocolError('DATA_TOO_LARGE', `${data.length} bytes of data, over ${rules.maxDataBytes}`);
  }
  if (fee < rules.minFee) {
    return new ProtocolError('FEE_TOO_LOW', `a fee of ${fee}, below ${rules.minFee}`);
  }
  try {
    assertCarriedKey(transaction);
    return null;
  } catch (error) {
    if (error instanceof ProtocolError) return error;
    throw error;
  }
}

/** The sender's key (PKCS#1 DER): the one carried, or the one known; else UNKNOWN_KEY. */
export function resolveKey(
  transaction: Transaction,
  keys: Pick<StateReader, 'publicKey'>,
): Uint8Array | ProtocolError {
  const { publicKey, from } = transaction;
  return (
    publicKey ??
    keys.publicKey(from) ??
    new ProtocolError('UNKNOWN_KEY', `the public key of ${from} is not known yet`)
  );
}

/** What must be in the sender's balance. Above 2^53-1 it may be inexact, but is above every balance all the same. */
export function costOf(transaction: Transaction): number {
  return KINDS[transaction.kind].spends(transaction) + transaction.fee;
}

/**
 * Applies a transaction whose form, key and signature are good, or leaves `view` as it was and says why not:
 * UNKNOWN_SENDER, NONCE_TOO_LOW, NONCE_TOO_HIGH, INSUFFICIENT_BALANCE.
 */
export function applyTransaction(
  view: StateView,
  transaction: Transaction,
  coinbase: Address,
): ProtocolError | null {
  const { from, nonce, fee, publicKey } = transaction;
  const sender = view.account(from);
  if (sender === undefined) return new ProtocolError('UNKNOWN_SENDER', `there is no account ${from}`);
  if (nonce < sender.nonce) {
    return new ProtocolError('NONCE_TOO_LOW', `nonce ${nonce}, but ${from} is at ${sender.nonce}`);
  }
  if (nonce > sender.nonce) {
    return new ProtocolError('NONCE_TOO_HIGH', `nonce ${nonce}, but ${from} is at ${sender.nonce}`);
  }
  const cost = costOf(transaction);
  if (cost > sender.balance) {
    return new ProtocolError('INSUFFICIENT_BALANCE', `${from} has ${sender.balance} and needs ${cost}`);
  }

  view.set(from, { ...sender, nonce: nonce + 1, balance: sender.balance - cost });
  KINDS[transaction.kind].apply(view, transaction);
  view.credit(coinbase, fee);
  if (publicKey !== null) view.learnKey(from, publicKey);
  return null;
}
