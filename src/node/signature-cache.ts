/**
 * Transactions whose signature was checked, by the hash of their wire form: never by id, which does not cover the
 * signature (section 3). What is pending was checked on its way into the pool and is not remembered here as well: a
 * place in a large map, asked for once and then forgotten, costs more than most of what else is done for a transaction.
 */
import type { Hash } from '../protocol/bytes.js';
import { GenerationCache } from '../protocol/generation-cache.js';

/** What is put in is kept until at least so many others came: a few blocks full of what was never pending. */
export const GENERATION = 32_768;

export class SignatureCache {
  readonly #isPending: (wireHash: Hash) => boolean;
  readonly #hashes = new GenerationCache<Hash, true>(GENERATION);

  /** @param isPending whether exactly that wire form is in the pool */
  constructor(isPending: (wireHash: Hash) => boolean = () => false) {
    this.#isPending = isPending;
  }

  has(wireHash: Hash): boolean {
    return this.#isPending(wireHash) || this.#hashes.has(wireHash);
  }

  addAll(transactions: Iterable<{ readonly wireHash: Hash }>): void {
    // Most of a block's are known since they came: to put them in anew would cost a place for each.
    for (const { wireHash } of transactions) if (!this.has(wireHash)) this.#hashes.set(wireHash, true);
  }
}
