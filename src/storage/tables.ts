/** The records of the chain's database as values: reading and writing each of them, and nothing that spans two. */
import type { Store, StoreOperation } from '../ports/store.js';
import { type Address, fromHex, type Hash, toHex } from '../protocol/bytes.js';
import { decode, encode, type Value } from '../protocol/encoding.js';
import { ProtocolError } from '../protocol/errors.js';
import { Fields, MAX_HEIGHT } from '../protocol/fields.js';
import type { Account } from '../protocol/state.js';
import { damaged, type StorageError } from './errors.js';
import {
  accountKey,
  blockIdKey,
  blockKey,
  GENESIS_ID_KEY,
  HEAD_KEY,
  historyKey,
  publicKeyKey,
  summaryKey,
  transactionKey,
} from './keys.js';

/** The last final block. */
export interface Head {
  readonly number: number;
  readonly id: Hash;
  readonly timeMs: number;
  /** All balances and stakes. */
  readonly supply: number;
}

export interface BlockBytes {
  readonly block: Uint8Array;
  /** Null in genesis only. */
  readonly certificate: Uint8Array | null;
}

export interface BlockSummary {
  readonly transactionCount: number;
  /** The nearest block below that has transactions; 0 if there is none. */
  readonly previousTransacted: number;
  /** Sorted. */
  readonly touched: readonly Address[];
}

/** Where a final transaction is. */
export interface TransactionPlace {
  readonly blockNumber: number;
  readonly index: number;
}

/** An account and the newest blocks that touched it. */
export interface AccountRecord extends Account {
  readonly touchedIn: number;
  /** The newest block with a transaction from or to it; 0 if there is none. */
  readonly transactedIn: number;
}

/** An account after one block; the two numbers are those of its AccountRecord before that block (0: none). */
export interface HistoryRecord extends Account {
  readonly previousTouchedIn: number;
  readonly previousTransactedIn: number;
  /** Rising indices of the block's transactions from or to it. */
  readonly indices: readonly number[];
}

const ADDRESS_BYTES = 20;

export class ChainTables {
  readonly #store: Store;

  constructor(store: Store) {
    this.#store = store;
  }

  genesisId(): Hash | undefined {
    const bytes = this.#store.get(GENESIS_ID_KEY);
    return bytes && toHex(bytes);
  }

  head(): Head | undefined {
    return this.#read(HEAD_KEY, 'the head', (bytes) => {
      const fields = Fields.decode(bytes, 4, 'head');
      return {
        number: fields.integer('number', MAX_HEIGHT),
        id: fields.hash('id'),
        timeMs: fields.integer('time'),
        supply: fields.integer('supply'),
      };
    });
  }

  block(number: number): BlockBytes | undefined {
    return this.#read(blockKey(number), `block ${number}`, (bytes) => {
      const fields = Fields.decode(bytes, 2, 'block');
      return { block: fields.bytes('block'), certificate: fields.bytesOrNil('certificate') };
    });
  }

  summary(number: number): BlockSummary | undefined {
    return this.#read(summaryKey(number), `the summary of block ${number}`, (bytes) => {
      const fields = Fields.decode(bytes, 3, 'summary');
      return {
        transactionCount: fields.integer('transactions'),
        previousTransacted: fields.integer('previous'),
        touched: splitAddresses(fields.bytes('touched')),
      };
    });
  }

  blockNumber(id: Hash): number | undefined {
    return this.#read(blockIdKey(id), `the index of block ${id}`, decodeInteger);
  }

  place(id: Hash): TransactionPlace | undefined {
    return this.#read(transactionKey(id), `the index of transaction ${id}`, decodePlace);
  }

  account(address: Address): AccountRecord | undefined {
    return this.#read(accountKey(address), `account ${address}`, decodeAccountRecord);
  }

  publicKey(address: Address): Uint8Array | undefined {
    return this.#store.get(publicKeyKey(address));
  }

  history(address: Address, number: number): HistoryRecord | undefined {
    return this.#read(historyKey(address, number), historyName(address, number), decodeHistoryRecord);
  }

  #read<T>(key: Uint8Array, what: string, parse: (bytes: Uint8Array) => T): T | undefined {
    const bytes = this.#store.get(key);
    return bytes && parsed(what, bytes, parse);
  }
}

/** What `parse` makes of bytes of our own. @throws StorageError DAMAGED if they are none that we write */
export function parsed<T>(what: string, bytes: Uint8Array, parse: (bytes: Uint8Array) => T): T {
  try {
    return parse(bytes);
  } catch (error) {
    if (error instanceof ProtocolError)
      throw chainDamaged(`${what} is not readable (${error.message})`, error);
    throw error;
  }
}

export function chainDamaged(why: string, cause?: unknown): StorageError {
  return damaged('the chain database', why, cause);
}

export function missing(what: string): StorageError {
  return chainDamaged(`${what} is missing`);
}

/** A record that another one promises. @throws StorageError DAMAGED if it is not there */
export function present<T>(record: T | undefined, what: string): T {
  if (record === undefined) throw missing(what);
  return record;
}

/** How error messages call a HistoryRecord. */
export function historyName(address: Address, number: number): string {
  return `the history of ${address} in block ${number}`;
}

export function decodeInteger(bytes: Uint8Array): number {
  return Fields.of([decode(bytes)], 1, 'number').integer('value');
}

export function decodePlace(bytes: Uint8Array): TransactionPlace {
  const fields = Fields.decode(bytes, 2, 'place');
  return { blockNumber: fields.integer('number'), index: fields.integer('index') };
}

export function decodeAccountRecord(bytes: Uint8Array): AccountRecord {
  const fields = Fields.decode(bytes, 5, 'account');
  return {
    nonce: fields.integer('nonce'),
    balance: fields.integer('balance'),
    stake: fields.integer('stake'),
    touchedIn: fields.integer('touched in'),
    transactedIn: fields.integer('transacted in'),
  };
}

export function decodeHistoryRecord(bytes: Uint8Array): HistoryRecord {
  const fields = Fields.decode(bytes, 6, 'history');
  return {
    nonce: fields.integer('nonce'),
    balance: fields.integer('balance'),
    stake: fields.integer('stake'),
    previousTouchedIn: fields.integer('previous touched in'),
    previousTransactedIn: fields.integer('previous transacted in'),
    indices: fields.array('indices').map((index) => Fields.of([index], 1, 'history').integer('index')),
  };
}

export function putHead(head: Head): StoreOperation {
  return put(HEAD_KEY, [head.number, fromHex(head.id), head.timeMs, head.supply]);
}

export function putBlock(number: number, { block, certificate }: BlockBytes): StoreOperation {
  return put(blockKey(number), [block, certificate]);
}

export function putSummary(number: number, summary: BlockSummary): StoreOperation {
  const touched = fromHex(summary.touched.join(''));
  return put(summaryKey(number), [summary.transactionCount, summary.previousTransacted, touched]);
}

export function putBlockNumber(id: Hash, number: number): StoreOperation {
  return put(blockIdKey(id), number);
}

export function putPlace(id: Hash, { blockNumber, index }: TransactionPlace): StoreOperation {
  return put(transactionKey(id), [blockNumber, index]);
}

export function putAccount(address: Address, record: AccountRecord): StoreOperation {
  const { nonce, balance, stake, touchedIn, transactedIn } = record;
  return put(accountKey(address), [nonce, balance, stake, touchedIn, transactedIn]);
}

export function putHistory(address: Address, number: number, record: HistoryRecord): StoreOperation {
  const { nonce, balance, stake, previousTouchedIn, previousTransactedIn, indices } = record;
  return put(historyKey(address, number), [
    nonce,
    balance,
    stake,
    previousTouchedIn,
    previousTransactedIn,
    indices,
  ]);
}

export function putPublicKey(address: Address, publicKey: Uint8Array): StoreOperation {
  return { key: publicKeyKey(address), value: publicKey };
}

export function put(key: Uint8Array, value: Value): StoreOperation {
  return { key, value: encode(value) };
}

function splitAddresses(joined: Uint8Array): Address[] {
  const hex = toHex(joined);
  const addresses: Address[] = [];
  for (let at = 0; at < hex.length; at += 2 * ADDRESS_BYTES)
    addresses.push(hex.slice(at, at + 2 * ADDRESS_BYTES));
  return addresses;
}
