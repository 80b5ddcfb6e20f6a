/**
 * A store that keeps nothing of what a chain writes to it, but holds it against what another database has: a chain that
 * grows on it block by block finds the first record that this database has otherwise, or not at all. `finish` then finds
 * what it has beyond.
 *
 * Accounts and the head are written anew with every block, so these are kept, in `scratch`, until the end.
 */
import type { KeyRange, Store, StoreOperation } from '../ports/store.js';
import { equalBytes } from '../protocol/bytes.js';
import { contrast, nameOfRecord } from './describe.js';
import { StorageError } from './errors.js';
import { EvidenceStore } from './evidence.js';
import { extraRecord } from './extra-record.js';
import {
  ACCOUNT,
  BLOCK_ID,
  BODY,
  type Bounds,
  CHANGES,
  HEAD_KEY,
  HEADER,
  META,
  MILESTONE,
  NO_TABLE,
  PUBLIC_KEY,
  TRANSACTION,
  table,
} from './keys.js';

/** A record of the database that is not what the blocks say; the message says which, and what it should be. */
export class RecordFault extends Error {
  override readonly name = 'RecordFault';
}

/** What a growing chain reads again of what it wrote, beside its genesis. */
const READ_BACK: ReadonlySet<number | undefined> = new Set([META, ACCOUNT, PUBLIC_KEY]);
/** Tables whose records are written once; their number tells whether the database has more. */
const WRITTEN_ONCE = [HEADER, BODY, CHANGES, BLOCK_ID, TRANSACTION, MILESTONE];

export class CheckingStore implements Store {
  readonly #database: Store;
  readonly #scratch: Store;
  /** Records of each table that were found as they should be. */
  readonly #counts = new Map<number | undefined, number>();
  #begun = false;

  /** @param scratch an empty one */
  constructor(database: Store, scratch: Store) {
    this.#database = database;
    this.#scratch = scratch;
  }

  get(key: Uint8Array): Uint8Array | undefined {
    return this.#scratch.get(key);
  }

  getMany(keys: readonly Uint8Array[]): (Uint8Array | undefined)[] {
    return this.#scratch.getMany(keys);
  }

  entries(range: KeyRange): AsyncIterable<readonly [Uint8Array, Uint8Array]> {
    return this.#scratch.entries(range);
  }

  /** @throws RecordFault */
  async write(operations: readonly StoreOperation[], _options: { sync: boolean }): Promise<void> {
    for (const { key, value } of operations) {
      if (value === null) throw new Error('a growing chain deletes nothing');
      if (isRewritten(key)) continue;
      this.#hold(key, value);
      this.#counts.set(key[0], (this.#counts.get(key[0]) ?? 0) + 1);
    }
    const kept = this.#begun ? operations.filter(({ key }) => READ_BACK.has(key[0])) : operations;
    this.#begun = true;
    await this.#scratch.write(kept, { sync: false });
  }

  /** To be called when the chain has all the blocks that there are. @throws RecordFault, StorageError DAMAGED */
  async finish(): Promise<void> {
    // First what says most: a wrong head explains much of what else is wrong.
    this.#hold(HEAD_KEY, this.#scratch.get(HEAD_KEY));
    for (const prefix of [META, ACCOUNT, PUBLIC_KEY]) await this.#holdTable(prefix);
    for (const prefix of WRITTEN_ONCE) await this.#holdCount(prefix);
    await new EvidenceStore(this.#database).list();
    for await (const [key, value] of this.#database.entries(NO_TABLE)) throw extra(key, value);
  }

  async close(): Promise<void> {
    await this.#scratch.close();
  }

  #hold(key: Uint8Array, expected: Uint8Array | undefined): void {
    const found = this.#read(key);
    if (found === undefined || expected === undefined || !equalBytes(expected, found)) {
      throw new RecordFault(contrast(key, expected, found));
    }
  }

  #read(key: Uint8Array): Uint8Array | undefined {
    try {
      return this.#database.get(key);
    } catch (error) {
      if (!(error instanceof StorageError)) throw error;
      throw new RecordFault(`${nameOfRecord(key)} cannot be read: ${error.why}`, { cause: error });
    }
  }

  /** Both sides in the order of their keys. */
  async #holdTable(prefix: number): Promise<void> {
    const bounds: Bounds = table(prefix);
    const expected = this.#scratch.entries(bounds)[Symbol.asyncIterator]();
    let next = await expected.next();
    for await (const [key, found] of this.#database.entries(bounds)) {
      const order = next.done === true ? -1 : Buffer.compare(key, next.value[0]);
      if (order < 0) throw extra(key, found);
      if (next.done !== true) this.#hold(next.value[0], next.value[1]);
      next = await expected.next();
    }
    if (next.done !== true) throw new RecordFault(contrast(next.value[0], next.value[1], undefined));
  }

  async #holdCount(prefix: number): Promise<void> {
    const expected = this.#counts.get(prefix) ?? 0;
    let count = 0;
    for await (const _ of this.#database.entries(table(prefix))) count++;
    if (count === expected) return;
    const found = await extraRecord(this.#database, prefix);
    if (found !== undefined) throw extra(...found);
    throw new RecordFault(`table ${prefix}: expected ${expected} records, found ${count}`);
  }
}

/** Whether a later block may write the same record again. */
function isRewritten(key: Uint8Array): boolean {
  return key[0] === ACCOUNT || equalBytes(key, HEAD_KEY);
}

function extra(key: Uint8Array, value: Uint8Array): RecordFault {
  return new RecordFault(contrast(key, undefined, value));
}
