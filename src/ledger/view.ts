/** A state with changes on top, kept apart until somebody commits them: the base is never written. */
import type { Address } from '../protocol/bytes.js';
import { type Account, EMPTY_ACCOUNT } from '../protocol/state.js';
import type { StateReader } from './state-reader.js';

export class StateView implements StateReader {
  readonly #base: StateReader;
  readonly #accounts = new Map<Address, Account>();
  readonly #keys = new Map<Address, Uint8Array>();
  #supply: number;

  constructor(base: StateReader) {
    this.#base = base;
    this.#supply = base.supply;
  }

  get supply(): number {
    return this.#supply;
  }

  /** Every account that was set, as it is now. */
  get changes(): ReadonlyMap<Address, Account> {
    return this.#accounts;
  }

  /** Keys that the base did not know. */
  get newKeys(): ReadonlyMap<Address, Uint8Array> {
    return this.#keys;
  }

  account(address: Address): Account | undefined {
    return this.#accounts.get(address) ?? this.#base.account(address);
  }

  publicKey(address: Address): Uint8Array | undefined {
    return this.#keys.get(address) ?? this.#base.publicKey(address);
  }

  set(address: Address, account: Account): void {
    this.#accounts.set(address, account);
  }

  /** Adds to a balance; the account exists from then on, be `amount` 0 or not. */
  credit(address: Address, amount: number): void {
    const account = this.account(address) ?? EMPTY_ACCOUNT;
    this.set(address, { ...account, balance: account.balance + amount });
  }

  /** Credits coins that did not exist before. */
  mint(address: Address, amount: number): void {
    this.#supply += amount;
    this.credit(address, amount);
  }

  learnKey(address: Address, publicKey: Uint8Array): void {
    if (this.publicKey(address) === undefined) this.#keys.set(address, publicKey);
  }
}
