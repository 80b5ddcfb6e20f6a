import { readFileSync } from 'node:fs';
import fc from 'fast-check';
import { pack, unpack } from 'msgpackr';
import { describe, expect, it } from 'vitest';
import { fromHex, toHex } from '../../../src/protocol/bytes.js';
import { ProtocolError } from '../../../src/protocol/errors.js';
import {
  encodeFrame,
  type Frame,
  FrameReader,
  MAX_FRAME_BYTES,
  MAX_HANDSHAKE_FRAME_BYTES,
} from '../../../src/protocol/frame.js';
import {
  BYE_CODES,
  decodeBody,
  MESSAGE_TYPES,
  type Message,
  type MessageType,
} from '../../../src/protocol/messages.js';

const vectors = JSON.parse(readFileSync(new URL('../../vectors/frames.json', import.meta.url), 'utf8')) as {
  frames: { header: MessageType; frame: string }[];
};

function framesOf(chunks: readonly Uint8Array[], maxFrameBytes = MAX_FRAME_BYTES): Frame[] {
  const reader = new FrameReader();
  reader.maxFrameBytes = maxFrameBytes;
  const frames: Frame[] = [];
  for (const chunk of chunks) {
    reader.push(chunk);
    for (let frame = reader.next(); frame !== undefined; frame = reader.next()) frames.push(frame);
  }
  return frames;
}

function decodeFrame(frame: Uint8Array): Message {
  const [only] = framesOf([frame]);
  if (only === undefined) throw new Error('no frame');
  return decodeBody(only.type, only.body);
}

function frameOf(header: string, body: Uint8Array, length = 3 + body.length): Uint8Array {
  const frame = Buffer.alloc(7 + body.length);
  frame.writeUInt32LE(length);
  frame.write(header, 4, 'latin1');
  frame.set(body, 7);
  return frame;
}

function expectMalformed(action: () => unknown): void {
  expect(action).toThrowError(expect.objectContaining({ name: 'ProtocolError', code: 'MALFORMED' }));
}

const bytes = fc.uint8Array({ maxLength: 400 });
const exactly = (length: number) => fc.uint8Array({ minLength: length, maxLength: length });
const address = exactly(20).map(toHex);
const hash = exactly(32).map(toHex);
const integer = fc.oneof(fc.nat(300), fc.nat(2 ** 31 - 1), fc.maxSafeNat());
const text = fc.string({ unit: 'grapheme', maxLength: 60 }).filter((value) => !/\p{Cc}/u.test(value));
const role = fc.constantFrom('basic' as const, 'validator' as const);
const nil = <T>(arbitrary: fc.Arbitrary<T>) => fc.option(arbitrary, { nil: null });
const identity = { address, public_key: bytes, node_type: role, port: integer, agent: text };
const asked = { request_id: integer };

const messages: { [T in MessageType]: fc.Arbitrary<object> } = {
  HEY: fc.record({
    version: integer,
    ...asked,
    network_id: nil(integer),
    genesis_id: nil(hash),
    ...identity,
    challenge: exactly(32),
  }),
  ACK: fc.oneof(
    fc.record({
      ...asked,
      ...identity,
      height: integer,
      time: integer,
      genesis_id: hash,
      challenge: exactly(32),
      signature: bytes,
    }),
    fc.record({ ...asked, height: integer, time: integer, signature: bytes }),
  ),
  GLK: fc.record({ block: bytes }),
  RBH: fc.record({ ...asked, block_number: integer }),
  BLH: fc.record(
    { ...asked, block_number: integer, block_id: hash, snapshot: integer },
    { requiredKeys: ['request_id', 'block_number', 'block_id'] },
  ),
  RBL: fc.record({ ...asked, start_from_block: integer, count: integer }),
  ABL: fc.record(
    { ...asked, base: integer, blocks: fc.array(fc.tuple(bytes, nil(bytes))) },
    { requiredKeys: ['request_id', 'blocks'] },
  ),
  TXN: fc.record({ txns: fc.array(bytes, { maxLength: 40 }) }),
  BLK: fc.record({ block: bytes, certificate: bytes }),
  PRP: fc.record({ proposal: bytes }),
  VOT: fc.record({ vote: bytes }),
  LDR: fc.record({
    ...asked,
    address,
    height: integer,
    round: integer,
    holds: fc.array(fc.tuple(integer, integer, bytes, nil(hash))),
  }),
  ADR: fc.record({
    ...asked,
    address,
    height: integer,
    round: integer,
    proposals: fc.array(bytes),
    votes: fc.array(bytes),
    more: fc.boolean(),
  }),
  RSN: fc.record({ ...asked, block_number: integer }),
  ASN: fc.record({ ...asked, header: nil(bytes), certificate: nil(bytes) }),
  RSP: fc.record({ ...asked, block_number: integer, depth: integer, prefix: bytes }),
  ASP: fc.record({ ...asked, subtrees: nil(bytes), accounts: nil(bytes) }),
  PNG: fc.record(asked),
  PON: fc.record({ ...asked, time: integer }),
  RPR: fc.record(asked),
  PRS: fc.record({ ...asked, peers: fc.array(fc.record({ id: address, ip: text, port: integer })) }),
  BYE: fc.record({ code: fc.constantFrom(...BYE_CODES), reason: text }),
};

const anyMessage = fc.oneof(
  ...MESSAGE_TYPES.map((type) => messages[type].map((body) => ({ type, ...body }) as Message)),
);

/** Messages compared by value: byte strings are views of buffers of different kinds. */
function plain(value: unknown): unknown {
  if (value instanceof Uint8Array) return `bytes ${toHex(value)}`;
  if (Array.isArray(value)) return value.map(plain);
  if (typeof value !== 'object' || value === null) return value;
  return Object.fromEntries(Object.entries(value).map(([key, field]) => [key, plain(field)]));
}

describe('frames (section 7)', () => {
  it.each(vectors.frames)('vector $header is read, and written byte for byte', ({ header, frame }) => {
    const message = decodeFrame(fromHex(frame));
    expect(message.type).toBe(header);
    expect(toHex(encodeFrame(message))).toBe(frame);
  });

  it('reads back every message it writes', () => {
    fc.assert(
      fc.property(anyMessage, (message) => {
        expect(plain(decodeFrame(encodeFrame(message)))).toEqual(plain(message));
      }),
      { numRuns: 500 },
    );
  });

  it('writes what another MessagePack implementation reads, keys sorted', () => {
    fc.assert(
      fc.property(anyMessage, (message) => {
        const body = unpack(encodeFrame(message).subarray(7)) as object;
        expect(Object.keys(body)).toEqual(Object.keys(body).sort());
        expect(Object.keys(body).sort()).toEqual(
          Object.keys(message)
            .filter((key) => key !== 'type')
            .sort(),
        );
      }),
    );
  });

  it('gives the same frames however the stream is cut', () => {
    fc.assert(
      fc.property(
        fc.array(anyMessage, { minLength: 1, maxLength: 6 }),
        fc.array(fc.integer({ min: 1, max: 200 }), { minLength: 1 }),
        (list, sizes) => {
          const stream = Buffer.concat(list.map(encodeFrame));
          const chunks: Uint8Array[] = [];
          for (let at = 0, i = 0; at < stream.length; i++) {
            const size = sizes[i % sizes.length] as number;
            chunks.push(stream.subarray(at, at + size));
            at += size;
          }
          expect(framesOf(chunks).map(plain)).toEqual(framesOf([stream]).map(plain));
          expect(framesOf(chunks)).toHaveLength(list.length);
        },
      ),
    );
  });

  it('hands out bodies that share no memory with the stream or each other', () => {
    const stream = Buffer.concat([1, 2].map((request_id) => encodeFrame({ type: 'PNG', request_id })));
    const [first, second] = framesOf([stream]);
    expect(first?.body.buffer.byteLength).toBe(first?.body.length);
    expect(first?.body.buffer).not.toBe(second?.body.buffer);
  });

  it('judges a header before the body is there', () => {
    const header = (length: number, type: string) => {
      const reader = new FrameReader();
      reader.push(frameOf(type, new Uint8Array(0), length));
      return () => reader.next();
    };
    expectMalformed(header(0, 'PNG'));
    expectMalformed(header(2, 'PNG'));
    expectMalformed(header(0xffffffff, 'PNG'));
    expectMalformed(header(MAX_HANDSHAKE_FRAME_BYTES + 1, 'HEY'));
    expect(header(MAX_HANDSHAKE_FRAME_BYTES, 'HEY')()).toBeUndefined();
    for (const type of ['XYZ', 'png', '\0\0\0', 'toS', '__p', 'ÿÿÿ']) expectMalformed(header(20, type));
  });

  it('takes the longest frame after the handshake, and none longer', () => {
    const fits = encodeFrame({ type: 'GLK', block: new Uint8Array(MAX_FRAME_BYTES - 3 - 7 - 5) });
    expect(fits.length).toBe(MAX_FRAME_BYTES + 4);
    expect(framesOf([fits])).toHaveLength(1);
    expectMalformed(() => framesOf([frameOf('GLK', new Uint8Array(0), MAX_FRAME_BYTES + 1)]));
    expect(() => encodeFrame({ type: 'GLK', block: new Uint8Array(MAX_FRAME_BYTES) })).toThrow(/fit/);
  });

  it('holds a small multiple of what arrived, whatever the frame declares', () => {
    const reader = new FrameReader();
    reader.maxFrameBytes = MAX_FRAME_BYTES;
    const before = process.memoryUsage().arrayBuffers;
    const readers = Array.from({ length: 200 }, () => {
      const one = new FrameReader();
      one.maxFrameBytes = MAX_FRAME_BYTES;
      one.push(frameOf('ABL', new Uint8Array(10), MAX_FRAME_BYTES));
      expect(one.next()).toBeUndefined();
      return one;
    });
    expect(readers).toHaveLength(200);
    expect(process.memoryUsage().arrayBuffers - before).toBeLessThan(10_000_000);
  });

  it('moves each byte a bounded number of times: one byte at a time is not quadratic', () => {
    const frame = encodeFrame({ type: 'GLK', block: new Uint8Array(300_000) });
    const chunks = Array.from(frame, (byte) => Uint8Array.of(byte));
    expect(framesOf(chunks)).toHaveLength(1);
  });
});

describe('bodies', () => {
  const packed = (value: unknown) => new Uint8Array(pack(value));

  it('take keys in any order, ignore unknown ones whatever they hold, and read any form of an integer', () => {
    const body = Buffer.concat([
      Buffer.from([0x85]),
      packed('zeta'),
      packed({ deep: [new Date(), 1.5, -7, { a: null }, 'x'.repeat(300), Buffer.alloc(70_000)] }),
      packed('time'),
      Buffer.from('d30000000000000005', 'hex'),
      packed('__proto__'),
      packed({ polluted: true }),
      packed('request_id'),
      Buffer.from('ce00000007', 'hex'),
      packed('constructor'),
      packed(1),
    ]);
    const message = decodeBody('PON', body);
    expect(message).toEqual({ type: 'PON', request_id: 7, time: 5 });
    expect(Object.getPrototypeOf(message)).toBe(Object.prototype);
    expect('polluted' in {}).toBe(false);
  });

  it('read a key that is not in its shortest form', () => {
    const key = Buffer.from('request_id');
    const body = Buffer.concat([Buffer.of(0x81, 0xd9, key.length), key, packed(7)]);
    expect(decodeBody('PNG', body)).toEqual({ type: 'PNG', request_id: 7 });
  });

  it('read absent optional keys of the last ACK as undefined, and absent nullable ones as nil', () => {
    const last = { request_id: 1, height: 2, time: 3, signature: Buffer.alloc(256) };
    expect(Object.keys(decodeBody('ACK', packed(last))).sort()).toEqual(
      ['height', 'request_id', 'signature', 'time', 'type'].sort(),
    );
    expect(encodeFrame({ type: 'ACK', ...last }).length).toBeLessThan(320);
  });

  const nested = (head: number[], depth: number) =>
    Buffer.concat([
      Buffer.from([0x81, 0xa4, ...Buffer.from('txns')]),
      Buffer.alloc(depth, Buffer.from(head)),
    ]);
  const refused: Record<string, [MessageType, Uint8Array]> = {
    'an empty body': ['PNG', new Uint8Array(0)],
    'a body that is no map': ['PNG', packed([1])],
    'a body cut short': ['GLK', packed({ block: Buffer.alloc(50) }).subarray(0, 30)],
    'bytes after the body': ['PNG', Buffer.concat([packed({ request_id: 1 }), Buffer.of(0)])],
    'a missing key': ['PON', packed({ request_id: 1 })],
    'the same key twice': [
      'PNG',
      Buffer.concat([Buffer.of(0x82), ...twice(packed('request_id'), packed(1))]),
    ],
    'the same key twice, another in between': [
      'PON',
      Buffer.concat([
        Buffer.of(0x83),
        ...['time', 'request_id', 'time'].flatMap((key) => [packed(key), packed(1)]),
      ]),
    ],
    'an optional key twice, nil at first': [
      'ACK',
      Buffer.concat([
        Buffer.of(0x86),
        ...Object.entries({ height: 1, request_id: 1, signature: Buffer.alloc(1), time: 1 }).flatMap(
          ([key, value]) => [packed(key), packed(value)],
        ),
        ...[packed('port'), packed(null), packed('port'), packed(1)],
      ]),
    ],
    'a key that is no text': ['PNG', Buffer.concat([Buffer.of(0x81), packed(5), packed(5)])],
    'a float for an integer': ['PNG', Buffer.from(`81${'aa726571756573745f6964'}cb4014000000000000`, 'hex')],
    'a negative integer': ['PNG', packed({ request_id: -1 })],
    'an integer above 2^53-1': ['PNG', packed({ request_id: 2n ** 53n })],
    'nil for an integer': ['PNG', packed({ request_id: null })],
    'a text for bytes': ['GLK', packed({ block: 'abc' })],
    'an extension for bytes': ['GLK', packed({ block: new Date() })],
    'an address of 21 bytes': [
      'PRS',
      packed({ request_id: 1, peers: [{ id: Buffer.alloc(21), ip: '', port: 1 }] }),
    ],
    'a list for a map': ['PRS', packed({ request_id: 1, peers: [[]] })],
    'a tuple of another length': ['ABL', packed({ request_id: 1, blocks: [[Buffer.alloc(1)]] })],
    'control characters in a text': ['BYE', packed({ code: 'X', reason: 'a\u001b[2J' })],
    'a text that is too long': ['BYE', packed({ code: 'X', reason: 'x'.repeat(256) })],
    'ill-formed UTF-8': ['BYE', Buffer.from('82a4636f6465a1ffa6726561736f6ea0', 'hex')],
    'a list of 2^32-1': ['TXN', Buffer.from('81a474786e73ddffffffff', 'hex')],
    'a map of 2^32-1': ['TXN', Buffer.from('dfffffffff', 'hex')],
    'bytes of 2^32-1': ['GLK', Buffer.from('81a5626c6f636bc6ffffffff', 'hex')],
    'an unknown key with a list of 2^32-1': ['PNG', Buffer.from('82a178ddffffffff', 'hex')],
    'lists nested without end in a known key': ['TXN', nested([0x91], 2_900_000)],
    'lists nested without end in an unknown key': ['PNG', nested([0x91], 2_900_000)],
    'a byte that begins no value': ['PNG', Buffer.from('81a178c1', 'hex')],
    'a million empty transactions': [
      'TXN',
      Buffer.concat([
        Buffer.from('81a474786e73dd000f4240', 'hex'),
        Buffer.alloc(2_000_000, Buffer.from('c400', 'hex')),
      ]),
    ],
  };
  function twice<T>(...values: T[]): T[] {
    return [...values, ...values];
  }
  it.each(Object.entries(refused))('refuse %s', (_, [type, body]) => {
    expectMalformed(() => decodeBody(type, body));
  });

  it('either mean something or are refused as MALFORMED: nothing else is thrown', () => {
    fc.assert(
      fc.property(fc.constantFrom(...MESSAGE_TYPES), bytes, fc.boolean(), (type, noise, asMap) => {
        const body = asMap ? Buffer.concat([Buffer.of(0x82), packed('request_id'), noise]) : noise;
        try {
          decodeBody(type, body);
        } catch (error) {
          expect(error).toBeInstanceOf(ProtocolError);
        }
      }),
      { numRuns: 2000 },
    );
  });

  it('with any one byte of a good frame changed are refused or read, never worse', () => {
    fc.assert(
      fc.property(anyMessage, fc.nat(), fc.integer({ min: 1, max: 255 }), (message, place, flip) => {
        const body = encodeFrame(message).slice(7);
        body[place % body.length] = (body[place % body.length] as number) ^ flip;
        try {
          decodeBody(message.type, body);
        } catch (error) {
          expect(error).toBeInstanceOf(ProtocolError);
        }
      }),
      { numRuns: 1000 },
    );
  });

  it('write texts of ours so that the other side takes them', () => {
    const reason = `broken\nby \u0007 ${'é'.repeat(300)}`;
    const message = decodeFrame(encodeFrame({ type: 'BYE', code: 'STOPPING', reason }));
    expect(message).toMatchObject({ type: 'BYE', code: 'STOPPING' });
    const cut = encodeFrame({ type: 'BYE', code: 'STOPPING', reason: `${'x'.repeat(254)}😀` });
    expect(() => decodeFrame(cut)).not.toThrow();
  });
});
