/**
 * Frames (section 7): `uint32 little-endian length || 3 ASCII letters || body`, the length counting header and body.
 * The reader takes bytes in any portions, copies each byte a bounded number of times, and never holds more memory
 * than a small multiple of what has arrived, whatever length a frame declares.
 */
import { BodyWriter } from './body-writer.js';
import { malformed } from './errors.js';
import { isMessageType, MAX_FRAME_BYTES, type Message, type MessageType, writeBody } from './messages.js';

export { MAX_FRAME_BYTES };
/** Before the handshake is done. */
export const MAX_HANDSHAKE_FRAME_BYTES = 16_384;

const LENGTH_BYTES = 4;
const TYPE_BYTES = 3;
/** What a reader that holds nothing may keep. */
const IDLE_BUFFER_BYTES = 16_384;

/** One frame as it came: its type is known, its body not yet read. */
export interface Frame {
  readonly type: MessageType;
  /** A buffer of its own: keeping a part of it keeps nothing else of the stream. */
  readonly body: Uint8Array;
}

/** @throws Error if the message does not fit into a frame: whoever made it had to see to that. */
export function encodeFrame(message: Message): Uint8Array {
  const writer = new BodyWriter();
  writeBody(message, writer);
  const length = TYPE_BYTES + writer.length;
  if (length > MAX_FRAME_BYTES) throw new Error(`a ${message.type} of ${length} bytes does not fit a frame`);
  const frame = new Uint8Array(LENGTH_BYTES + length);
  new DataView(frame.buffer).setUint32(0, length, true);
  for (let i = 0; i < TYPE_BYTES; i++) frame[LENGTH_BYTES + i] = message.type.charCodeAt(i);
  writer.copyTo(frame, LENGTH_BYTES + TYPE_BYTES);
  return frame;
}

/** Takes a stream of bytes apart into frames: `push` what arrived, then `next` until there is none. */
export class FrameReader {
  /** The longest frame taken; to be raised once the handshake is done. */
  maxFrameBytes: number = MAX_HANDSHAKE_FRAME_BYTES;
  #buffer = new Uint8Array(0);
  #start = 0;
  #end = 0;

  /** Bytes pushed that no frame has taken yet. */
  get pendingBytes(): number {
    return this.#end - this.#start;
  }

  push(bytes: Uint8Array): void {
    this.#makeRoom(bytes.length);
    this.#buffer.set(bytes, this.#end);
    this.#end += bytes.length;
  }

  /**
   * The next frame, or undefined until the rest of it has arrived. A header is judged as soon as it is there.
   * @throws ProtocolError MALFORMED for a length out of bounds or an unknown type; the stream is then of no use.
   */
  next(): Frame | undefined {
    if (this.pendingBytes < LENGTH_BYTES) return undefined;
    const length = this.#declaredLength();
    if (length < TYPE_BYTES || length > this.maxFrameBytes) {
      throw malformed(`a frame of ${length} bytes, allowed are ${TYPE_BYTES} to ${this.maxFrameBytes}`);
    }
    if (this.pendingBytes < LENGTH_BYTES + TYPE_BYTES) return undefined;
    const type = this.#type();
    if (this.pendingBytes < LENGTH_BYTES + length) return undefined;

    const end = this.#start + LENGTH_BYTES + length;
    const body = this.#buffer.slice(this.#start + LENGTH_BYTES + TYPE_BYTES, end);
    this.#start = end;
    if (this.#start === this.#end) this.#clear();
    return { type, body };
  }

  #declaredLength(): number {
    return new DataView(this.#buffer.buffer, this.#start, LENGTH_BYTES).getUint32(0, true);
  }

  #type(): MessageType {
    let type = '';
    for (let i = 0; i < TYPE_BYTES; i++)
      type += String.fromCharCode(this.#buffer[this.#start + LENGTH_BYTES + i] as number);
    if (!isMessageType(type)) throw malformed(`a frame of unknown type ${JSON.stringify(type)}`);
    return type;
  }

  /** Moves what is pending to the front, or doubles the buffer: either is paid for by the bytes that came before. */
  #makeRoom(bytes: number): void {
    if (this.#end + bytes <= this.#buffer.length) return;
    const needed = this.pendingBytes + bytes;
    const pending = this.#buffer.subarray(this.#start, this.#end);
    if (needed > this.#buffer.length / 2) this.#buffer = new Uint8Array(2 * needed);
    this.#buffer.set(pending, 0);
    this.#end = pending.length;
    this.#start = 0;
  }

  #clear(): void {
    this.#start = 0;
    this.#end = 0;
    if (this.#buffer.length > IDLE_BUFFER_BYTES) this.#buffer = new Uint8Array(0);
  }
}
