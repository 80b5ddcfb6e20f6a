/** How fast each address may ask: a token bucket for each, so that one caller never has the node to itself. */
import type { ApiLimits } from './limits.js';

interface Bucket {
  readonly tokens: number;
  readonly atMs: number;
}

export class RateLimit {
  readonly #limits: Pick<ApiLimits, 'requestsPerSecond' | 'requestBurst' | 'callers'>;
  readonly #nowMs: () => number;
  /** By source, least recently seen first. */
  readonly #buckets = new Map<string, Bucket>();

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
    const atMs = this.#nowMs();
    const before = this.#buckets.get(source) ?? { tokens: requestBurst, atMs };
    const tokens = Math.min(requestBurst, before.tokens + ((atMs - before.atMs) / 1000) * requestsPerSecond);
    const taken = tokens >= 1;
    this.#keep(source, { tokens: taken ? tokens - 1 : tokens, atMs });
    return taken;
  }

  #keep(source: string, bucket: Bucket): void {
    this.#buckets.delete(source);
    this.#buckets.set(source, bucket);
    if (this.#buckets.size <= this.#limits.callers) return;
    const oldest = this.#buckets.keys().next();
    if (!oldest.done) this.#buckets.delete(oldest.value);
  }
}
