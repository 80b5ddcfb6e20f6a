/**
 * Transactions whose signature was checked, by the hash of their wire form: never by id, which does not cover the
 * signature (section 3). Bounded; the oldest go first.
 */
import type { Hash } from '../protocol/bytes.js';
import { LinkedMap } from '../protocol/linked-map.js';

const MAX_ENTRIES = 65_536;

export class SignatureCache {
  readonly #hashes = new LinkedMap<Hash, true>();

  has(wireHash: Hash): boolean {
    return this.#hashes.has(wireHash);
  }

  addAll(transactions: Iterable<{ readonly wireHash: Hash }>): void {
    for (const { wireHash } of transactions) this.#hashes.set(wireHash, true);
    while (this.#hashes.size > MAX_ENTRIES) this.#hashes.delete(this.#hashes.oldest as Hash);
  }
}
