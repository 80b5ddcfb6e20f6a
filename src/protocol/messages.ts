/**
 * The messages between nodes: one table of their bodies (section 7), from which the types, the encoder and the decoder
 * follow. Field names are those on the wire. Blocks, transactions, certificates, proposals and votes are byte strings
 * here; whoever handles a message decodes them.
 */
import { Packr, Unpackr } from 'msgpackr';
import { type Address, fromHex, type Hash, toHex } from './bytes.js';
import { malformed } from './errors.js';

/** How one kind of field stands in a body. `read` throws ProtocolError MALFORMED for anything it does not expect. */
interface Field<T> {
  read(value: unknown, name: string): T;
  write(value: T): unknown;
}

const MAX_TEXT = 255;

const integer: Field<number> = {
  read(value, name) {
    const number = typeof value === 'bigint' ? Number(value) : value;
    if (typeof number !== 'number' || !Number.isSafeInteger(number) || number < 0)
      throw wrong(name, 'an integer');
    return number;
  },
  // msgpackr writes an integer of 2^32 or more as a float unless it is a BigInt.
  write: (value) => (value > 0xffffffff ? BigInt(value) : value),
};

const bool: Field<boolean> = {
  read(value, name) {
    if (typeof value !== 'boolean') throw wrong(name, 'a boolean');
    return value;
  },
  write: (value) => value,
};

/** A short text for people: it ends up in logs, so control characters are refused. */
const text: Field<string> = {
  read(value, name) {
    if (typeof value !== 'string' || value.length > MAX_TEXT || /\p{Cc}/u.test(value)) {
      throw wrong(name, `a text of at most ${MAX_TEXT} characters`);
    }
    return value;
  },
  write: (value) => value.slice(0, MAX_TEXT),
};

function bytes(length?: number): Field<Uint8Array> {
  return {
    read(value, name) {
      if (!(value instanceof Uint8Array) || (length !== undefined && value.length !== length)) {
        throw wrong(name, length === undefined ? 'bytes' : `${length} bytes`);
      }
      return value;
    },
    write: (value) =>
      Buffer.isBuffer(value) ? value : Buffer.from(value.buffer, value.byteOffset, value.byteLength),
  };
}

const address: Field<Address> = {
  read: (value, name) => toHex(bytes(20).read(value, name)),
  write: (value) => fromHex(value),
};

const hash: Field<Hash> = {
  read: (value, name) => toHex(bytes(32).read(value, name)),
  write: (value) => fromHex(value),
};

function nullable<T>(field: Field<T>): Field<T | null> {
  return {
    read: (value, name) => (value === null || value === undefined ? null : field.read(value, name)),
    write: (value) => (value === null ? null : field.write(value)),
  };
}

function list<T>(field: Field<T>): Field<readonly T[]> {
  return {
    read(value, name) {
      if (!Array.isArray(value)) throw wrong(name, 'a list');
      return value.map((element) => field.read(element, name));
    },
    write: (value) => value.map((element) => field.write(element)),
  };
}

function tuple<T extends readonly unknown[]>(...fields: { [I in keyof T]: Field<T[I]> }): Field<T> {
  return {
    read(value, name) {
      if (!Array.isArray(value) || value.length !== fields.length)
        throw wrong(name, `lists of ${fields.length}`);
      return fields.map((field, i) => field.read(value[i], name)) as unknown as T;
    },
    write: (value) => fields.map((field, i) => field.write(value[i] as never)),
  };
}

type Fields = Readonly<Record<string, Field<never>>>;
type BodyOf<F> = { readonly [K in keyof F]: F[K] extends Field<infer T> ? T : never };

function map<F extends Readonly<Record<string, unknown>>>(fields: F): Field<BodyOf<F>> {
  const entries = Object.entries(fields as unknown as Fields).sort(([a], [b]) => (a < b ? -1 : 1));
  return {
    read(value, name) {
      if (
        typeof value !== 'object' ||
        value === null ||
        Array.isArray(value) ||
        value instanceof Uint8Array
      ) {
        throw wrong(name, 'a map');
      }
      const body = value as Record<string, unknown>;
      return Object.fromEntries(
        entries.map(([key, field]) => [key, field.read(body[key], key)]),
      ) as BodyOf<F>;
    },
    write: (value) =>
      Object.fromEntries(
        entries.map(([key, field]) => [key, field.write((value as Record<string, never>)[key] as never)]),
      ),
  };
}

function wrong(name: string, expected: string): Error {
  return malformed(`${name} must be ${expected}`);
}

const role: Field<'basic' | 'validator'> = {
  read(value, name) {
    if (value !== 'basic' && value !== 'validator') throw wrong(name, '"basic" or "validator"');
    return value;
  },
  write: (value) => value,
};

const identity = { address, public_key: bytes(), node_type: role, port: integer, agent: text };

const BODIES = {
  /** Opens a connection. network_id and genesis_id are nil if and only if the opener has no genesis. */
  HEY: map({
    version: integer,
    request_id: integer,
    network_id: nullable(integer),
    genesis_id: nullable(hash),
    ...identity,
    challenge: bytes(32),
  }),
  /** Answers HEY; the opener's last ACK carries request_id, height, time and signature only. */
  ACK: map({
    request_id: integer,
    address: nullable(address),
    public_key: nullable(bytes()),
    node_type: nullable(role),
    port: nullable(integer),
    agent: nullable(text),
    height: integer,
    time: integer,
    genesis_id: nullable(hash),
    challenge: nullable(bytes(32)),
    signature: bytes(),
  }),
  /** The genesis block, for a peer whose HEY had none. */
  GLK: map({ block: bytes() }),
  /** What is your height? Ours is block_number. */
  RBH: map({ request_id: integer, block_number: integer }),
  BLH: map({ request_id: integer, block_number: integer, block_id: hash }),
  RBL: map({ request_id: integer, start_from_block: integer, count: integer }),
  /** Consecutive blocks with their certificates (nil for genesis), as many as fit in a frame. */
  ABL: map({
    request_id: integer,
    blocks: list(tuple<[Uint8Array, Uint8Array | null]>(bytes(), nullable(bytes()))),
  }),
  TXN: map({ txns: list(bytes()) }),
  /** A block that is final. */
  BLK: map({ block: bytes(), certificate: bytes() }),
  PRP: map({ proposal: bytes() }),
  VOT: map({ vote: bytes() }),
  /** Which round are you in, and this is all I hold of this height: per round, type (0 proposal, 1, 2) and block. */
  LDR: map({
    request_id: integer,
    address,
    height: integer,
    round: integer,
    holds: list(tuple<[number, number, Uint8Array, Hash | null]>(integer, integer, bytes(), nullable(hash))),
  }),
  ADR: map({
    request_id: integer,
    address,
    height: integer,
    round: integer,
    proposals: list(bytes()),
    votes: list(bytes()),
    more: bool,
  }),
  PNG: map({ request_id: integer }),
  PON: map({ request_id: integer, time: integer }),
  RPR: map({ request_id: integer }),
  /** Hints only: nothing here is believed before a handshake. */
  PRS: map({ request_id: integer, peers: list(map({ id: address, ip: text, port: integer })) }),
  /** Why I hang up. */
  BYE: map({ code: text, reason: text }),
};

export type MessageType = keyof typeof BODIES;
export type MessageBody<T extends MessageType> = (typeof BODIES)[T] extends Field<infer B> ? B : never;
/** One message: `type` is the frame's header, the rest its body. */
export type Message = { [T in MessageType]: { readonly type: T } & MessageBody<T> }[MessageType];
export type MessageOf<T extends MessageType> = Extract<Message, { type: T }>;

/** The reasons that BYE gives. */
export const BYE_CODES = [
  'BAD_VERSION',
  'WRONG_NETWORK',
  'BAD_KEY',
  'BAD_SIGNATURE',
  'NOT_ALLOWED',
  'TOO_MANY_PEERS',
  'DUPLICATE',
  'PROTOCOL_ERROR',
  'TOO_SLOW',
  'STOPPING',
] as const;
export type ByeCode = (typeof BYE_CODES)[number];

const packr = new Packr({ useRecords: false, variableMapSize: true });
const unpackr = new Unpackr({ useRecords: false, mapsAsObjects: true, int64AsType: 'bigint' });

export function isMessageType(header: string): header is MessageType {
  return Object.hasOwn(BODIES, header);
}

/** The body's MessagePack, keys sorted. */
export function encodeBody(message: Message): Uint8Array {
  return packr.pack((BODIES[message.type] as Field<Message>).write(message));
}

/**
 * Reads a body; keys that are not in the table are ignored, byte strings are views into `bytes`.
 * @throws ProtocolError MALFORMED
 */
export function decodeBody(type: MessageType, bytes: Uint8Array): Message {
  let value: unknown;
  try {
    value = unpackr.unpack(bytes);
  } catch {
    // msgpackr throws what it likes for bytes that are no MessagePack, a RangeError for too deep a nesting included.
    throw malformed(`the body of ${type} is not MessagePack`);
  }
  return { type, ...(BODIES[type] as Field<object>).read(value, type) } as Message;
}
