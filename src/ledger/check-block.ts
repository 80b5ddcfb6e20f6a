/**
 * Whether a block is valid on its parent (section 5), in the order of what a check costs: `checkBlock` (no state, no
 * signatures), `blockSignatureChecks` (whose signatures to check, elsewhere), execution, `checkExecution`.
 * `checkClock` stands apart, as only a fresh proposal's time is held against our clock.
 */
import type { AuthoritySet } from '../protocol/authorities.js';
import {
  type Block,
  type Header,
  hashTxnsOf,
  MAX_BLOCK_BYTES,
  MAX_BLOCK_DATA_BYTES,
  MAX_CLOCK_AHEAD_MS,
  sealCheck,
} from '../protocol/block.js';
import type { Address, Hash } from '../protocol/bytes.js';
import { OtherParentError, ProtocolError } from '../protocol/errors.js';
import type { SignatureCheck } from '../protocol/keys.js';
import { meetsDifficulty } from '../protocol/proof-of-work.js';
import { transactionSignatureCheck } from '../protocol/transaction.js';
import { type Execution, inBlock } from './execute.js';
import type { LedgerRules } from './rules.js';
import type { StateReader } from './state-reader.js';
import { checkForm, resolveKey } from './transaction.js';

/**
 * Everything that needs neither state nor signatures. `authorities` decide this block, and, as the set is constant in
 * version 1, the next one too, which is what the header names.
 * @returns BAD_BLOCK, or null
 */
export function checkBlock(
  block: Block,
  parent: Pick<Block, 'id' | 'header'>,
  authorities: AuthoritySet,
  rules: LedgerRules,
): ProtocolError | null {
  const { header, transactions } = block;
  const error = checkSealedHeader(block, parent, authorities, rules);
  if (error !== null) return error;
  if (block.wire.length > MAX_BLOCK_BYTES) return bad(`${block.wire.length} bytes, over ${MAX_BLOCK_BYTES}`);
  if (transactions.length > rules.maxBound)
    return bad(`${transactions.length} transactions, over ${rules.maxBound}`);
  const hashTxns = hashTxnsOf(transactions);
  if (header.hashTxns !== hashTxns) return bad(`a hash_txns of ${header.hashTxns} instead of ${hashTxns}`);
  return null;
}

/**
 * What of the same holds of a block of which only the header is there.
 * @param parent undefined if it is not known
 */
export function checkSealedHeader(
  { header, id, signature }: Pick<Block, 'header' | 'id' | 'signature'>,
  parent: Pick<Block, 'id' | 'header'> | undefined,
  authorities: AuthoritySet,
  rules: LedgerRules,
): ProtocolError | null {
  if (parent !== undefined) {
    if (header.hashParent !== parent.id)
      return new OtherParentError(`bad block: its parent is ${header.hashParent}, not ${parent.id}`);
    if (header.number !== parent.header.number + 1)
      return bad(`number ${header.number} does not follow its parent's`);
    if (header.time <= parent.header.time) return bad("its time is not after its parent's");
  }
  if (header.difficulty !== rules.difficulty)
    return bad(`difficulty ${header.difficulty}, not ${rules.difficulty}`);
  if (!meetsDifficulty(id, header.difficulty)) return bad('its proof of work is missing');
  if (!authorities.has(header.coinbase)) return bad(`its coinbase ${header.coinbase} is no authority`);
  if (signature === null) return bad('it is not sealed');
  if (header.data !== null && header.data.length > MAX_BLOCK_DATA_BYTES) {
    return bad(`${header.data.length} bytes of data, over ${MAX_BLOCK_DATA_BYTES}`);
  }
  if (header.hashAuthorities !== authorities.hash) return bad('its hash_authorities is wrong');
  return null;
}

/** The 15 s rule: for a fresh proposal (valid_round nil) only, never for a re-proposal or while syncing. */
export function checkClock(header: Header, nowMs: number): ProtocolError | null {
  const aheadMs = header.time - nowMs;
  return aheadMs > MAX_CLOCK_AHEAD_MS ? bad(`its time is ${aheadMs} ms ahead of our clock`) : null;
}

/**
 * The form of every transaction, and the signatures still to be checked: the seal first, then those of the
 * transactions in block order, but for those that `isVerified` knows by the hash of their wire form.
 * @param base the state of the parent
 * @returns BAD_BLOCK if no signatures could make the block valid
 */
export function blockSignatureChecks(
  block: Block,
  base: Pick<StateReader, 'publicKey'>,
  authorities: AuthoritySet,
  rules: LedgerRules,
  isVerified: (wireHash: Hash) => boolean,
): SignatureCheck[] | ProtocolError {
  const coinbase = authorities.at(authorities.indexOf(block.header.coinbase) ?? -1);
  if (coinbase === undefined) return bad(`its coinbase ${block.header.coinbase} is no authority`);
  const checks = [sealCheck(block, coinbase.publicKey, rules.genesisId)];

  // A key becomes known with its owner's nonce 0, which may be an earlier transaction of this block (section 3).
  const carried = new Map<Address, Uint8Array>();
  const keys = { publicKey: (address: Address) => carried.get(address) ?? base.publicKey(address) };
  for (const [index, transaction] of block.transactions.entries()) {
    const error = checkForm(transaction, rules);
    if (error !== null) return inBlock(index, error);
    const key = resolveKey(transaction, keys);
    if (key instanceof ProtocolError) return inBlock(index, key);
    carried.set(transaction.from, key);
    if (isVerified(transaction.wireHash)) continue;
    checks.push(transactionSignatureCheck(transaction, key, rules.genesisId));
  }
  return checks;
}

/** Holds the header against what executing the block gave: its reward, and `root`, the state tree's root with it. */
export function checkExecution(block: Block, execution: Execution, root: Hash): ProtocolError | null {
  const { reward, hashState } = block.header;
  if (reward !== execution.reward) return bad(`a reward of ${reward} instead of ${execution.reward}`);
  if (hashState !== root) return bad(`a hash_state of ${hashState} instead of ${root}`);
  return null;
}

function bad(why: string): ProtocolError {
  return new ProtocolError('BAD_BLOCK', `bad block: ${why}`);
}
