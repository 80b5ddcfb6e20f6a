/** The reading half of the node's public face: what is final, what waits, and what became of it. Changes nothing. */
import type { Mempool } from '../mempool/mempool.js';
import { type Block, decodeBlock, GENESIS_NUMBER } from '../protocol/block.js';
import { type Address, fromHex, type Hash } from '../protocol/bytes.js';
import { decodeCertificate } from '../protocol/certificate.js';
import { malformed } from '../protocol/errors.js';
import { EMPTY_ACCOUNT } from '../protocol/state.js';
import { type ChainStore, pruned } from '../storage/chain-store.js';
import { Lru } from '../storage/lru.js';
import type { BlockBytes } from '../storage/tables.js';
import type { AccountInfo, FinalBlock, KnownTransaction, NodeFace, Page, TransactionStatus } from './face.js';

/** Decoded blocks kept for readers, by their wire forms: a page of transactions often needs the same few. */
const BLOCK_CACHE_BYTES = 4_000_000;

type ReadingFace = Pick<
  NodeFace,
  | 'block'
  | 'touchedAccounts'
  | 'accountsAt'
  | 'account'
  | 'accounts'
  | 'transaction'
  | 'transactions'
  | 'pool'
>;

interface Place {
  readonly blockNumber: number;
  readonly index: number;
}

export class Reader implements ReadingFace {
  readonly #store: ChainStore;
  readonly #mempool: Mempool;
  readonly #genesisId: Uint8Array;
  readonly #blocks = new Lru<number, Block>(BLOCK_CACHE_BYTES, ({ wire }) => wire.length);

  constructor(store: ChainStore, mempool: Mempool) {
    this.#store = store;
    this.#mempool = mempool;
    this.#genesisId = fromHex(store.genesisId);
  }

  /** Above genesis only blocks above this one are kept whole, and states from it on; 0 if all are. */
  get base(): number {
    return this.#store.base.number;
  }

  async block(reference: number | Hash | 'latest'): Promise<FinalBlock | undefined> {
    const number = this.#numberOf(reference);
    if (number === undefined || number < GENESIS_NUMBER || number > this.#store.head.number) return undefined;
    const stored = this.#bytes(number);
    const certificate = stored.certificate === null ? null : decodeCertificate(stored.certificate);
    return { block: this.#decoded(number), certificate };
  }

  touchedAccounts(number: number): ReturnType<NodeFace['touchedAccounts']> {
    return this.#store.touchedAccounts(number);
  }

  accountsAt(number: number): ReturnType<NodeFace['accountsAt']> {
    return this.#store.accountsAt(number);
  }

  async account(address: Address, blockNumber?: number): Promise<AccountInfo | undefined> {
    if (blockNumber === undefined) return this.#currentAccount(address);
    const account = await this.#store.accountAt(address, blockNumber);
    return account && { address, account, nextNonce: account.nonce, pending: 0, blockNumber };
  }

  async accounts(cursor: string | undefined, limit: number): Promise<Page<AccountInfo>> {
    const page = await this.#store.accountsPage(cursor, limit);
    return {
      items: page.items.map(([address]) => this.#currentAccount(address) as AccountInfo),
      next: page.next,
    };
  }

  async transaction(id: Hash): Promise<KnownTransaction | undefined> {
    const place = this.#store.transactionPlace(id);
    if (place !== undefined) return this.#final(place);
    const transaction = this.#mempool.get(id);
    const status = this.#mempool.status(id);
    return transaction === undefined || status === undefined ? undefined : { transaction, status };
  }

  /** What became of a transaction; undefined if it was never heard of, or too long ago. */
  status(id: Hash): TransactionStatus | undefined {
    const place = this.#store.transactionPlace(id);
    return place === undefined ? this.#mempool.status(id) : this.#final(place).status;
  }

  async transactions(query: Parameters<NodeFace['transactions']>[0]): Promise<Page<KnownTransaction>> {
    const { account, sinceMs, cursor, limit } = query;
    const page =
      account === undefined
        ? await this.#store.transactionPlaces(cursor, limit)
        : await this.#store.accountTransactions(account, cursor, limit);
    const items = page.items.map((place) => this.#final(place));
    if (sinceMs === undefined) return { items, next: page.next };
    const recent = items.filter(({ status }) => status.state === 'final' && status.blockTimeMs >= sinceMs);
    return { items: recent, next: recent.length < items.length ? null : page.next };
  }

  /** In order of arrival; the cursor is the arrival of the last one shown. */
  pool(cursor: string | undefined, limit: number): Page<KnownTransaction> {
    if (cursor !== undefined && !/^\d{1,15}$/.test(cursor)) {
      throw malformed('not a cursor of the list of pending transactions');
    }
    const after = cursor === undefined ? -1 : Number(cursor);
    const items: KnownTransaction[] = [];
    let last = after;
    for (const { transaction, status, arrival } of this.#mempool.pending()) {
      if (arrival <= after) continue;
      if (items.length === limit) return { items, next: String(last) };
      items.push({ transaction, status });
      last = arrival;
    }
    return { items, next: null };
  }

  #numberOf(reference: number | Hash | 'latest'): number | undefined {
    if (reference === 'latest') return this.#store.head.number;
    return typeof reference === 'number' ? reference : this.#store.blockNumber(reference);
  }

  #currentAccount(address: Address): AccountInfo | undefined {
    const account = this.#store.account(address);
    const pending = this.#mempool.pendingOf(address).length;
    if (account === undefined && pending === 0) return undefined;
    return {
      address,
      account: account ?? EMPTY_ACCOUNT,
      nextNonce: this.#mempool.nextNonce(address),
      pending,
      blockNumber: this.#store.head.number,
    };
  }

  /** @throws ProtocolError PRUNED for a final block that is not kept any more */
  #bytes(number: number): BlockBytes {
    const stored = this.#store.blockBytes(number);
    if (stored === undefined) throw pruned(this.#store.base);
    return stored;
  }

  #decoded(number: number): Block {
    let block = this.#blocks.get(number);
    if (block === undefined) {
      block = decodeBlock(this.#bytes(number).block, this.#genesisId);
      this.#blocks.set(number, block);
    }
    return block;
  }

  #final({ blockNumber, index }: Place): KnownTransaction {
    const block = this.#decoded(blockNumber);
    const transaction = block.transactions[index];
    if (transaction === undefined) throw new Error(`block ${blockNumber} has no transaction ${index}`);
    return { transaction, status: { state: 'final', blockNumber, index, blockTimeMs: block.header.time } };
  }
}
