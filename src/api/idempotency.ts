/**
 * Remembers what an Idempotency-Key was answered, so that a client whose answer got lost can ask again without paying
 * twice. Bounded, in memory: a restart of the node forgets, and so does every key after the newest ones.
 */
import type { Hash } from '../protocol/bytes.js';
import { ApiError } from './errors.js';

interface Entry<T> {
  readonly fingerprint: Hash;
  readonly result: Promise<T>;
}

export class IdempotencyKeys<T> {
  readonly #max: number;
  /** Least recently used first. */
  readonly #entries = new Map<string, Entry<T>>();

  constructor(max: number) {
    this.#max = max;
  }

  /**
   * The result of `work`, or of the earlier work under the same key, finished or not. What `keep` says no to, and what
   * throws, changed nothing and is forgotten: a retry may then succeed.
   * @param fingerprint hash of what is asked for
   * @throws ApiError IDEMPOTENCY_CONFLICT if the key was used for something else
   */
  async run(
    key: string,
    fingerprint: Hash,
    work: () => Promise<T>,
    keep: (result: T) => boolean,
  ): Promise<T> {
    const known = this.#entries.get(key);
    if (known !== undefined) {
      if (known.fingerprint !== fingerprint)
        throw new ApiError('IDEMPOTENCY_CONFLICT', 'this Idempotency-Key was used with another body');
      this.#put(key, known);
      return known.result;
    }
    const entry = { fingerprint, result: work() };
    this.#put(key, entry);
    try {
      const result = await entry.result;
      if (!keep(result)) this.#forget(key, entry);
      return result;
    } catch (error) {
      this.#forget(key, entry);
      throw error;
    }
  }

  #put(key: string, entry: Entry<T>): void {
    this.#entries.delete(key);
    this.#entries.set(key, entry);
    if (this.#entries.size <= this.#max) return;
    const oldest = this.#entries.keys().next();
    if (!oldest.done) this.#entries.delete(oldest.value);
  }

  #forget(key: string, entry: Entry<T>): void {
    if (this.#entries.get(key) === entry) this.#entries.delete(key);
  }
}
