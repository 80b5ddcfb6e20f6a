/** How much of L, the bare rate of this machine, the node's own worker threads reach: the way to them and back is all that they add. */
import { availableParallelism } from 'node:os';
import { ThreadWorker } from '../../src/node/thread-worker.js';
import type { SignatureCheck } from '../../src/protocol/keys.js';
import { BareVerifiers, signedChecks } from '../lib/bare-verifiers.js';
import type { Row, Settings } from '../lib/row.js';
import { median } from '../lib/statistics.js';

const BATCH_CHECKS = 4_096;
const WARM_UP_MS = 200;
const PLANS = { full: { rounds: 5, durationMs: 1_000 }, quick: { rounds: 1, durationMs: 200 } };

export const verifyRow: Row = {
  name: 'verify',
  async run({ quick }: Settings) {
    const { rounds, durationMs } = quick ? PLANS.quick : PLANS.full;
    const checks = await signedChecks();
    const bareVerifiers = new BareVerifiers(checks);
    const worker = new ThreadWorker({ verifiers: availableParallelism() });
    const batch = Array.from({ length: BATCH_CHECKS }, (_, i) => checks[i % checks.length] as SignatureCheck);
    const runs: number[] = [];
    const bare: number[] = [];
    try {
      await bareVerifiers.warmUp();
      await verifyFor(worker, batch, WARM_UP_MS);
      for (let round = 0; round < rounds; round++) {
        bare.push(await bareVerifiers.perSecond(durationMs));
        runs.push(await verifyFor(worker, batch, durationMs));
      }
    } finally {
      await Promise.all([bareVerifiers.close(), worker.close()]);
    }
    return [
      {
        name: 'verify by ThreadWorker',
        what: `signatures checked by the node's own worker threads, as many as there are cores, ${BATCH_CHECKS} asked for at once`,
        unit: '/s',
        runs,
        limit: { name: 'L', value: median(bare) },
      },
    ];
  },
};

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
