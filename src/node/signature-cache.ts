/**
 * Transactions whose signature was checked, by the hash of their wire form: never by id, which does not cover the
 * signature (section 3). Bounded by forgetting whole generations: two sets cost nothing to keep in order, where a list
 * of ages is touched, moved and collected for every single entry.
 */
import type { Hash } from '../protocol/bytes.js';

/** What was put in last is kept until so many others came, and goes before twice as many have. */
export const GENERATION = 32_768;

export class SignatureCache {
  #young = new Set<Hash>();
  #old: ReadonlySet<Hash> = new Set<Hash>();

  has(wireHash: Hash): boolean {
    return this.#young.has(wireHash) || this.#old.has(wireHash);
  }

  addAll(transactions: Iterable<{ readonly wireHash: Hash }>): void {
    for (const { wireHash } of transactions) {
      this.#young.add(wireHash);
      if (this.#young.size < GENERATION) continue;
      this.#old = this.#young;
      this.#young = new Set();
    }
  }
}
