/**
 * The chain on disk: final blocks with their certificates, the accounts now and after each block, and the indexes.
 *
 * One block is one atomic, synced batch, and the head moves only once that batch is on the disk, so every reader sees
 * the chain as of `head`, also while the next block is being written. The state tree is not in here: at start the node
 * builds it from `records()` and hands its root to `assertStateRoot`, or takes up a copy. From `attach` on the accounts of
 * the head are read in the tree, which moves together with the head; the database has them for the next start.
 */
import type { Store, StoreOperation } from '../ports/store.js';
import { type Block, GENESIS_NUMBER } from '../protocol/block.js';
import { type Address, fromHex, type Hash, isAddress, ZERO_HASH } from '../protocol/bytes.js';
import { malformed, ProtocolError } from '../protocol/errors.js';
import { GenerationCache } from '../protocol/generation-cache.js';
import { type SealedHeader, splitBlock } from '../protocol/sealed-header.js';
import type { Account, AccountRecord } from '../protocol/state.js';
import type { AccountEntry } from '../protocol/state-part.js';
import { type BlockChanges, decodeRecord, recordAfter } from './block-changes.js';
import { type CheckedHead, checkChain } from './chain-check.js';
import { type BlockCommit, commitBatch, rewrites, TOUCHES_PER_MILESTONE, touchedBy } from './commit-batch.js';
import { bringUpToDate, putFormat } from './format.js';
import {
  accountsBehind,
  addressIn,
  bodyKey,
  changesKey,
  GENESIS_ID_KEY,
  milestonesBehind,
  numberIn,
} from './keys.js';
import { Lru } from './lru.js';
import { type Page, type PlaceList, pageOfPlaces } from './place-list.js';
import { pruneBatch } from './prune-batch.js';
import {
  type Base,
  type BlockBytes,
  ChainTables,
  chainDamaged,
  changesName,
  type Head,
  type HeaderBytes,
  missing,
  parsed,
  present,
  putBase,
  type TransactionPlace,
} from './tables.js';

/** A generation of accounts kept at hand, about 150 bytes each: those that are active. Any other is found in some microseconds. */
const ACCOUNT_CACHE = 4_096;
/** A generation of public keys, about 400 bytes each. */
const PUBLIC_KEY_CACHE = 10_000;
/** Records of changes kept for readers, which often need the same few; 700 KB each at the most. */
const CHANGES_CACHE = 16;

/** The genesis block and what it creates. */
export type Genesis = Pick<BlockCommit, 'block' | 'changes' | 'supply'>;

/** The accounts of the head in memory: the state tree. */
export interface HeadState {
  record(address: Address): AccountRecord | undefined;
  /** Of several accounts, in less time. */
  records(addresses: readonly Address[]): readonly (AccountRecord | undefined)[];
}

export class ChainStore {
  readonly genesisId: Hash;
  readonly #store: Store;
  readonly #tables: ChainTables;
  #base: Base;
  #head: Head;
  #headBlock: SealedHeader;
  /** The newest block with transactions; 0 if there is none. */
  #transactedIn: number;
  readonly #accounts = new GenerationCache<Address, AccountRecord>(ACCOUNT_CACHE);
  readonly #publicKeys = new GenerationCache<Address, Uint8Array>(PUBLIC_KEY_CACHE);
  #state: HeadState | undefined;
  readonly #changes = new Lru<number, BlockChanges>(CHANGES_CACHE);
  /**
   * While a block is being written: what it touches, as of the head. The store may already answer with later values.
   * After a failed write it stays, as nobody knows what the disk holds until it is opened anew.
   */
  #beforeCommit: ReadonlyMap<Address, AccountRecord | undefined> | undefined;

  private constructor(store: Store, tables: ChainTables, checked: CheckedHead) {
    const { base, head, block, changes } = checked;
    this.genesisId = checked.genesisId;
    this.#store = store;
    this.#tables = tables;
    this.#base = base;
    this.#head = head;
    this.#headBlock = block;
    // What the base itself did is not kept: a list that goes on there ends with PRUNED.
    if (changes === undefined) this.#transactedIn = base.transactedIn ?? head.number;
    else this.#transactedIn = changes.transactionCount > 0 ? head.number : changes.previousTransacted;
  }

  /**
   * The chain in `store`, or undefined if the store is empty.
   * @param genesisId refuses any other network's chain
   * @throws StorageError NEWER_FORMAT, OLDER_FORMAT, OTHER_GENESIS, DAMAGED
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

  /** The head's header, nonce and seal. */
  get headBlock(): SealedHeader {
    return this.#headBlock;
  }

  /** From where on blocks and states are kept. */
  get base(): Base {
    return this.#base;
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
      if ((commit.update === undefined) !== (this.#state === undefined))
        throw new Error('a block goes with an update of the state exactly if a state is attached');
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
    const last = commits.at(-1);
    this.#beforeCommit = before;
    await this.#store.write([...operations, ...rewrites(head, records)], { sync: true });
    for (const { update } of commits) update?.commit();
    this.#beforeCommit = undefined;
    this.#head = head;
    if (last !== undefined) this.#headBlock = sealedHeaderOf(last.block);
    this.#transactedIn = transactedIn;
    for (const [address, record] of records) this.#accounts.set(address, record);
  }

  /**
   * Moves the base up to `number` or, if that is far, a step of the way: at least one block, and then as long as it takes
   * fewer than `maxEntries`. What the base passes is gone in the same batch that moves it. That batch is not synced: it
   * is not lost before any that is written later, and the next commit syncs it. One at a time; beside a commit it may be.
   * @throws StorageError DISK_FULL, DAMAGED
   */
  async prune(number: number, maxEntries: number): Promise<void> {
    if (number >= this.#head.number) throw new RangeError(`block ${number} is not below the head`);
    const operations: StoreOperation[] = [];
    let lowest = Math.max(this.#base.number, GENESIS_NUMBER);
    let { transactedIn = 0 } = this.#base;
    while (lowest < number && operations.length < maxEntries) {
      lowest++;
      const batch = pruneBatch(this.#tables, this.genesisId, lowest);
      for (const operation of batch.operations) operations.push(operation);
      if (batch.transactionCount > 0) transactedIn = lowest;
    }
    if (operations.length === 0) return;
    // Before anything is gone, so that what a reader misses is never taken for damage.
    this.#base = { ...this.#base, number: lowest, transactedIn };
    await this.#store.write([putBase(this.#base), ...operations], { sync: false });
  }

  /** Has the disk give back the room of the transactions and changes of pruned blocks, beside everything else. */
  async reclaim(): Promise<void> {
    const { number } = this.#base;
    await this.#store.compact?.({ from: bodyKey(0), to: bodyKey(number + 1) });
    await this.#store.compact?.({ from: changesKey(0), to: changesKey(number + 1) });
  }

  /** @throws StorageError DAMAGED unless `root`, made from `records()`, is the head's state root */
  assertStateRoot(root: Hash): void {
    if (root !== this.#headBlock.header.hashState) {
      throw chainDamaged(`its accounts are not those of block ${this.#head.number}`);
    }
  }

  /** From now on the accounts of the head are those of `state`, which the updates of further commits move. */
  attach(state: HeadState): void {
    this.#state = state;
  }

  /** Wire forms; undefined above the head, below genesis, and where only the header is kept. */
  blockBytes(number: number): BlockBytes | undefined {
    if (!this.isKept(number)) return undefined;
    return present(this.#tables.block(number), `block ${number}`);
  }

  /** What is kept of every block since `base.lowestHeader`, and of genesis. */
  header(number: number): HeaderBytes | undefined {
    if (!this.#isFinal(number)) return undefined;
    if (number !== GENESIS_NUMBER && number < this.#base.lowestHeader) return undefined;
    return present(this.#tables.header(number), `block ${number}`);
  }

  /** Whether block `number` is final here and kept whole. */
  isKept(number: number): boolean {
    return this.#isFinal(number) && (number > this.#base.number || number === GENESIS_NUMBER);
  }

  blockNumber(id: Hash): number | undefined {
    const number = this.#tables.blockNumber(id);
    return number !== undefined && this.#isFinal(number) ? number : undefined;
  }

  transactionPlace(id: Hash): TransactionPlace | undefined {
    const place = this.#tables.place(id);
    return place !== undefined && this.isKept(place.blockNumber) ? place : undefined;
  }

  /** The account as of the head. */
  account(address: Address): Account | undefined {
    const record = this.#record(address);
    return record && accountOf(record);
  }

  /** These accounts are about to be read: together they are found in less time. */
  expect(addresses: Iterable<Address>): void {
    const state = this.#state;
    if (state === undefined) return;
    const unknown = [...new Set(addresses)].filter((address) => !this.#accounts.has(address));
    for (const [i, record] of state.records(unknown).entries())
      if (record !== undefined) this.#accounts.set(unknown[i] as Address, record);
  }

  /** PKCS#1 DER, known from the account's first transaction on. @throws StorageError DAMAGED if it is lost since */
  publicKey(address: Address): Uint8Array | undefined {
    const cached = this.#publicKeys.get(address);
    if (cached !== undefined) return cached;
    const publicKey = this.#tables.publicKey(address);
    if (publicKey !== undefined) this.#publicKeys.set(address, publicKey);
    // Not "unknown", or we would call good blocks bad.
    else if ((this.account(address)?.nonce ?? 0) > 0) throw missing(`the public key of ${address}`);
    return publicKey;
  }

  /**
   * The account as it was after block `number`; undefined if it did not exist yet.
   * @throws ProtocolError PRUNED
   */
  async accountAt(address: Address, number: number): Promise<Account | undefined> {
    this.#assertStateKept(number);
    const record = this.#record(address);
    return record && this.#asOf(address, record, number);
  }

  /**
   * An account with its public key, for one who goes through all of them: it leaves no trace in the caches.
   * @throws StorageError DAMAGED
   */
  entryOf(address: Address, account: Account): AccountEntry {
    const publicKey = account.nonce > 0 ? this.#tables.publicKey(address) : null;
    return { address, account, publicKey: present(publicKey, `the public key of ${address}`) };
  }

  /**
   * The accounts that block `number` changed or one of its transactions names, as after it, in address order.
   * @throws ProtocolError PRUNED
   */
  async touchedAccounts(number: number): Promise<(readonly [Address, Account])[]> {
    return this.touchedRecords(number).map(([address, record]) => [address, accountOf(record)]);
  }

  /** As `touchedAccounts`, with their trails. */
  touchedRecords(number: number): (readonly [Address, AccountRecord])[] {
    this.#assertFinal(number);
    if (!this.isKept(number)) throw pruned(this.#base);
    const records: (readonly [Address, AccountRecord])[] = [];
    for (const [address, change] of this.#changesOf(number))
      records.push([address, recordAfter(number, change)]);
    return records;
  }

  /**
   * Every account as after block `number`, in address order; those behind `after` only, if it is given.
   * @throws ProtocolError PRUNED
   */
  accountsAt(number: number, after?: Address): AsyncIterable<readonly [Address, Account]> {
    this.#assertStateKept(number);
    return this.#accountsAt(number, after);
  }

  /** Every account of the head with its trail, in address order: before anything is committed. */
  async *records(): AsyncGenerator<readonly [Address, AccountRecord]> {
    for await (const [key, value] of this.#store.entries(accountsBehind(undefined))) {
      const address = addressIn(key);
      yield [address, parsed(`account ${address}`, value, decodeRecord)];
    }
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

  /**
   * Final transactions from or to the account, newest first.
   * @throws ProtocolError MALFORMED for a bad cursor, PRUNED for a page of which nothing is kept
   */
  async accountTransactions(
    address: Address,
    cursor: string | undefined,
    limit: number,
  ): Promise<Page<TransactionPlace>> {
    assertLimit(limit);
    const list: PlaceList = {
      newest: this.#record(address)?.transactedIn ?? 0,
      at: (number) => {
        const change = this.#changesOf(number).of(address);
        return change && { indices: change.indices, previous: change.before?.transactedIn ?? 0 };
      },
    };
    return this.#page(list, cursor, limit);
  }

  /** All final transactions, newest first. @throws as `accountTransactions` */
  async transactionPlaces(cursor: string | undefined, limit: number): Promise<Page<TransactionPlace>> {
    assertLimit(limit);
    const list: PlaceList = {
      newest: this.#transactedIn,
      at: (number) => {
        const { transactionCount, previousTransacted } = this.#changesOf(number);
        return { indices: [...Array(transactionCount).keys()], previous: previousTransacted };
      },
    };
    return this.#page(list, cursor, limit);
  }

  #page(list: PlaceList, cursor: string | undefined, limit: number): Page<TransactionPlace> {
    const page = pageOfPlaces(list, cursor, limit, { head: this.#head.number, base: this.#base.number });
    if (page === undefined) throw pruned(this.#base);
    return page;
  }

  #record(address: Address): AccountRecord | undefined {
    const cached = this.#accounts.get(address);
    if (cached !== undefined) return cached;
    const record = this.#state === undefined ? this.#stored(address) : this.#state.record(address);
    if (record !== undefined) this.#accounts.set(address, record);
    return record;
  }

  #stored(address: Address): AccountRecord | undefined {
    const before = this.#beforeCommit;
    return before?.has(address) ? before.get(address) : this.#tables.account(address);
  }

  /**
   * Also of the block that is just being written.
   * @throws ProtocolError PRUNED: the base may have moved since a reader began
   */
  #changesOf(number: number): BlockChanges {
    if (number <= this.#base.number && number !== GENESIS_NUMBER) throw pruned(this.#base);
    const cached = this.#changes.get(number);
    if (cached !== undefined) return cached;
    const changes = present(this.#tables.changes(number), changesName(number));
    this.#changes.set(number, changes);
    return changes;
  }

  async *#accountsAt(
    number: number,
    after: Address | undefined,
  ): AsyncGenerator<readonly [Address, Account]> {
    for await (const [key, value] of this.#store.entries(accountsBehind(after))) {
      const address = addressIn(key);
      const live = this.#state?.record(address);
      // Not an account of the head: a block that makes it is just being written, or the record is nobody's.
      if (this.#state !== undefined && live === undefined) continue;
      // A list that takes long is overtaken by blocks; the record is as it was when the list began.
      const isCurrent = live !== undefined && live.touchedIn <= number;
      const record = isCurrent ? live : parsed(`account ${address}`, value, decodeRecord);
      const account = await this.#asOf(address, record, number);
      if (account !== undefined) yield [address, account];
    }
  }

  /** Goes back along the account's changes to the first one behind `number`: that says what was before. */
  async #asOf(address: Address, record: AccountRecord, number: number): Promise<Account | undefined> {
    if (record.touchedIn <= number) return accountOf(record);
    let at = record.touchedIn;
    // Not worth a seek for an account with fewer changes than lie between two milestones.
    if (record.touches >= TOUCHES_PER_MILESTONE) at = (await this.#milestoneBehind(address, number)) ?? at;
    for (;;) {
      const change = present(this.#changesOf(at).of(address), `what block ${at} did to account ${address}`);
      const { before } = change;
      if (before === undefined) return undefined;
      if (before.touchedIn <= number) return accountOf(before);
      at = before.touchedIn;
    }
  }

  async #milestoneBehind(address: Address, number: number): Promise<number | undefined> {
    for await (const [key] of this.#store.entries({ ...milestonesBehind(address, number), limit: 1 })) {
      // The store may have that of a block that is being written.
      const milestone = numberIn(key, 21);
      return milestone > this.#head.number ? undefined : milestone;
    }
    return undefined;
  }

  #isFinal(number: number): boolean {
    return number >= GENESIS_NUMBER && number <= this.#head.number;
  }

  #assertFinal(number: number): void {
    if (!this.#isFinal(number)) throw new RangeError(`there is no block ${number}`);
  }

  #assertStateKept(number: number): void {
    this.#assertFinal(number);
    if (number < this.#base.number) throw pruned(this.#base);
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

function sealedHeaderOf({ wire, header, nonce, signature, id }: Block): SealedHeader {
  const [bytes] = splitBlock(wire);
  return { bytes, header, nonce, signature, id };
}

/** What is asked for was dropped, or never fetched. */
export function pruned({ number }: Base): ProtocolError {
  return new ProtocolError('PRUNED', `kept are the states from block ${number} on and the blocks above it`);
}

function assertLimit(limit: number): void {
  if (!Number.isInteger(limit) || limit < 1) throw new RangeError(`a page of ${limit} items`);
}
