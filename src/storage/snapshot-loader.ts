/**
 * Makes a chain of a state that others gave: it begins with genesis and, far above it, the block that the state is of;
 * of the blocks between nothing is kept (ChainStore.base). Until all of it is there the database says that it is
 * unfinished, so that what a crash leaves is no chain, and is cleared when it is opened.
 */
import type { Store, StoreOperation } from '../ports/store.js';
import type { SealedHeader } from '../protocol/sealed-header.js';
import { trailFrom } from '../protocol/state.js';
import type { AccountEntry } from '../protocol/state-part.js';
import { ChainStore, type Genesis } from './chain-store.js';
import { FORMAT, UNFINISHED } from './format.js';
import { FORMAT_KEY } from './keys.js';
import { put, putAccount, putBase, putBlockNumber, putHead, putHeader, putPublicKey } from './tables.js';

export class SnapshotLoader {
  readonly #store: Store;
  readonly #number: number;
  #supply = 0;

  private constructor(store: Store, number: number) {
    this.#store = store;
    this.#number = number;
  }

  /**
   * @param store an empty one, or one with no more than the genesis block
   * @param number of the block that the state is of
   */
  static async begin(store: Store, genesis: Genesis, number: number): Promise<SnapshotLoader> {
    const chain =
      (await ChainStore.open(store, genesis.block.id)) ?? (await ChainStore.initialise(store, genesis));
    if (chain.head.number !== genesis.block.header.number) throw new Error('the store has blocks already');
    await store.write([put(FORMAT_KEY, UNFINISHED)], { sync: true });
    return new SnapshotLoader(store, number);
  }

  /** All balances and stakes so far. */
  get supply(): number {
    return this.#supply;
  }

  /**
   * Accounts, in any order, each once. Lists of what was before the block of the state end there, with PRUNED.
   */
  async add(entries: readonly AccountEntry[]): Promise<void> {
    const operations: StoreOperation[] = [];
    const { touchedIn, transactedIn, touches } = trailFrom(this.#number);
    for (const { address, account, publicKey } of entries) {
      const { nonce, balance, stake } = account;
      operations.push(putAccount(address, { nonce, balance, stake, touchedIn, transactedIn, touches }));
      if (publicKey !== null) operations.push(putPublicKey(address, publicKey));
      this.#supply += balance + stake;
    }
    // Synced, as what is written last must not be there without what was written before.
    await this.#store.write(operations, { sync: true });
  }

  /** From here on it is a chain. */
  async finish({ header, id, bytes }: SealedHeader, certificate: Uint8Array): Promise<void> {
    const { number, time } = header;
    if (number !== this.#number) throw new Error(`the state is of block ${this.#number}, not ${number}`);
    await this.#store.write(
      [
        putHeader(number, { sealedHeader: bytes, certificate }),
        putBlockNumber(id, number),
        putBase({ number, lowestHeader: number }),
        putHead({ number, id, timeMs: time, supply: this.#supply }),
        put(FORMAT_KEY, FORMAT),
      ],
      { sync: true },
    );
  }
}
