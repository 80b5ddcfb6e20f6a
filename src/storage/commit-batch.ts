/** All that one final block puts into the database, as one batch. Pure: it reads nothing and writes nothing. */
import type { StoreOperation } from '../ports/store.js';
import type { Block } from '../protocol/block.js';
import type { Address } from '../protocol/bytes.js';
import type { Certificate } from '../protocol/certificate.js';
import type { Account, AccountRecord } from '../protocol/state.js';
import type { TreeUpdate } from '../protocol/state-tree.js';
import { type AccountChange, encodeChanges, recordAfter } from './block-changes.js';
import {
  type Head,
  putAccount,
  putBlock,
  putBlockNumber,
  putChanges,
  putHead,
  putMilestone,
  putPlace,
  putPublicKey,
} from './tables.js';

/** Every so many blocks that touch an account one of them is a milestone: finding a past state takes fewer steps. */
export const TOUCHES_PER_MILESTONE = 32;

/** A final block and what executing it gave. */
export interface BlockCommit {
  readonly block: Block;
  /** Null for genesis only. */
  readonly certificate: Certificate | null;
  /** Every account that the block touched, as it is afterwards: those that its transactions name are among them. */
  readonly changes: ReadonlyMap<Address, Account>;
  /** Public keys (PKCS#1 DER) that became known in this block. */
  readonly newKeys: ReadonlyMap<Address, Uint8Array>;
  /** All balances and stakes afterwards. */
  readonly supply: number;
  /** The state tree with the changes, if one is attached to the chain: it becomes the head together with the block. */
  readonly update?: Pick<TreeUpdate, 'commit'>;
}

export interface CommitBatch {
  readonly head: Head;
  /** Puts of what is written once; what every block rewrites is for `rewrites`. */
  readonly operations: readonly StoreOperation[];
  /** The touched accounts' new records. */
  readonly records: ReadonlyMap<Address, AccountRecord>;
}

/** The addresses that the block changed or one of its transactions names, sorted, with the transactions' indices. */
export function touchedBy({ block, changes }: BlockCommit): Map<Address, number[]> {
  const addresses = new Set(changes.keys());
  for (const { from, to } of block.transactions) addresses.add(from).add(to);
  const touched = new Map<Address, number[]>();
  for (const address of [...addresses].sort()) touched.set(address, []);
  block.transactions.forEach(({ from, to }, index) => {
    touched.get(from)?.push(index);
    if (to !== from) touched.get(to)?.push(index);
  });
  return touched;
}

/**
 * @param touched what `touchedBy` gave
 * @param before the record of a touched account before the block
 * @param previousTransacted the nearest block below with transactions, 0 if there is none
 */
export function commitBatch(
  commit: BlockCommit,
  touched: ReadonlyMap<Address, readonly number[]>,
  before: (address: Address) => AccountRecord | undefined,
  previousTransacted: number,
): CommitBatch {
  const { block, certificate, changes, newKeys, supply } = commit;
  const { number, time } = block.header;
  const head: Head = { number, id: block.id, timeMs: time, supply };
  const operations: StoreOperation[] = [
    ...putBlock(number, { block: block.wire, certificate: certificate?.wire ?? null }),
    putBlockNumber(block.id, number),
  ];
  block.transactions.forEach(({ id }, index) => {
    operations.push(putPlace(id, { blockNumber: number, index }));
  });
  for (const [address, publicKey] of newKeys) operations.push(putPublicKey(address, publicKey));

  const accountChanges = new Map<Address, AccountChange>();
  const records = new Map<Address, AccountRecord>();
  for (const [address, indices] of touched) {
    const old = before(address);
    const account = changes.get(address);
    if (account === undefined)
      throw new Error(`block ${number} names ${address}, which its changes leave out`);
    const { nonce, balance, stake } = account;
    const change: AccountChange = { nonce, balance, stake, before: old, indices };
    const record = recordAfter(number, change);
    accountChanges.set(address, change);
    records.set(address, record);
    if (isMilestone(record.touches)) operations.push(putMilestone(address, number));
  }
  operations.push(
    putChanges(number, encodeChanges(block.transactions.length, previousTransacted, accountChanges)),
  );
  return { head, operations, records };
}

/** Puts of what each block writes anew: of several blocks in one batch only the last state of it. */
export function rewrites(head: Head, records: ReadonlyMap<Address, AccountRecord>): StoreOperation[] {
  return [putHead(head), ...Array.from(records, ([address, record]) => putAccount(address, record))];
}

/** Whether the block that touches an account for the `touches`-th time is a milestone of it. */
export function isMilestone(touches: number): boolean {
  return touches % TOUCHES_PER_MILESTONE === 0;
}
