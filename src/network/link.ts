/**
 * One connection as a stream of messages: frames in and out, the bound on what waits to be sent, the ticks by which
 * its owner sees silence and frames that never end. It knows nothing of handshakes and peers.
 */
import type { Clock, Timer } from '../ports/clock.js';
import type { Connection, Endpoint } from '../ports/transport.js';
import type { Address } from '../protocol/bytes.js';
import { ProtocolError } from '../protocol/errors.js';
import { encodeFrame, type Frame, FrameReader, MAX_FRAME_BYTES } from '../protocol/frame.js';
import { type ByeCode, decodeBody, type Message } from '../protocol/messages.js';
import { LIMITS } from './limits.js';

export interface LinkEvents {
  /** In the order of the stream. `sizeBytes` is the whole frame's. */
  message(message: Message, sizeBytes: number): void;
  /** A frame whose body breaks its form; the stream goes on behind it. */
  malformed(detail: string): void;
  /** No further frame can be found; the owner has to close. */
  broken(detail: string): void;
  /** Exactly once, at once when we close: nothing is delivered or sent any more. */
  closed(reason: string): void;
  /** Exactly once, after `closed`: the connection itself is gone. */
  gone(): void;
}

export class Link {
  readonly #connection: Connection;
  readonly #clock: Clock;
  readonly #events: LinkEvents;
  readonly #reader = new FrameReader();
  #paused = false;
  #delivering = false;
  #closed = false;
  #linger: Timer | undefined;
  #silentTicks = 0;
  #partialTicks = 0;

  constructor(connection: Connection, clock: Clock, events: LinkEvents) {
    this.#connection = connection;
    this.#clock = clock;
    this.#events = events;
  }

  get remote(): Endpoint {
    return this.#connection.remote;
  }

  get inbound(): boolean {
    return this.#connection.inbound;
  }

  get channel(): Uint8Array {
    return this.#connection.channel;
  }

  get certified(): Address | undefined {
    return this.#connection.certified;
  }

  get queuedBytes(): number {
    return this.#connection.queuedBytes;
  }

  get closed(): boolean {
    return this.#closed;
  }

  /** How long nothing has come. Counted in ticks, so that a time in which this process stood still does not count. */
  get silentMs(): number {
    return this.#silentTicks * LIMITS.tickMs;
  }

  /** How long a frame has been on its way, 0 between frames. */
  get partialMs(): number {
    return this.#partialTicks * LIMITS.tickMs;
  }

  /** Begins to deliver. */
  open(): void {
    this.#connection.open({
      data: (bytes) => this.#received(bytes),
      close: (reason) => this.#gone(reason),
    });
  }

  /** To be called every `LIMITS.tickMs`. */
  tick(): void {
    this.#silentTicks++;
    this.#partialTicks = this.#reader.pendingBytes > 0 && !this.#paused ? this.#partialTicks + 1 : 0;
  }

  /** The handshake is done: frames may be long. */
  allowLongFrames(): void {
    this.#reader.maxFrameBytes = MAX_FRAME_BYTES;
  }

  /** Holds back what comes, a bounded amount of it. */
  pause(): void {
    this.#paused = true;
  }

  resume(): void {
    this.#paused = false;
    this.#deliver();
  }

  send(message: Message): void {
    if (!this.#closed) this.sendFrame(encodeFrame(message));
  }

  sendFrame(frame: Uint8Array): void {
    if (this.#closed) return;
    if (this.#connection.queuedBytes + frame.length > LIMITS.sendQueueBytes) {
      this.drop(`takes what we send too slowly: ${this.#connection.queuedBytes} bytes wait`);
      return;
    }
    this.#connection.send(frame);
  }

  /** Says why, and hangs up. */
  bye(code: ByeCode, reason: string): void {
    if (this.#closed) return;
    this.send({ type: 'BYE', code, reason });
    if (this.#closed) return;
    this.#connection.end();
    // The other side may never close its half, or never read.
    this.#linger = this.#clock.after(LIMITS.lingerMs, () => this.#connection.destroy());
    this.#close(`we hung up: ${code}: ${reason}`);
  }

  /** Hangs up without a word. */
  drop(reason: string): void {
    if (this.#closed) return;
    this.#connection.destroy();
    this.#close(reason);
  }

  #close(reason: string): void {
    if (this.#closed) return;
    this.#closed = true;
    this.#events.closed(reason);
  }

  #gone(reason: string): void {
    this.#linger?.cancel();
    this.#close(reason);
    this.#events.gone();
  }

  #received(bytes: Uint8Array): void {
    if (this.#closed) return;
    this.#silentTicks = 0;
    this.#reader.push(bytes);
    this.#deliver();
    if (this.#paused && this.#reader.pendingBytes > LIMITS.heldBytes) {
      this.#events.broken('sends on while its handshake is not done');
    }
  }

  #deliver(): void {
    // A listener that resumes is called from this loop, which goes on by itself.
    if (this.#delivering) return;
    this.#delivering = true;
    while (!this.#paused && !this.#closed) {
      const frame = this.#next();
      if (frame === undefined) break;
      this.#partialTicks = 0;
      this.#read(frame);
    }
    this.#delivering = false;
  }

  #next(): Frame | undefined {
    try {
      return this.#reader.next();
    } catch (error) {
      if (!(error instanceof ProtocolError)) throw error;
      this.#events.broken(error.message);
      return undefined;
    }
  }

  #read({ type, body }: Frame): void {
    let message: Message;
    try {
      message = decodeBody(type, body);
    } catch (error) {
      if (!(error instanceof ProtocolError)) throw error;
      this.#events.malformed(error.message);
      return;
    }
    this.#events.message(message, body.length + 7);
  }
}
