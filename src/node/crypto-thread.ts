/** What runs in the threads of ThreadWorker: one job after the other, in the order in which they were posted. */
import { parentPort } from 'node:worker_threads';
import type { Hash } from '../protocol/bytes.js';
import { searchNonce } from './nonce-search.js';
import { unpackChecks } from './packed-checks.js';
import { Verifier } from './verifier.js';

export type ThreadJob =
  | { readonly kind: 'verify'; readonly checks: Uint8Array<ArrayBuffer> }
  | {
      readonly kind: 'seek';
      readonly miningHash: Hash;
      readonly difficulty: number;
      /** Not 0 as soon as the search is to stop; shared between the threads. */
      readonly stop: Int32Array<SharedArrayBuffer>;
    };

export type ThreadAnswer =
  /** One byte a check: 1 if it is good. */
  { readonly good: Uint8Array<ArrayBuffer> } | { readonly nonce: number | undefined };

if (parentPort === null) throw new Error('crypto-thread runs in a worker thread only');
const port = parentPort;
const verifier = new Verifier();

port.on('message', (job: ThreadJob) => {
  if (job.kind === 'verify') {
    const good = Uint8Array.from(unpackChecks(job.checks), (check) => (verifier.verify(check) ? 1 : 0));
    answer({ good }, [good.buffer]);
  } else {
    const stopped = () => Atomics.load(job.stop, 0) !== 0;
    answer({ nonce: searchNonce(job.miningHash, job.difficulty, stopped) });
  }
});

function answer(message: ThreadAnswer, transfer: ArrayBuffer[] = []): void {
  port.postMessage(message, transfer);
}
