/**
 * Transactions whose signature was checked, by the hash of their wire form: never by id, which does not cover the
 * signature (section 3). Bounded; the oldest go first.
 */
import type { Hash } from '../protocol/bytes.js';

const MAX_ENTRIES = 65_536;

export class SignatureCache {
  readonly #hashes = new Set<Hash>();
  /** One iterator for good: each new one would step anew over all the places that deletions left empty. */
  readonly #oldestFirst = this.#hashes.values();

  has(wireHash: Hash): boolean {
    return this.#hashes.has(wireHash);
  }

  addAll(transactions: Iterable<{ readonly wireHash: Hash }>): void {
    for (const { wireHash } of transactions) this.#hashes.add(wireHash);
    while (this.#hashes.size > MAX_ENTRIES) this.#hashes.delete(this.#oldestFirst.next().value as Hash);
  }
}
