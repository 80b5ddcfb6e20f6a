/** Frames in any portions, and the bodies in them. */
import { equalBytes, toHex } from '../../../src/protocol/bytes.js';
import { ProtocolError } from '../../../src/protocol/errors.js';
import { encodeFrame, type Frame, FrameReader, MAX_FRAME_BYTES } from '../../../src/protocol/frame.js';
import { decodeBody, isMessageType, MESSAGE_TYPES, type Message } from '../../../src/protocol/messages.js';
import { FRAMES, hex } from '../corpus.js';
import { Dice } from '../dice.js';
import { MSGPACK } from '../msgpack-dialect.js';
import { sampleMessages } from '../sample-messages.js';
import { Broken, changed, reader, type Target } from '../target.js';

const TYPE_BYTES = 3;
const HEADER_BYTES = 4 + TYPE_BYTES;
const isProtocolError = (error: unknown) => error instanceof ProtocolError;

const ALL = [...FRAMES, ...sampleMessages().map(encodeFrame)];

/** What a reader makes of a stream that comes in these portions: frames as hex, and how it ended. */
function framesOf(portions: readonly Uint8Array[], maxFrameBytes: number): string[] {
  const frameReader = new FrameReader();
  frameReader.maxFrameBytes = maxFrameBytes;
  const frames: string[] = [];
  let pushed = 0;
  try {
    for (const portion of portions) {
      frameReader.push(portion);
      pushed += portion.length;
      for (let frame = frameReader.next(); frame !== undefined; frame = frameReader.next())
        frames.push(described(frame));
      if (frameReader.pendingBytes > pushed) throw new Broken('holds more than came');
    }
    return [...frames, `${frameReader.pendingBytes} left`];
  } catch (error) {
    if (!isProtocolError(error)) throw error;
    return [...frames, (error as ProtocolError).message];
  }
}

function described({ type, body }: Frame): string {
  return `${type} ${toHex(body)}`;
}

function portionsOf(input: Uint8Array): Uint8Array[] {
  const dice = new Dice(toHex(input.subarray(0, 64)) + input.length);
  const portions: Uint8Array[] = [];
  for (let at = 0; at < input.length; ) {
    const end = at + 1 + dice.size(dice.oneIn(2) ? 12 : 4_096);
    portions.push(input.subarray(at, end));
    at = end;
  }
  return portions;
}

function readStream(input: Uint8Array): void {
  for (const max of [16_384, MAX_FRAME_BYTES]) {
    const whole = framesOf([input], max);
    const inPortions = framesOf(portionsOf(input), max);
    if (whole.join() !== inPortions.join())
      throw new Broken('other portions of the same bytes give other frames');
  }
}

/** The input is a header of three letters and a body. */
function readBody(input: Uint8Array): void {
  const type = Buffer.from(input.subarray(0, TYPE_BYTES)).toString('latin1');
  if (!isMessageType(type)) throw new ProtocolError('MALFORMED', 'no message at all');
  const message = decodeBody(type, input.subarray(TYPE_BYTES));
  const once = bodyOf(message);
  const twice = bodyOf(decodeBody(type, once));
  if (!equalBytes(once, twice)) throw new Broken('what was read is written in two ways');
}

function bodyOf(message: Message): Uint8Array {
  return encodeFrame(message).subarray(HEADER_BYTES);
}

const bodies = new Map(
  MESSAGE_TYPES.map((type) => [
    type,
    changed(
      ALL.filter((frame) => Buffer.from(frame).toString('latin1', 4, HEADER_BYTES) === type).map((frame) =>
        frame.subarray(HEADER_BYTES),
      ),
      MSGPACK,
    ),
  ]),
);

function bodyInput(dice: Dice): Uint8Array {
  const type = dice.pick(MESSAGE_TYPES);
  const body = (bodies.get(type) as (dice: Dice) => Uint8Array)(dice);
  return Buffer.concat([Buffer.from(dice.oneIn(20) ? dice.pick(MESSAGE_TYPES) : type), body]);
}

/** Several frames in a row, some with changed bodies under right lengths, then perhaps changed as bytes. */
function streamInput(dice: Dice): Uint8Array {
  const streams = Array.from({ length: 1 + dice.size(6) }, () => {
    if (dice.oneIn(3)) return dice.pick(ALL);
    const body = bodyInput(dice);
    const length = hex('00000000') as Buffer;
    length.writeUInt32LE(body.length);
    return Buffer.concat([length, body]);
  });
  const stream = Uint8Array.from(Buffer.concat(streams));
  return dice.oneIn(2) ? stream : changed([stream])(dice);
}

export const FRAME_TARGETS: readonly Target[] = [
  { name: 'frame', input: streamInput, open: reader(readStream, () => false) },
  { name: 'body', input: bodyInput, open: reader(readBody, isProtocolError) },
];
