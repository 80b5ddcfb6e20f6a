import type { Hash } from '../protocol/bytes.js';
import type { SignatureCheck } from '../protocol/keys.js';

/** Computation too heavy for the thread that decides: checking signatures in batches, and proof of work. */
export interface Worker {
  /** One answer a check, in their order. An empty list is answered without work. */
  verify(checks: readonly SignatureCheck[]): Promise<boolean[]>;
  /** The lowest fitting nonce, or undefined once `signal` is aborted. Difficulty 0 is answered with 0. */
  seekNonce(miningHash: Hash, difficulty: number, signal: AbortSignal): Promise<number | undefined>;
  close(): Promise<void>;
}
