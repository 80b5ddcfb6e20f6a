/** One thread of crypto-thread.ts: jobs in, answers out in the same order, and all of them failing if it dies. */
import { Worker as Thread } from 'node:worker_threads';
import type { ThreadAnswer, ThreadJob } from './crypto-thread.js';

interface Waiting {
  readonly resolve: (answer: ThreadAnswer) => void;
  readonly reject: (error: Error) => void;
}

export class JobThread {
  readonly #thread: Thread;
  /** In the order of the jobs, which is that of the answers. Whoever posts bounds how many there are. */
  readonly #waiting: Waiting[] = [];
  #end: Error | undefined;

  constructor(url: URL, name: string) {
    this.#thread = new Thread(url, { name });
    this.#thread.on('message', (answer: ThreadAnswer) => this.#answered(answer));
    this.#thread.on('error', (error) =>
      this.#died(new Error(`the thread ${name} died: ${error.message}`, { cause: error })),
    );
    this.#thread.on('exit', (code) => this.#died(new Error(`the thread ${name} ended with code ${code}`)));
    // An idle thread keeps no process alive, one with a job does. Not before the listeners: they would undo it.
    this.#thread.unref();
  }

  /** @throws Error if the thread has died, or dies before it answers */
  run(job: ThreadJob, transfer: ArrayBuffer[] = []): Promise<ThreadAnswer> {
    if (this.#end !== undefined) return Promise.reject(this.#end);
    return new Promise((resolve, reject) => {
      if (this.#waiting.push({ resolve, reject }) === 1) this.#thread.ref();
      this.#thread.postMessage(job, transfer);
    });
  }

  async close(): Promise<void> {
    this.#died(new Error('the worker was closed'));
    await this.#thread.terminate();
  }

  #answered(answer: ThreadAnswer): void {
    this.#waiting.shift()?.resolve(answer);
    if (this.#waiting.length === 0) this.#thread.unref();
  }

  #died(error: Error): void {
    this.#end ??= error;
    for (const { reject } of this.#waiting.splice(0)) reject(this.#end);
  }
}
