/** How much the pool may hold, and for how long. */

const MINUTE_MS = 60_000;
const HOUR_MS = 60 * MINUTE_MS;

export interface MempoolLimits {
  /** Pending transactions, ready and waiting. */
  readonly maxTransactions: number;
  /** Their wire forms. */
  readonly maxBytes: number;
  /** One sender must not fill the pool. */
  readonly maxPerSender: number;
  /** How far above its account's nonce a transaction may wait: more could never become ready before it expires. */
  readonly maxNonceAhead: number;
  /** Whoever still wants it after that sends it again. */
  readonly maxAgeMs: number;
  /** How long the pool says why it dropped a transaction. */
  readonly droppedKeptMs: number;
  /** Dropped ones, kept whole: nobody else has them. */
  readonly maxDropped: number;
  readonly maxDroppedBytes: number;
}

export const MEMPOOL_LIMITS: MempoolLimits = Object.freeze({
  maxTransactions: 20_000,
  maxBytes: 64 * 1024 * 1024,
  maxPerSender: 256,
  maxNonceAhead: 1_024,
  maxAgeMs: 3 * HOUR_MS,
  droppedKeptMs: HOUR_MS,
  maxDropped: 20_000,
  maxDroppedBytes: 16 * 1024 * 1024,
});
