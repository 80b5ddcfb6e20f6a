/** L, the limit of the other rows: how many RSA-2048 PSS signatures this machine checks a second, in batches on all cores. */
import { once } from 'node:events';
import { availableParallelism } from 'node:os';
import { Worker as Thread } from 'node:worker_threads';
import { signerOf } from '../../src/keys/signer.js';
import { benchAccounts } from './accounts.js';
import type { BareAnswer, BareCheck, BareJob } from './bare-thread.js';

const KEYS = 16;
const SIGNATURES = 256;
const MESSAGE_BYTES = 120;
const WARM_UP_MS = 200;

/** Threads of `bare-thread.ts`, one for each core, idle until they are asked. */
export class BareVerifiers {
  readonly #threads: readonly Thread[];

  /** @param checks of good signatures: the batch that every thread checks over and over */
  constructor(checks: readonly BareCheck[]) {
    this.#threads = Array.from(
      { length: availableParallelism() },
      () => new Thread(new URL('./bare-thread.js', import.meta.url), { workerData: checks }),
    );
  }

  async warmUp(): Promise<void> {
    await this.perSecond(WARM_UP_MS);
  }

  /** Checks a second of all threads together. */
  async perSecond(durationMs: number): Promise<number> {
    const rates = await Promise.all(
      this.#threads.map(async (thread) => {
        const answered = once(thread, 'message');
        thread.postMessage({ durationMs } satisfies BareJob);
        const [{ checksPerSecond }] = (await answered) as [BareAnswer];
        return checksPerSecond;
      }),
    );
    return rates.reduce((sum, rate) => sum + rate, 0);
  }

  async close(): Promise<void> {
    await Promise.all(this.#threads.map((thread) => thread.terminate()));
  }
}

/** Good signatures by several keys, as the transfers of a block. */
export async function signedChecks(): Promise<readonly BareCheck[]> {
  const accounts = await benchAccounts(KEYS);
  return Promise.all(
    Array.from({ length: SIGNATURES }, async (_, i) => {
      const account = accounts[i % KEYS];
      if (account === undefined) throw new Error('too few keys');
      const message = Buffer.alloc(MESSAGE_BYTES, i);
      return { publicKey: account.publicKey, message, signature: await signerOf(account).sign(message) };
    }),
  );
}
