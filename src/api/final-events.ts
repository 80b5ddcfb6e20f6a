/** Server-sent events: one for each block that becomes final. A listener that does not read is dropped. */
import { Readable } from 'node:stream';
import type { NodeFace } from '../node/face.js';
import { ApiError } from './errors.js';
import type { After } from './final-waiters.js';
import type { ApiLimits } from './limits.js';
import { finalityView } from './views.js';

/** Often enough that no proxy takes the stream for dead, and that a dead listener gives up its place. */
const HEARTBEAT_MS = 15_000;

export class FinalEvents {
  readonly #face: NodeFace;
  readonly #limits: Pick<ApiLimits, 'listeners' | 'listenerQueueBytes'>;
  readonly #after: After;
  readonly #streams = new Set<Readable>();
  #stop: (() => void) | undefined;

  constructor(face: NodeFace, limits: Pick<ApiLimits, 'listeners' | 'listenerQueueBytes'>, after: After) {
    this.#face = face;
    this.#limits = limits;
    this.#after = after;
  }

  /**
   * The events from now on, as a stream of text.
   * @throws ApiError TOO_BUSY if as many as may listen do
   */
  listen(): Readable {
    if (this.#streams.size >= this.#limits.listeners)
      throw new ApiError('TOO_BUSY', `${this.#limits.listeners} listeners are connected already`);
    const stream = new Readable({ read() {} });
    // A first comment sends the headers off, so that the listener knows it listens.
    stream.push(': listening\n\n');
    stream.once('close', () => this.#forget(stream));
    this.#streams.add(stream);
    this.#stop ??= this.#start();
    return stream;
  }

  endAll(): void {
    for (const stream of [...this.#streams]) {
      stream.push(null);
      this.#forget(stream);
    }
  }

  #start(): () => void {
    const unsubscribe = this.#face.onFinal((finality) => {
      const { number } = finality.block.header;
      this.#tell(`event: final\nid: ${number}\ndata: ${JSON.stringify(finalityView(finality))}\n\n`);
    });
    let cancelBeat = () => {};
    const beat = () => {
      cancelBeat = this.#after(HEARTBEAT_MS, beat);
      this.#tell(': alive\n\n');
    };
    cancelBeat = this.#after(HEARTBEAT_MS, beat);
    return () => {
      unsubscribe();
      cancelBeat();
    };
  }

  #tell(event: string): void {
    for (const stream of [...this.#streams]) {
      if (stream.readableLength + event.length > this.#limits.listenerQueueBytes) stream.destroy();
      else stream.push(event);
    }
  }

  #forget(stream: Readable): void {
    if (!this.#streams.delete(stream) || this.#streams.size > 0) return;
    this.#stop?.();
    this.#stop = undefined;
  }
}
