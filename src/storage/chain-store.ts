/**
 * The chain on disk: final blocks with their certificates, the accounts now and after each block, and the indexes.
 *
 * One block is one atomic, synced batch, and the head moves only once that batch is on the disk, so every reader sees
 * the chain as of `head`, also while the next block is being written. The state tree is not stored: the node rebuilds
 * it from `accounts()` at start and hands its root to `assertStateRoot`.
 */
import type { Store, StoreOperation } from '../ports/store.js';
import { GENESIS_NUMBER } from '../protocol/block.js';
import { type Address, fromHex, type Hash, isAddress, ZERO_HASH } from '../protocol/bytes.js';
import { malformed } from '../protocol/errors.js';
import type { Account } from '../protocol/state.js';
import { type CheckedHead, checkChain } from './chain-check.js';
import { type BlockCommit, commitBatch, rewrites, touchedBy } from './commit-batch.js';
import { bringUpToDate, putFormat } from './format.js';
import { accountsBehind, addressIn, GENESIS_ID_KEY, historyBehind } from './keys.js';
import { Lru } from './lru.js';
import { type Page, type PlaceList, pageOfPlaces } from './place-list.js';
import {
  type AccountRecord,
  type BlockBytes,
  type BlockSummary,
  ChainTables,
  chainDamaged,
  decodeAccountRecord,
  decodeHistoryRecord,
  type Head,
  type HistoryRecord,
  historyName,
  missing,
  parsed,
  present,
  type TransactionPlace,
} from './tables.js';

/** Accounts kept decoded, about 150 bytes each: those that are active. */
const ACCOUNT_CACHE = 50_000;
/** Public keys kept, about 400 bytes each. */
const PUBLIC_KEY_CACHE = 20_000;

/** The genesis block and what it creates. */
export type Genesis = Pick<BlockCommit, 'block' | 'changes' | 'supply'>;

export class ChainStore {
  readonly genesisId: Hash;
  readonly #store: Store;
  readonly #tables: ChainTables;
  #head: Head;
  #hashState: Hash;
  /** The newest block with transactions; 0 if there is none. */
  #transactedIn: number;
  readonly #accounts = new Lru<Address, AccountRecord>(ACCOUNT_CACHE);
  readonly #publicKeys = new Lru<Address, Uint8Array>(PUBLIC_KEY_CACHE);
  /**
   * While a block is being written: what it touches, as of the head. The store may already answer with later values.
   * After a failed write it stays, as nobody knows what the disk holds until it is opened anew.
   */
  #beforeCommit: ReadonlyMap<Address, AccountRecord | undefined> | undefined;

  private constructor(store: Store, tables: ChainTables, { genesisId, head, block, summary }: CheckedHead) {
    this.genesisId = genesisId;
    this.#store = store;
    this.#tables = tables;
    this.#head = head;
    this.#hashState = block.header.hashState;
    this.#transactedIn = summary.transactionCount > 0 ? head.number : summary.previousTransacted;
  }

  /**
   * The chain in `store`, or undefined if the store is empty.
   * @param genesisId refuses any other network's chain
   * @throws StorageError NEWER_FORMAT, OTHER_GENESIS, DAMAGED
   */
  static async open(store: Store, genesisId?: Hash): Promise<ChainStore | undefined> {
    if (!(await bringUpToDate(store))) return undefined;
    const tables = new ChainTables(store);
    return new ChainStore(store, tables, await checkChain(store, tables, genesisId));
  }

  /** Begins a chain in an empty store. */
  static async initialise(store: Store, { block, changes, supply }: Genesis): Promise<ChainStore> {
    if (block.header.number !== GENESIS_NUMBER || block.header.hashParent !== ZERO_HASH) {
      throw new Error(`block ${block.header.number} does not begin a chain`);
    }
    if (await bringUpToDate(store)) throw new Error('the store has a chain already');
    const commit = { block, changes, supply, certificate: null, newKeys: new Map() };
    const { head, operations, records } = commitBatch(commit, touchedBy(commit), () => undefined, 0);
    const meta = [putFormat(), { key: GENESIS_ID_KEY, value: fromHex(block.id) }];
    await store.write([...meta, ...operations, ...rewrites(head, records)], { sync: true });
    const chain = await ChainStore.open(store, block.id);
    if (chain === undefined) throw new Error('the store lost what was written');
    return chain;
  }

  get head(): Head {
    return this.#head;
  }

  /**
   * Adds the block behind the head; resolves when it is durable. One at a time, and none after a failed write.
   * @throws StorageError DISK_FULL, DAMAGED
   */
  commit(commit: BlockCommit): Promise<void> {
    return this.commitAll([commit]);
  }

  /** As `commit`, for several blocks in a row: one batch, so that either all of them are there afterwards or none. */
  async commitAll(commits: readonly BlockCommit[]): Promise<void> {
    if (this.#beforeCommit !== undefined)
      throw new Error('the last block is still being written, or failed to be');
    let head = this.#head;
    let transactedIn = this.#transactedIn;
    const before = new Map<Address, AccountRecord | undefined>();
    const records = new Map<Address, AccountRecord>();
    const operations: StoreOperation[] = [];
    for (const commit of commits) {
      assertFollows(commit, head);
      const touched = touchedBy(commit);
      for (const address of touched.keys())
        if (!before.has(address)) before.set(address, this.#record(address));
      const recordOf = (address: Address) => records.get(address) ?? before.get(address);
      const batch = commitBatch(commit, touched, recordOf, transactedIn);
      for (const operation of batch.operations) operations.push(operation);
      for (const [address, record] of batch.records) records.set(address, record);
      head = batch.head;
      if (commit.block.transactions.length > 0) transactedIn = head.number;
    }
    this.#beforeCommit = before;
    await this.#store.write([...operations, ...rewrites(head, records)], { sync: true });
    this.#beforeCommit = undefined;
    this.#head = head;
    this.#hashState = commits.at(-1)?.block.header.hashState ?? this.#hashState;
    this.#transactedIn = transactedIn;
    for (const [address, record] of records) this.#accounts.set(address, record);
  }

  /** @throws StorageError DAMAGED unless `root`, made from `accounts()`, is the head's state root */
  assertStateRoot(root: Hash): void {
    if (root !== this.#hashState) {
      throw chainDamaged(`its accounts are not those of block ${this.#head.number}`);
    }
  }

  /** Wire forms; undefined above the head and below genesis. */
  blockBytes(number: number): BlockBytes | undefined {
    if (!this.#isFinal(number)) return undefined;
    return present(this.#tables.block(number), `block ${number}`);
  }

  blockNumber(id: Hash): number | undefined {
    const number = this.#tables.blockNumber(id);
    return number !== undefined && this.#isFinal(number) ? number : undefined;
  }

  transactionPlace(id: Hash): TransactionPlace | undefined {
    const place = this.#tables.place(id);
    return place !== undefined && this.#isFinal(place.blockNumber) ? place : undefined;
  }

  /** The account as of the head. */
  account(address: Address): Account | undefined {
    const record = this.#record(address);
    return record && accountOf(record);
  }

  /** PKCS#1 DER, known from the account's first transaction on. */
  publicKey(address: Address): Uint8Array | undefined {
    const cached = this.#publicKeys.get(address);
    if (cached !== undefined) return cached;
    const publicKey = this.#tables.publicKey(address);
    if (publicKey !== undefined) this.#publicKeys.set(address, publicKey);
    return publicKey;
  }

  /** The account as it was after block `number`; undefined if it did not exist yet. */
  async accountAt(address: Address, number: number): Promise<Account | undefined> {
    this.#assertFinal(number);
    const record = this.#record(address);
    return record && this.#asOf(address, record, number);
  }

  /** The accounts that block `number` changed or one of its transactions names, as after it, in address order. */
  async touchedAccounts(number: number): Promise<(readonly [Address, Account])[]> {
    this.#assertFinal(number);
    const { touched } = this.#summary(number);
    return touched.map((address) => [address, accountOf(this.#history(address, number))]);
  }

  /** Every account as after block `number`, in address order; those behind `after` only, if it is given. */
  accountsAt(number: number, after?: Address): AsyncIterable<readonly [Address, Account]> {
    this.#assertFinal(number);
    return this.#accountsAt(number, after);
  }

  /** Every account as of the head at the time of the call, in address order. */
  accounts(): AsyncIterable<readonly [Address, Account]> {
    return this.accountsAt(this.#head.number);
  }

  /** Accounts as of the head, in address order. @throws ProtocolError MALFORMED for a bad cursor */
  async accountsPage(cursor: string | undefined, limit: number): Promise<Page<readonly [Address, Account]>> {
    assertLimit(limit);
    if (cursor !== undefined && !isAddress(cursor)) throw malformed('not a cursor of the list of accounts');
    const items: (readonly [Address, Account])[] = [];
    for await (const item of this.accountsAt(this.#head.number, cursor)) {
      if (items.length === limit) return { items, next: items.at(-1)?.[0] ?? null };
      items.push(item);
    }
    return { items, next: null };
  }

  /** Final transactions from or to the account, newest first. @throws ProtocolError MALFORMED for a bad cursor */
  async accountTransactions(
    address: Address,
    cursor: string | undefined,
    limit: number,
  ): Promise<Page<TransactionPlace>> {
    assertLimit(limit);
    const list: PlaceList = {
      newest: this.#record(address)?.transactedIn ?? 0,
      at: (number) => {
        const record = this.#tables.history(address, number);
        return record && { indices: record.indices, previous: record.previousTransactedIn };
      },
    };
    return pageOfPlaces(list, cursor, limit, this.#head.number);
  }

  /** All final transactions, newest first. @throws ProtocolError MALFORMED for a bad cursor */
  async transactionPlaces(cursor: string | undefined, limit: number): Promise<Page<TransactionPlace>> {
    assertLimit(limit);
    const list: PlaceList = {
      newest: this.#transactedIn,
      at: (number) => {
        const { transactionCount, previousTransacted } = this.#summary(number);
        return { indices: [...Array(transactionCount).keys()], previous: previousTransacted };
      },
    };
    return pageOfPlaces(list, cursor, limit, this.#head.number);
  }

  #record(address: Address): AccountRecord | undefined {
    if (this.#beforeCommit?.has(address)) return this.#beforeCommit.get(address);
    const cached = this.#accounts.get(address);
    if (cached !== undefined) return cached;
    const record = this.#tables.account(address);
    if (record !== undefined) this.#accounts.set(address, record);
    return record;
  }

  #summary(number: number): BlockSummary {
    return present(this.#tables.summary(number), `the summary of block ${number}`);
  }

  #history(address: Address, number: number): HistoryRecord {
    return present(this.#tables.history(address, number), historyName(address, number));
  }

  async *#accountsAt(
    number: number,
    after: Address | undefined,
  ): AsyncGenerator<readonly [Address, Account]> {
    for await (const [key, value] of this.#store.entries(accountsBehind(after))) {
      const address = addressIn(key);
      const record = parsed(`account ${address}`, value, decodeAccountRecord);
      const account = await this.#asOf(address, record, number);
      if (account !== undefined) yield [address, account];
    }
  }

  /** Finds the first change behind `number`: it says which one came before. */
  async #asOf(address: Address, record: AccountRecord, number: number): Promise<Account | undefined> {
    if (record.touchedIn <= number) return accountOf(record);
    const what = `the history of ${address} behind block ${number}`;
    for await (const [, value] of this.#store.entries({ ...historyBehind(address, number), limit: 1 })) {
      const { previousTouchedIn } = parsed(what, value, decodeHistoryRecord);
      if (previousTouchedIn === 0) return undefined;
      if (previousTouchedIn > number) throw missing(what);
      return accountOf(this.#history(address, previousTouchedIn));
    }
    throw missing(what);
  }

  #isFinal(number: number): boolean {
    return number >= GENESIS_NUMBER && number <= this.#head.number;
  }

  #assertFinal(number: number): void {
    if (!this.#isFinal(number)) throw new RangeError(`there is no block ${number}`);
  }
}

function assertFollows({ block, certificate }: BlockCommit, head: Head): void {
  const { number, hashParent } = block.header;
  if (number !== head.number + 1 || hashParent !== head.id) {
    throw new Error(`block ${number} (${block.id}) does not follow the head ${head.number}`);
  }
  if (certificate === null) throw new Error(`block ${number} has no certificate`);
}

function accountOf({ nonce, balance, stake }: Account): Account {
  return { nonce, balance, stake };
}

function assertLimit(limit: number): void {
  if (!Number.isInteger(limit) || limit < 1) throw new RangeError(`a page of ${limit} items`);
}
