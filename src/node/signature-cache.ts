/**
 * Transactions whose signature was checked, by the hash of their wire form: never by id, which does not cover the
 * signature (section 3). Bounded by forgetting whole generations: two sets cost nothing to keep in order, where a list
 * of ages is touched, moved and collected for every single entry.
 */
import type { Hash } from '../protocol/bytes.js';

/**
 * What is put in is kept until at least so many others came: more than may be pending, so that nothing is checked again
 * when its block comes.
 */
export const GENERATION = 32_768;

export class SignatureCache {
  #young = new Set<Hash>();
  #old: ReadonlySet<Hash> = new Set<Hash>();

  has(wireHash: Hash): boolean {
    return this.#young.has(wireHash) || this.#old.has(wireHash);
  }

  addAll(transactions: Iterable<{ readonly wireHash: Hash }>): void {
    for (const { wireHash } of transactions) {
      // Those of a block are known since they came: to put them in anew would cost a place for each.
      if (this.has(wireHash)) continue;
      this.#young.add(wireHash);
      if (this.#young.size < GENERATION) continue;
      this.#old = this.#young;
      this.#young = new Set();
    }
  }
}
