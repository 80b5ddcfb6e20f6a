/** Finds a record that no block of a chain put there. Slow: for a database that is known to have one. */
import type { Store } from '../ports/store.js';
import { type Block, decodeBlock, GENESIS_NUMBER } from '../protocol/block.js';
import { fromHex, toHex } from '../protocol/bytes.js';
import { ProtocolError } from '../protocol/errors.js';
import { decodeSealedHeader } from '../protocol/sealed-header.js';
import { isMilestone } from './commit-batch.js';
import { isWellFormed } from './describe.js';
import { StorageError } from './errors.js';
import { addressIn, BLOCK_ID, HEADER, MILESTONE, numberIn, TRANSACTION, table } from './keys.js';
import { ChainTables, decodeInteger, decodePlace } from './tables.js';

/** @param prefix of a table whose records are written once; all that the blocks up to the head promise are there */
export async function extraRecord(
  store: Store,
  prefix: number,
): Promise<readonly [key: Uint8Array, value: Uint8Array] | undefined> {
  const promises = new Promises(new ChainTables(store));
  for await (const [key, value] of store.entries(table(prefix))) {
    if (!isWellFormed(key) || !promises.include(key, value)) return [key, value];
  }
  return undefined;
}

/** What the blocks of a chain promise to be in its database. */
class Promises {
  readonly #tables: ChainTables;
  readonly #head: number;
  readonly #base: number;
  readonly #genesisId: Uint8Array;

  constructor(tables: ChainTables) {
    this.#tables = tables;
    this.#head = tables.head()?.number ?? 0;
    this.#base = tables.base().number;
    this.#genesisId = fromHex(tables.genesisId() ?? '');
  }

  include(key: Uint8Array, value: Uint8Array): boolean {
    try {
      return this.#include(key, value);
    } catch (error) {
      if (error instanceof ProtocolError || error instanceof StorageError) return false;
      throw error;
    }
  }

  #include(key: Uint8Array, value: Uint8Array): boolean {
    switch (key[0]) {
      case BLOCK_ID: {
        const header = this.#tables.header(decodeInteger(value));
        return header !== undefined && decodeSealedHeader(header.sealedHeader).id === toHex(key.subarray(1));
      }
      case TRANSACTION: {
        const { blockNumber, index } = decodePlace(value);
        return this.#block(blockNumber)?.transactions[index]?.id === toHex(key.subarray(1));
      }
      case MILESTONE: {
        const number = numberIn(key, 21);
        if (number > this.#head) return false;
        const change = this.#tables.changes(number)?.of(addressIn(key));
        return change !== undefined && isMilestone((change.before?.touches ?? 0) + 1);
      }
      case HEADER:
        return numberIn(key, 1) <= this.#head;
      default: {
        const number = numberIn(key, 1);
        return number <= this.#head && (number > this.#base || number === GENESIS_NUMBER);
      }
    }
  }

  #block(number: number): Block | undefined {
    const stored = number <= this.#head ? this.#tables.block(number) : undefined;
    return stored && decodeBlock(stored.block, this.#genesisId);
  }
}
