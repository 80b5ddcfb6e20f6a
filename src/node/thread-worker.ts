/**
 * `Worker` on threads of its own: some that check signatures, and one, started when first needed, that seeks nonces.
 *
 * A job for a thread costs about as much as one check, so checks travel in batches: what was asked for in one turn of
 * the event loop goes together, split evenly over the threads. A request of a few checks, as those of votes, is answered
 * here at once: it must not wait behind thousands of transactions' checks, or a flood of those would delay consensus.
 */
import { availableParallelism } from 'node:os';
import type { Worker } from '../ports/worker.js';
import type { Hash } from '../protocol/bytes.js';
import type { SignatureCheck } from '../protocol/keys.js';
import { JobThread } from './job-thread.js';
import { packChecks } from './packed-checks.js';
import { Verifier } from './verifier.js';

/** More threads than these would only take the processor from the thread that decides. */
const MAX_VERIFIERS = 4;
/** Up to so many checks of one request the way to a thread and back takes longer than the checking, a quarter of a millisecond. */
const MAX_INLINE_CHECKS = 8;
/** A smaller part is not worth a message. */
const MIN_CHECKS_A_PART = 16;
/** A larger part would keep those behind it waiting longer than 10 ms. */
const MAX_CHECKS_A_PART = 256;
/** Callers bound what they ask for (blocks, the pool, peers' queues); beyond this one of them does not. */
const MAX_WAITING_CHECKS = 1_000_000;

export interface ThreadWorkerOptions {
  /** How many threads check signatures; the machine's parallelism, 1 to 4, by default. */
  readonly verifiers?: number;
  /** The compiled crypto-thread.js, if it is not beside this file. */
  readonly threadUrl?: URL;
}

interface Request {
  readonly checks: readonly SignatureCheck[];
  readonly resolve: (answers: boolean[]) => void;
  readonly reject: (error: unknown) => void;
}

export class ThreadWorker implements Worker {
  readonly #threadUrl: URL;
  readonly #verifiers: readonly JobThread[];
  #seeker: JobThread | undefined;
  readonly #inline = new Verifier();
  /** Asked for in this turn of the event loop. */
  #requests: Request[] = [];
  #waitingChecks = 0;
  #nextVerifier = 0;
  #closed = false;

  constructor(options: ThreadWorkerOptions = {}) {
    this.#threadUrl = options.threadUrl ?? new URL('./crypto-thread.js', import.meta.url);
    const count = options.verifiers ?? Math.min(availableParallelism(), MAX_VERIFIERS);
    this.#verifiers = Array.from({ length: count }, (_, i) => new JobThread(this.#threadUrl, `verify-${i}`));
  }

  /** @throws Error if a thread has died or the worker was closed */
  verify(checks: readonly SignatureCheck[]): Promise<boolean[]> {
    if (checks.length === 0) return Promise.resolve([]);
    if (this.#closed) return Promise.reject(new Error('the worker was closed'));
    if (checks.length <= MAX_INLINE_CHECKS)
      return Promise.resolve(checks.map((check) => this.#inline.verify(check)));
    this.#waitingChecks += checks.length;
    if (this.#waitingChecks > MAX_WAITING_CHECKS) {
      this.#waitingChecks -= checks.length;
      return Promise.reject(new Error(`over ${MAX_WAITING_CHECKS} signature checks are waiting`));
    }
    return new Promise((resolve, reject) => {
      if (this.#requests.push({ checks, resolve, reject }) === 1) setImmediate(() => this.#startChecks());
    });
  }

  async #startChecks(): Promise<void> {
    const requests = this.#requests;
    this.#requests = [];
    const checks = requests.flatMap((request) => request.checks);
    try {
      const answers = await this.#check(checks);
      let at = 0;
      for (const { checks, resolve } of requests) {
        resolve(answers.slice(at, at + checks.length));
        at += checks.length;
      }
    } catch (error) {
      for (const { reject } of requests) reject(error);
    } finally {
      this.#waitingChecks -= checks.length;
    }
  }

  async #check(checks: readonly SignatureCheck[]): Promise<boolean[]> {
    const even = Math.ceil(checks.length / this.#verifiers.length);
    const size = Math.min(Math.max(even, MIN_CHECKS_A_PART), MAX_CHECKS_A_PART);
    const parts: Promise<boolean[]>[] = [];
    for (let at = 0; at < checks.length; at += size)
      parts.push(this.#checkInThread(checks.slice(at, at + size)));
    return (await Promise.all(parts)).flat();
  }

  async #checkInThread(checks: readonly SignatureCheck[]): Promise<boolean[]> {
    const thread = this.#verifiers[this.#nextVerifier++ % this.#verifiers.length] as JobThread;
    const packed = packChecks(checks);
    const answer = await thread.run({ kind: 'verify', checks: packed }, [packed.buffer]);
    if (!('good' in answer)) throw new Error('a verifier answered with a nonce');
    return Array.from(answer.good, (good) => good === 1);
  }

  /** @throws Error if the thread has died or the worker was closed */
  async seekNonce(miningHash: Hash, difficulty: number, signal: AbortSignal): Promise<number | undefined> {
    if (signal.aborted) return undefined;
    if (difficulty === 0) return 0;
    if (this.#closed) throw new Error('the worker was closed');
    this.#seeker ??= new JobThread(this.#threadUrl, 'seek-nonce');
    const stop = new Int32Array(new SharedArrayBuffer(4));
    const found = this.#seeker.run({ kind: 'seek', miningHash, difficulty, stop });
    return new Promise((resolve, reject) => {
      const abort = () => {
        Atomics.store(stop, 0, 1);
        resolve(undefined);
      };
      signal.addEventListener('abort', abort, { once: true });
      found
        .then((answer) => resolve('nonce' in answer ? answer.nonce : undefined), reject)
        .finally(() => signal.removeEventListener('abort', abort));
    });
  }

  /** Ends the threads; what they still had to answer fails. */
  async close(): Promise<void> {
    this.#closed = true;
    const threads = this.#seeker === undefined ? this.#verifiers : [...this.#verifiers, this.#seeker];
    await Promise.all(threads.map((thread) => thread.close()));
  }
}
