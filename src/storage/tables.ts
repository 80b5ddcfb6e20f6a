/** The records of the chain's database as values: reading and writing each of them, and nothing that spans two. */
import type { Store, StoreOperation } from '../ports/store.js';
import { GENESIS_NUMBER } from '../protocol/block.js';
import { type Address, fromHex, type Hash, toHex } from '../protocol/bytes.js';
import { decode, encode, type Value } from '../protocol/encoding.js';
import { ProtocolError } from '../protocol/errors.js';
import { Fields, MAX_HEIGHT } from '../protocol/fields.js';
import { joinBlock, splitBlock } from '../protocol/sealed-header.js';
import type { AccountRecord } from '../protocol/state.js';
import { BlockChanges, decodeRecord, encodeRecord } from './block-changes.js';
import { damaged, type StorageError } from './errors.js';
import {
  accountKey,
  BASE_KEY,
  blockIdKey,
  bodyKey,
  changesKey,
  GENESIS_ID_KEY,
  HEAD_KEY,
  headerKey,
  milestoneKey,
  publicKeyKey,
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

/** What is kept of every block. */
export interface HeaderBytes {
  /** See protocol/sealed-header.ts. */
  readonly sealedHeader: Uint8Array;
  /** Null in genesis only. */
  readonly certificate: Uint8Array | null;
}

/** From where on the chain is kept whole. */
export interface Base {
  /** Of genesis and the blocks above this one everything is kept, and the state is known from this one on; 0 for all. */
  readonly number: number;
  /** Headers and certificates are kept of genesis, and from this block on. */
  readonly lowestHeader: number;
  /** The newest block up to `number` with transactions, as far as is known; absent for `number` itself. */
  readonly transactedIn?: number;
}

/** Where a final transaction is. */
export interface TransactionPlace {
  readonly blockNumber: number;
  readonly index: number;
}

/** Of a chain that keeps everything. */
export const WHOLE: Base = { number: 0, lowestHeader: GENESIS_NUMBER };

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

  base(): Base {
    const read = (bytes: Uint8Array): Base => {
      const fields = Fields.decode(bytes, 3, 'base');
      return {
        number: fields.integer('number', MAX_HEIGHT),
        lowestHeader: fields.integer('header', MAX_HEIGHT),
        transactedIn: fields.integer('transacted in', MAX_HEIGHT),
      };
    };
    return this.#read(BASE_KEY, 'the base', read) ?? WHOLE;
  }

  /** Undefined if a part of it is not there. */
  block(number: number): BlockBytes | undefined {
    const header = this.header(number);
    const body = this.body(number);
    if (header === undefined || body === undefined) return undefined;
    return { block: joinBlock(header.sealedHeader, body), certificate: header.certificate };
  }

  /** The transactions of a block, as its wire form ends with them. */
  body(number: number): Uint8Array | undefined {
    return this.#store.get(bodyKey(number));
  }

  header(number: number): HeaderBytes | undefined {
    return this.#read(headerKey(number), `block ${number}`, decodeHeaderBytes);
  }

  changes(number: number): BlockChanges | undefined {
    return this.#read(changesKey(number), changesName(number), (bytes) => new BlockChanges(bytes));
  }

  blockNumber(id: Hash): number | undefined {
    return this.#read(blockIdKey(id), `the index of block ${id}`, decodeInteger);
  }

  place(id: Hash): TransactionPlace | undefined {
    return this.#read(transactionKey(id), `the index of transaction ${id}`, decodePlace);
  }

  account(address: Address): AccountRecord | undefined {
    return this.#read(accountKey(address), `account ${address}`, decodeRecord);
  }

  publicKey(address: Address): Uint8Array | undefined {
    return this.#store.get(publicKeyKey(address));
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

/** How error messages call a block's BlockChanges. */
export function changesName(number: number): string {
  return `the record of changes of block ${number}`;
}

export function decodeHeaderBytes(bytes: Uint8Array): HeaderBytes {
  const fields = Fields.decode(bytes, 2, 'block');
  return { sealedHeader: fields.bytes('sealed header'), certificate: fields.bytesOrNil('certificate') };
}

export function decodeInteger(bytes: Uint8Array): number {
  return Fields.of([decode(bytes)], 1, 'number').integer('value');
}

export function decodePlace(bytes: Uint8Array): TransactionPlace {
  const fields = Fields.decode(bytes, 2, 'place');
  return { blockNumber: fields.integer('number'), index: fields.integer('index') };
}

export function putHead(head: Head): StoreOperation {
  return put(HEAD_KEY, [head.number, fromHex(head.id), head.timeMs, head.supply]);
}

export function putBase({ number, lowestHeader, transactedIn = number }: Base): StoreOperation {
  return put(BASE_KEY, [number, lowestHeader, transactedIn]);
}

/** A whole block: its header and its body. */
export function putBlock(number: number, { block, certificate }: BlockBytes): StoreOperation[] {
  const [sealedHeader, body] = splitBlock(block);
  return [putHeader(number, { sealedHeader, certificate }), { key: bodyKey(number), value: body }];
}

export function putHeader(number: number, { sealedHeader, certificate }: HeaderBytes): StoreOperation {
  return put(headerKey(number), [sealedHeader, certificate]);
}

/** @param changes what `encodeChanges` gave */
export function putChanges(number: number, changes: Uint8Array): StoreOperation {
  return { key: changesKey(number), value: changes };
}

export function putBlockNumber(id: Hash, number: number): StoreOperation {
  return put(blockIdKey(id), number);
}

export function putPlace(id: Hash, { blockNumber, index }: TransactionPlace): StoreOperation {
  return put(transactionKey(id), [blockNumber, index]);
}

export function putAccount(address: Address, record: AccountRecord): StoreOperation {
  return { key: accountKey(address), value: encodeRecord(record) };
}

/** That the block touched the account, where its history is to be entered. */
export function putMilestone(address: Address, number: number): StoreOperation {
  return put(milestoneKey(address, number), null);
}

export function putPublicKey(address: Address, publicKey: Uint8Array): StoreOperation {
  return { key: publicKeyKey(address), value: publicKey };
}

export function put(key: Uint8Array, value: Value): StoreOperation {
  return { key, value: encode(value) };
}
