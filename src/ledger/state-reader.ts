/** What the ledger must be able to read of a state, wherever that state is kept. Reading never changes it. */
import type { Address } from '../protocol/bytes.js';
import type { Account } from '../protocol/state.js';

export interface StateReader {
  /** Undefined if there is no such account (section 4 says when there is). */
  account(address: Address): Account | undefined;
  /** PKCS#1 DER; undefined as long as no transaction of that address was applied. */
  publicKey(address: Address): Uint8Array | undefined;
  /** These accounts are about to be read: where they are found together faster than one by one. */
  expect?(addresses: Iterable<Address>): void;
  /** All balances and stakes. */
  readonly supply: number;
}
