/**
 * The messages between nodes: one table of their bodies (section 7), from which the types, the encoder and the decoder
 * follow. Field names are those on the wire. Blocks, transactions, certificates, proposals and votes are byte strings
 * here; whoever handles a message decodes them.
 */
import { BodyReader } from './body-reader.js';
import type { BodyWriter } from './body-writer.js';
import { type Address, fromHex, type Hash, toHex } from './bytes.js';
import { encode } from './encoding.js';
import { malformed } from './errors.js';

/** No frame is longer, header included (section 7). */
export const MAX_FRAME_BYTES = 3_000_000;

/** How one kind of field stands in a body. `read` throws ProtocolError MALFORMED for anything it does not expect. */
interface Field<T> {
  read(reader: BodyReader, name: string): T;
  write(writer: BodyWriter, value: T): void;
  /** What an absent key means; a field without this must be there. */
  readonly absent?: { readonly value: T };
}

/** A field whose key is left out when the value is undefined. */
interface OptionalField<T> extends Field<T | undefined> {
  readonly optional: true;
}

const MAX_TEXT_CHARACTERS = 255;
const MAX_KEY_BYTES = 255;
/** In the place of a value whose key has not come. */
const NOT_FOUND = Symbol('not found');

const integer: Field<number> = {
  read: (reader, name) => reader.integer(name),
  write: (writer, value) => writer.value(value),
};

const bool: Field<boolean> = {
  read: (reader, name) => reader.bool(name),
  write: (writer, value) => writer.value(value),
};

/** A short text for people. It ends up in logs and on terminals, so control characters are refused. */
const text: Field<string> = {
  read(reader, name) {
    const value = reader.text(name, MAX_TEXT_CHARACTERS * 4);
    if (value.length > MAX_TEXT_CHARACTERS || /\p{Cc}/u.test(value)) {
      throw wrong(name, `a text of at most ${MAX_TEXT_CHARACTERS} printable characters`);
    }
    return value;
  },
  // Ours may quote an error message, or a peer: made fit rather than refused, so that a BYE always leaves.
  write: (writer, value) =>
    writer.value(
      value
        .replaceAll(/\p{Cc}/gu, ' ')
        .slice(0, MAX_TEXT_CHARACTERS)
        .toWellFormed(),
    ),
};

function bytes(length?: number): Field<Uint8Array> {
  return {
    read(reader, name) {
      const value = reader.bytes(name);
      if (length !== undefined && value.length !== length) throw wrong(name, `${length} bytes`);
      return value;
    },
    write: (writer, value) => writer.bytes(value),
  };
}

const address: Field<Address> = {
  read: (reader, name) => toHex(bytes(20).read(reader, name)),
  write: (writer, value) => writer.bytes(fromHex(value)),
};

const hash: Field<Hash> = {
  read: (reader, name) => toHex(bytes(32).read(reader, name)),
  write: (writer, value) => writer.bytes(fromHex(value)),
};

const role: Field<'basic' | 'validator'> = {
  read(reader, name) {
    const value = reader.text(name, MAX_TEXT_CHARACTERS);
    if (value !== 'basic' && value !== 'validator') throw wrong(name, '"basic" or "validator"');
    return value;
  },
  write: (writer, value) => writer.value(value),
};

/** Written as nil; an absent key is read as nil too. */
function nullable<T>(field: Field<T>): Field<T | null> {
  return {
    read: (reader, name) => (reader.nil() ? null : field.read(reader, name)),
    write: (writer, value) => (value === null ? writer.value(null) : field.write(writer, value)),
    absent: { value: null },
  };
}

function optional<T>(field: Field<T>): OptionalField<T> {
  return {
    read: (reader, name) => (reader.nil() ? undefined : field.read(reader, name)),
    write: (writer, value) => value !== undefined && field.write(writer, value),
    absent: { value: undefined },
    optional: true,
  };
}

function list<T>(field: Field<T>, maxCount: number): Field<readonly T[]> {
  return {
    read(reader, name) {
      const count = reader.list(name);
      if (count > maxCount) throw wrong(name, `a list of at most ${maxCount}`);
      const values: T[] = [];
      for (let i = 0; i < count; i++) values.push(field.read(reader, name));
      return values;
    },
    write(writer, values) {
      writer.list(values.length);
      for (const value of values) field.write(writer, value);
    },
  };
}

function tuple<T extends readonly unknown[]>(...fields: { [I in keyof T]: Field<T[I]> }): Field<T> {
  return {
    read(reader, name) {
      if (reader.list(name) !== fields.length) throw wrong(name, `lists of ${fields.length}`);
      return fields.map((field) => field.read(reader, name)) as unknown as T;
    },
    write(writer, values) {
      writer.list(fields.length);
      fields.forEach((field, i) => {
        field.write(writer, values[i] as never);
      });
    },
  };
}

type ValueOf<F> = F extends OptionalField<infer T> ? T : F extends Field<infer T> ? T : never;
type BodyOf<F> = {
  readonly [K in keyof F as F[K] extends { readonly optional: true } ? never : K]: ValueOf<F[K]>;
} & {
  readonly [K in keyof F as F[K] extends { readonly optional: true } ? K : never]?: ValueOf<F[K]>;
};

/** Keys sorted when written; read in any order, each once, unknown ones ignored. */
function map<F extends object>(table: F): Field<BodyOf<F>> {
  const fields = Object.entries(table as Record<string, Field<unknown>>)
    .sort(([a], [b]) => (a < b ? -1 : 1))
    .map(([key, field]) => ({ key, encodedKey: encode(key), field }));
  /**
   * Where the field of the next key stands, -1 for an unknown key. Mostly it is the `likely` one, behind that of the key
   * before, as whoever sorts them writes them.
   */
  function place(reader: BodyReader, name: string, likely: number): number {
    const next = fields[likely];
    if (next !== undefined && reader.passes(next.encodedKey)) return likely;
    const key = reader.text(`a key of ${name}`, MAX_KEY_BYTES);
    return fields.findIndex((field) => field.key === key);
  }
  return {
    read(reader, name) {
      const values: unknown[] = fields.map(() => NOT_FOUND);
      let at = -1;
      for (let pairs = reader.map(name); pairs > 0; pairs--) {
        at = place(reader, name, at + 1);
        const named = fields[at];
        if (named === undefined) reader.skip();
        else if (values[at] !== NOT_FOUND) throw malformed(`${name} has ${named.key} twice`);
        else values[at] = named.field.read(reader, named.key);
      }
      const body: Record<string, unknown> = {};
      for (const [i, { key, field }] of fields.entries()) {
        if (values[i] === NOT_FOUND && field.absent === undefined) throw malformed(`${name} lacks ${key}`);
        const value = values[i] === NOT_FOUND ? field.absent?.value : values[i];
        if (value !== undefined) body[key] = value;
      }
      return body as BodyOf<F>;
    },
    write(writer, value) {
      const body = value as Readonly<Record<string, unknown>>;
      const present = fields.filter(({ key }) => body[key] !== undefined);
      writer.map(present.length);
      for (const { key, encodedKey, field } of present) {
        writer.encoded(encodedKey);
        field.write(writer, body[key]);
      }
    },
  };
}

function wrong(name: string, expected: string): Error {
  return malformed(`${name} must be ${expected}`);
}

/** How many things of at least `minBytes` a frame can hold: a list of more is of things that mean nothing. */
function fitting(minBytes: number): number {
  return Math.floor(MAX_FRAME_BYTES / minBytes);
}

/** What carries a signature has the 256 bytes of the shortest one at least (section 2). */
const MAX_SIGNED = fitting(256);
const MAX_BLOCKS = fitting(200);
const MAX_PEERS = fitting(32);
/** Enough for a height that stands still for days at the longest timeouts. */
export const MAX_HOLDS = 65_536;

const BODIES = {
  /** Opens a connection. network_id and genesis_id are nil if and only if the opener has no genesis. */
  HEY: map({
    version: integer,
    request_id: integer,
    network_id: nullable(integer),
    genesis_id: nullable(hash),
    address,
    public_key: bytes(),
    node_type: role,
    port: integer,
    agent: text,
    challenge: bytes(32),
  }),
  /** Answers HEY with all of it; the opener's last ACK has the four fields that are not optional. */
  ACK: map({
    request_id: integer,
    address: optional(address),
    public_key: optional(bytes()),
    node_type: optional(role),
    port: optional(integer),
    agent: optional(text),
    height: integer,
    time: integer,
    genesis_id: optional(hash),
    challenge: optional(bytes(32)),
    signature: bytes(),
  }),
  /** The genesis block, for a peer whose HEY had none. */
  GLK: map({ block: bytes() }),
  /** What is your height? Ours is block_number. */
  RBH: map({ request_id: integer, block_number: integer }),
  /** `snapshot` is the block of the newest snapshot that is to be had; left out if there is none. */
  BLH: map({ request_id: integer, block_number: integer, block_id: hash, snapshot: optional(integer) }),
  RBL: map({ request_id: integer, start_from_block: integer, count: integer }),
  /**
   * Consecutive blocks with their certificates (nil for genesis), as many as fit in a frame. `base` is there if the next
   * one is final but kept no longer: of the blocks above genesis only those above `base` are to be had.
   */
  ABL: map({
    request_id: integer,
    base: optional(integer),
    blocks: list(tuple<[Uint8Array, Uint8Array | null]>(bytes(), nullable(bytes())), MAX_BLOCKS),
  }),
  TXN: map({ txns: list(bytes(), MAX_SIGNED) }),
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
    holds: list(
      tuple<[number, number, Uint8Array, Hash | null]>(integer, integer, bytes(), nullable(hash)),
      MAX_HOLDS,
    ),
  }),
  ADR: map({
    request_id: integer,
    address,
    height: integer,
    round: integer,
    proposals: list(bytes(), MAX_SIGNED),
    votes: list(bytes(), MAX_SIGNED),
    more: bool,
  }),
  /** Of which block is your snapshot of block_number? Only to one who named it in a BLH. */
  RSN: map({ request_id: integer, block_number: integer }),
  /** Its sealed header and certificate; both nil if there is no such snapshot (any more). */
  ASN: map({ request_id: integer, header: nullable(bytes()), certificate: nullable(bytes()) }),
  /** What has the state of that block below these first `depth` bits of keys? */
  RSP: map({ request_id: integer, block_number: integer, depth: integer, prefix: bytes() }),
  /** Its accounts, or the subtrees it consists of (see state-part.ts); both nil if there is no such snapshot. */
  ASP: map({ request_id: integer, subtrees: nullable(bytes()), accounts: nullable(bytes()) }),
  PNG: map({ request_id: integer }),
  PON: map({ request_id: integer, time: integer }),
  RPR: map({ request_id: integer }),
  /** Hints only: nothing here is believed before a handshake. */
  PRS: map({
    request_id: integer,
    peers: list(map({ id: address, ip: text, port: integer }), MAX_PEERS),
  }),
  /** Why I hang up. */
  BYE: map({ code: text, reason: text }),
};

export type MessageType = keyof typeof BODIES;
export type MessageBody<T extends MessageType> = ValueOf<(typeof BODIES)[T]>;
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

export const MESSAGE_TYPES = Object.keys(BODIES) as readonly MessageType[];

export function isMessageType(header: string): header is MessageType {
  return Object.hasOwn(BODIES, header);
}

/**
 * Writes the body's MessagePack, keys sorted.
 * @throws TypeError for a value that has no encoding: ours to avoid
 */
export function writeBody(message: Message, writer: BodyWriter): void {
  (BODIES[message.type] as Field<Message>).write(writer, message);
}

/**
 * Reads a body. Keys that are not in the table are ignored; byte strings are views into `bytes`.
 * @throws ProtocolError MALFORMED
 */
export function decodeBody(type: MessageType, bytes: Uint8Array): Message {
  const reader = new BodyReader(bytes);
  const body = (BODIES[type] as Field<object>).read(reader, type);
  if (reader.remaining > 0) throw malformed(`${reader.remaining} bytes after the body of ${type}`);
  return { type, ...body } as Message;
}
