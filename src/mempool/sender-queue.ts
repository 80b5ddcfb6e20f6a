/** What one sender has pending, by nonce: first what is ready, then what waits for a gap to be filled or for coins. */
import { costOf } from '../ledger/transaction.js';
import type { Address } from '../protocol/bytes.js';
import type { Account } from '../protocol/state.js';
import type { Transaction } from '../protocol/transaction.js';
import type { HeapItem } from './heap.js';

/** A pending transaction. */
export interface Entry extends HeapItem {
  readonly transaction: Transaction;
  /** Counts up: who came first. */
  readonly arrival: number;
  readonly addedMs: number;
  /** Executable on the head, after those of its sender before it. */
  ready: boolean;
}

export class SenderQueue {
  readonly address: Address;
  /** By nonce, each once. */
  readonly #entries: Entry[] = [];
  #readyCount = 0;
  /** The ready tail as the pool's heap of evictable entries has it. */
  evictableTail: Entry | undefined;

  constructor(address: Address) {
    this.address = address;
  }

  get entries(): readonly Entry[] {
    return this.#entries;
  }

  get readyCount(): number {
    return this.#readyCount;
  }

  /** The ready one with the highest nonce: it can go without taking any other's place away. */
  get readyTail(): Entry | undefined {
    return this.#entries[this.#readyCount - 1];
  }

  find(nonce: number): Entry | undefined {
    const entry = this.#entries[this.#indexOf(nonce)];
    return entry?.transaction.nonce === nonce ? entry : undefined;
  }

  /** Puts in an entry whose nonce is free. `settle` must follow. */
  insert(entry: Entry): void {
    this.#entries.splice(this.#indexOf(entry.transaction.nonce), 0, entry);
  }

  /** `settle` must follow. */
  remove(entry: Entry): void {
    this.#entries.splice(this.#indexOf(entry.transaction.nonce), 1);
  }

  /**
   * Decides anew what is ready: the entries whose nonces follow the account's without a gap, as long as its balance
   * covers them all together. Returns those whose `ready` is now wrong, for the caller to turn.
   */
  settle(account: Account | undefined): Entry[] {
    const turned: Entry[] = [];
    let nonce = account?.nonce ?? -1;
    let balance = account?.balance ?? 0;
    let ready = true;
    this.#readyCount = 0;
    for (const entry of this.#entries) {
      balance -= costOf(entry.transaction);
      ready &&= entry.transaction.nonce === nonce++ && balance >= 0;
      if (ready) this.#readyCount++;
      if (entry.ready !== ready) turned.push(entry);
    }
    return turned;
  }

  /** Those whose nonces are below `nonce`. */
  below(nonce: number): Entry[] {
    return this.#entries.slice(0, this.#indexOf(nonce));
  }

  /** The lowest nonce from `nonce` on that nothing pending has. */
  nextFree(nonce: number): number {
    let next = nonce;
    for (let i = this.#indexOf(nonce); this.#entries[i]?.transaction.nonce === next; i++) next++;
    return next;
  }

  /** The place of the first entry whose nonce is `nonce` or above. */
  #indexOf(nonce: number): number {
    let low = 0;
    let high = this.#entries.length;
    while (low < high) {
      const middle = (low + high) >> 1;
      if ((this.#entries[middle] as Entry).transaction.nonce < nonce) low = middle + 1;
      else high = middle;
    }
    return low;
  }
}
