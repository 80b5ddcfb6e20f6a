/** Carries out the steps of a handshake's script on a link: one at a time, the link held back while one takes time. */
import type { Signer } from '../ports/signer.js';
import type { Worker } from '../ports/worker.js';
import type { Message } from '../protocol/messages.js';
import { type Acquaintance, type Handshake, Refusal, type Step } from './handshake.js';
import type { Link } from './link.js';
import { loudly } from './loudly.js';

export interface HandshakeEnd {
  /** The link is held back: whoever goes on with it resumes it. */
  whole(acquaintance: Acquaintance): void;
  refused(refusal: Refusal): void;
}

export class HandshakeRun {
  readonly #script: Handshake;
  readonly #link: Link;
  readonly #ports: { readonly signer: Signer; readonly worker: Worker };
  readonly #end: HandshakeEnd;

  constructor(script: Handshake, link: Link, ports: { signer: Signer; worker: Worker }, end: HandshakeEnd) {
    this.#script = script;
    this.#link = link;
    this.#ports = ports;
    this.#end = end;
  }

  start(): void {
    this.#advance(undefined);
  }

  /** A message of the other side, delivered while the script waits for one. */
  receive(message: Message): void {
    this.#advance(message);
  }

  #advance(outcome: unknown): void {
    this.#link.pause();
    for (let given = outcome; !this.#link.closed; given = undefined) {
      const result = this.#next(given);
      if (result === undefined) return;
      if (result.done) return this.#end.whole(result.value);
      const step = result.value;
      if (step.do === 'receive') return this.#link.resume();
      if (step.do === 'send') this.#link.send(step.message);
      else if (step.do === 'sign') return this.#await(this.#ports.signer.sign(step.text, true));
      else return this.#await(this.#ports.worker.verify([step.check]).then(([good]) => good));
    }
  }

  #next(outcome: unknown): IteratorResult<Step, Acquaintance> | undefined {
    try {
      return this.#script.next(outcome);
    } catch (error) {
      if (!(error instanceof Refusal)) throw error;
      this.#end.refused(error);
      return undefined;
    }
  }

  /** Our own signer or worker failing is our own failure; after the link is closed nobody cares. */
  #await(outcome: Promise<unknown>): void {
    loudly(
      outcome.then(
        (value) => this.#advance(value),
        (error) => {
          if (!this.#link.closed) throw error;
        },
      ),
    );
  }
}
