/** A script of this folder as a process of its own, asked one thing at a time. */
import { type ChildProcess, fork } from 'node:child_process';
import { once } from 'node:events';

export class HelperProcess<Job extends object, Answer> {
  readonly #process: ChildProcess;
  #settle: { resolve(answer: Answer): void; reject(error: Error): void } | null = null;

  /** @param script its compiled file, beside this one */
  constructor(script: string) {
    // Without the preloads of the nodes.
    this.#process = fork(new URL(script, import.meta.url), { env: { ...process.env, NODE_OPTIONS: '' } });
    this.#process.on('message', (answer) => this.#settle?.resolve(answer as Answer));
    this.#process.on('exit', () => this.#settle?.reject(new Error(`${script} ended`)));
  }

  get pid(): number {
    if (this.#process.pid === undefined) throw new Error('a process that did not start');
    return this.#process.pid;
  }

  ask(job: Job): Promise<Answer> {
    return new Promise((resolve, reject) => {
      this.#settle = { resolve, reject };
      this.#process.send(job);
    });
  }

  async close(): Promise<void> {
    if (this.#process.exitCode !== null) return;
    const ended = once(this.#process, 'exit');
    this.#process.kill();
    await ended;
  }
}
