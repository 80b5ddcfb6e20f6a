/** `Worker` computed on the calling thread: for tests, the simulator and small tools. */
import { setImmediate as nextTurn } from 'node:timers/promises';
import type { Worker } from '../ports/worker.js';
import { seekNonce } from '../protocol/proof-of-work.js';
import { SLICE_HASHES } from './nonce-search.js';
import { Verifier } from './verifier.js';

export function inlineWorker(): Worker {
  const verifier = new Verifier();
  return {
    verify: async (checks) => checks.map((check) => verifier.verify(check)),
    async seekNonce(miningHash, difficulty, signal) {
      for (let from = 0; !signal.aborted; from += SLICE_HASHES) {
        const nonce = seekNonce(miningHash, difficulty, from, SLICE_HASHES);
        if (nonce !== undefined) return nonce;
        // Whoever aborts needs the thread, too.
        await nextTurn();
      }
      return undefined;
    },
    close: async () => {},
  };
}
