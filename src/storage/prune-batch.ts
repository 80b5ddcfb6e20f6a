/**
 * What goes out of the database when a block is no longer kept whole: its transactions, their places in the index, and
 * what it did to accounts. Its header, certificate and id stay, and so do accounts, keys and evidence. Pure: it writes
 * nothing.
 */
import type { StoreOperation } from '../ports/store.js';
import { fromHex, type Hash } from '../protocol/bytes.js';
import { decode, type Value } from '../protocol/encoding.js';
import { malformed } from '../protocol/errors.js';
import { transactionIdOf } from '../protocol/transaction.js';
import { isMilestone } from './commit-batch.js';
import { bodyKey, changesKey, milestoneKey, transactionKey } from './keys.js';
import { type ChainTables, changesName, parsed, present } from './tables.js';

export interface PruneBatch {
  readonly operations: readonly StoreOperation[];
  /** How many the block has. */
  readonly transactionCount: number;
}

/** @throws StorageError DAMAGED if the block is not there, or not what was written */
export function pruneBatch(tables: ChainTables, genesisId: Hash, number: number): PruneBatch {
  const what = `block ${number}`;
  const body = present(tables.body(number), what);
  const ids = parsed(what, body, (bytes) => idsIn(bytes, fromHex(genesisId)));
  const keys = [bodyKey(number), changesKey(number), ...ids.map(transactionKey)];
  const changes = present(tables.changes(number), changesName(number));
  for (const [address, { before }] of changes)
    if (isMilestone((before?.touches ?? 0) + 1)) keys.push(milestoneKey(address, number));
  const operations = keys.map((key) => ({ key, value: null }));
  return { operations, transactionCount: ids.length };
}

/** @throws ProtocolError MALFORMED */
function idsIn(body: Uint8Array, genesisId: Uint8Array): Hash[] {
  const wires: Value = decode(body);
  if (!Array.isArray(wires)) throw malformed('its transactions are no list');
  return wires.map((wire: Value) => {
    if (!(wire instanceof Uint8Array)) throw malformed('a transaction is not a byte string');
    return transactionIdOf(wire, genesisId);
  });
}
