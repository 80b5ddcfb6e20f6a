/** How fast each address may ask: a token bucket for each, so that one caller never has the node to itself. */
import { LinkedMap } from '../protocol/linked-map.js';
import type { ApiLimits } from './limits.js';

interface Bucket {
  tokens: number;
  /** When it held so many. */
  atMs: number;
}

export class RateLimit {
  readonly #limits: Pick<ApiLimits, 'requestsPerSecond' | 'requestBurst' | 'callers'>;
  readonly #nowMs: () => number;
  /** By source, least recently seen first. */
  readonly #buckets = new LinkedMap<string, Bucket>();

  constructor(
    limits: Pick<ApiLimits, 'requestsPerSecond' | 'requestBurst' | 'callers'>,
    nowMs: () => number,
  ) {
    this.#limits = limits;
    this.#nowMs = nowMs;
  }

  /** Takes one request of `source`; false if it has none left. */
  take(source: string): boolean {
    const { requestsPerSecond, requestBurst } = this.#limits;
    const nowMs = this.#nowMs();
    const bucket = this.#buckets.renew(source) ?? this.#enter(source, nowMs);
    const flowedIn = ((nowMs - bucket.atMs) / 1000) * requestsPerSecond;
    bucket.tokens = Math.min(requestBurst, bucket.tokens + flowedIn);
    bucket.atMs = nowMs;
    if (bucket.tokens < 1) return false;
    bucket.tokens--;
    return true;
  }

  #enter(source: string, nowMs: number): Bucket {
    const { requestBurst, callers } = this.#limits;
    const bucket: Bucket = { tokens: requestBurst, atMs: nowMs };
    this.#buckets.set(source, bucket);
    if (this.#buckets.size > callers) this.#buckets.delete(this.#buckets.oldest as string);
    return bucket;
  }
}
