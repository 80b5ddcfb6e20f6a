/**
 * Transactions whose signature was checked, by the hash of their wire form: never by id, which does not cover the
 * signature (section 3).
 */
import type { Hash } from '../protocol/bytes.js';
import { GenerationCache } from '../protocol/generation-cache.js';

/**
 * What is put in is kept until at least so many others came: more than may be pending, so that nothing is checked again
 * when its block comes.
 */
export const GENERATION = 32_768;

export class SignatureCache {
  readonly #hashes = new GenerationCache<Hash, true>(GENERATION);

  has(wireHash: Hash): boolean {
    return this.#hashes.has(wireHash);
  }

  addAll(transactions: Iterable<{ readonly wireHash: Hash }>): void {
    // Those of a block are known since they came: to put them in anew would cost a place for each.
    for (const { wireHash } of transactions) if (!this.has(wireHash)) this.#hashes.set(wireHash, true);
  }
}
