/** L: how many RSA-2048 PSS signatures this machine checks a second, in batches on all cores. The other rows' limit. */
import { availableParallelism } from 'node:os';
import { signerOf } from '../../src/keys/signer.js';
import { ThreadWorker } from '../../src/node/thread-worker.js';
import type { SignatureCheck } from '../../src/protocol/keys.js';
import { benchAccounts } from '../lib/accounts.js';
import type { Figure, Settings } from '../lib/row.js';

const KEYS = 16;
const SIGNATURES = 256;
const BATCH_CHECKS = 4_096;
const MESSAGE_BYTES = 120;

/** One value a run: three runs of two seconds, or one of half a second. */
export async function verifiesPerSecond({ quick }: Settings): Promise<number[]> {
  const worker = new ThreadWorker({ verifiers: availableParallelism() });
  const checks = await signedChecks();
  const batch = Array.from({ length: BATCH_CHECKS }, (_, i) => checks[i % SIGNATURES] as SignatureCheck);
  try {
    await verifyFor(worker, batch, 200);
    const rates: number[] = [];
    for (let run = 0; run < (quick ? 1 : 3); run++) {
      rates.push(await verifyFor(worker, batch, quick ? 500 : 2_000));
    }
    return rates;
  } finally {
    await worker.close();
  }
}

export function verifyFigure(runs: readonly number[]): Figure {
  return { name: 'verify', what: 'L: RSA-2048 PSS signatures checked in worker threads', unit: '/s', runs };
}

async function signedChecks(): Promise<SignatureCheck[]> {
  const accounts = await benchAccounts(KEYS);
  return Promise.all(
    Array.from({ length: SIGNATURES }, async (_, i): Promise<SignatureCheck> => {
      const account = accounts[i % KEYS];
      if (account === undefined) throw new Error('too few keys');
      const message = Buffer.alloc(MESSAGE_BYTES, i);
      return { publicKey: account.publicKey, message, signature: await signerOf(account).sign(message) };
    }),
  );
}

/** Two batches are always under way, so that no thread waits for the one that hands them out. */
async function verifyFor(
  worker: ThreadWorker,
  batch: readonly SignatureCheck[],
  durationMs: number,
): Promise<number> {
  const startMs = performance.now();
  let checked = 0;
  const keepOn = async () => {
    while (performance.now() - startMs < durationMs) {
      const good = await worker.verify(batch);
      if (!good.every(Boolean)) throw new Error('a good signature was refused');
      checked += batch.length;
    }
  };
  await Promise.all([keepOn(), keepOn()]);
  return (checked * 1_000) / (performance.now() - startMs);
}
