/** Executes blocks, given or being built, on a state that it never touches (section 5). */
import { MAX_BLOCK_DATA_BYTES } from '../protocol/block.js';
import type { Address } from '../protocol/bytes.js';
import { ProtocolError } from '../protocol/errors.js';
import { MAX_MODULUS_BITS } from '../protocol/keys.js';
import type { Account } from '../protocol/state.js';
import type { Transaction } from '../protocol/transaction.js';
import type { LedgerRules } from './rules.js';
import type { StateReader } from './state-reader.js';
import { applyTransaction, checkForm } from './transaction.js';
import { StateView } from './view.js';

/** What a block does to the state, to be committed or thrown away. */
export interface Execution {
  /** Every account the block touched, as it is after it. */
  readonly changes: ReadonlyMap<Address, Account>;
  /** Keys that became known, as PKCS#1 DER; views into the transactions' wire forms. */
  readonly newKeys: ReadonlyMap<Address, Uint8Array>;
  /** All balances and stakes after the block. */
  readonly supply: number;
  /** What the block's header must say the coinbase got. */
  readonly reward: number;
}

export interface Selection {
  readonly transactions: readonly Transaction[];
  readonly execution: Execution;
  /** Candidates that cannot be applied to this state, and why. */
  readonly refused: readonly { readonly transaction: Transaction; readonly error: ProtocolError }[];
}

/** Candidates whose accounts are looked up together. */
const CANDIDATES_AT_ONCE = 256;

/** More than header, nonce, seal and the lengths around them can take in a block's wire form. */
export const MAX_BLOCK_FRAME_BYTES = 256 + MAX_BLOCK_DATA_BYTES + MAX_MODULUS_BITS / 8;

/**
 * Executes the transactions of a block, all of whose signatures are good, and then its reward.
 * @returns BAD_BLOCK, naming the transaction, if one of them cannot be applied
 */
export function executeBlock(
  base: StateReader,
  transactions: readonly Transaction[],
  coinbase: Address,
  rules: LedgerRules,
): Execution | ProtocolError {
  const view = new StateView(base);
  base.expect?.(namedIn(transactions));
  for (const [index, transaction] of transactions.entries()) {
    const error = applyTransaction(view, transaction, coinbase);
    if (error !== null) return inBlock(index, error);
  }
  return payReward(view, coinbase, rules);
}

/**
 * Picks the transactions of a new block from `candidates`, in their order, until the block is full: `maxBound`
 * transactions, or a wire form of `maxBytes`. What cannot be applied is passed over; one whose nonce is too high
 * merely waits for the ones before it, and is not called refused.
 */
export function selectTransactions(
  base: StateReader,
  candidates: Iterable<Transaction>,
  coinbase: Address,
  rules: LedgerRules,
  maxBytes: number,
): Selection {
  const view = new StateView(base);
  const transactions: Transaction[] = [];
  const refused: { transaction: Transaction; error: ProtocolError }[] = [];
  let room = maxBytes - MAX_BLOCK_FRAME_BYTES;
  for (const transaction of expecting(base, candidates, rules.maxBound)) {
    const bytes = bytesInBlock(transaction);
    if (bytes > room) break;
    const error = checkForm(transaction, rules) ?? applyTransaction(view, transaction, coinbase);
    if (error === null) {
      room -= bytes;
      if (transactions.push(transaction) === rules.maxBound) break;
    } else if (error.code !== 'NONCE_TOO_HIGH') refused.push({ transaction, error });
  }
  return { transactions, execution: payReward(view, coinbase, rules), refused };
}

/** What is wrong with a block because of its transaction number `index`. */
export function inBlock(index: number, { code, message }: ProtocolError): ProtocolError {
  return new ProtocolError('BAD_BLOCK', `bad block: transaction ${index}: ${code}: ${message}`);
}

/** The candidates, each after the state was told of it and of some behind it, but not of more than are needed. */
function* expecting(
  base: StateReader,
  candidates: Iterable<Transaction>,
  needed: number,
): Generator<Transaction> {
  const atOnce = Math.min(CANDIDATES_AT_ONCE, needed);
  const told: Transaction[] = [];
  for (const candidate of candidates) {
    if (told.push(candidate) < atOnce) continue;
    base.expect?.(namedIn(told));
    yield* told.splice(0);
  }
  base.expect?.(namedIn(told));
  yield* told;
}

function* namedIn(transactions: readonly Transaction[]): Generator<Address> {
  for (const { from, to } of transactions) {
    yield from;
    yield to;
  }
}

/** The coinbase exists after its block even if there is nothing left to give (section 4). */
function payReward(view: StateView, coinbase: Address, rules: LedgerRules): Execution {
  const reward = Math.min(rules.reward, Number.MAX_SAFE_INTEGER - view.supply);
  view.mint(coinbase, reward);
  return { changes: view.changes, newKeys: view.newKeys, supply: view.supply, reward };
}

/** A transaction stands in a block as a byte string: its wire form behind a length. */
function bytesInBlock({ wire }: Transaction): number {
  return wire.length + (wire.length < 0x100 ? 2 : wire.length < 0x10000 ? 3 : 5);
}
