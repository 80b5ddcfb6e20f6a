/**
 * What discovery service and client say to each other: JSON commands on POST /. `add` and `remove` are signed by the
 * key of the peer they are about; `get_all` is not, as what it gives is public and only a hint.
 */
import {
  type Address,
  concat,
  fromBase64,
  fromHex,
  type Hash,
  isAddress,
  isHash,
} from '../protocol/bytes.js';
import { encode } from '../protocol/encoding.js';
import { tag } from '../protocol/hash.js';
import { choice, integer, object, optional, type Schema, SchemaError, text } from '../protocol/schema.js';
import type { Json, JsonObject } from '../protocol/strict-json.js';
import { DiscoveryError } from './errors.js';

/** A member of a network, and where it says that it can be reached. */
export interface Member {
  readonly id: Address;
  /** An IP address or a host name. */
  readonly ip: string;
  readonly port: number;
}

/** How long an entry lives unless it is renewed. */
export const ENTRY_LIFE_MS = 120_000;
/** How far a command's time may be from the service's clock. */
export const MAX_TIME_OFF_MS = 300_000;

/** What the peer's key signs. */
export interface SignedParts {
  readonly command: 'add' | 'remove';
  readonly network: Hash;
  readonly address: Address;
  /** Null in `remove`. */
  readonly ip: string | null;
  readonly port: number | null;
  /** Milliseconds of the peer's clock. */
  readonly time: number;
}

export interface SignedCommand extends SignedParts {
  readonly publicKey: Uint8Array;
  readonly signature: Uint8Array;
}

export type Command = SignedCommand | { readonly command: 'get_all'; readonly network: Hash };

const TAG = tag('ccoin/discovery');

export function signedBytes({ command, network, address, ip, port, time }: SignedParts): Uint8Array {
  return concat(TAG, encode([command, fromHex(network), fromHex(address), ip, port, time]));
}

/** Enough for any name or address, and nothing that could break out of a log line or a URL. */
const HOST = /^[a-zA-Z0-9_](?:[a-zA-Z0-9._-]{0,252})$|^[0-9a-fA-F:.]{2,45}$/;

const network = text('a genesis id of 64 lower-case hex digits', isHash);
const id = text('an address of 40 lower-case hex digits', isAddress);
const bytes = text('standard base64', (value) => fromBase64(value) !== undefined);

const memberObject = object({
  id,
  ip: text('a host name or IP address', (value) => HOST.test(value)),
  port: integer(1, 65_535),
});
/** A member as JSON has it; also what a client believes of an answer. */
export const MEMBER: Schema<Member> = {
  ...memberObject,
  read: (value, path) => memberObject.read(pick(value, ['id', 'ip', 'port']), path),
};

const proof = { time: optional(integer()), public_key: optional(bytes), signature: optional(bytes) };
const COMMAND = { command: choice('add', 'remove', 'get_all') };
const ADD = { ...COMMAND, network, peer: MEMBER, ...proof };
const REMOVE = { ...COMMAND, network, peer_id: id, ...proof };
const GET_ALL = { ...COMMAND, network };

/**
 * The command in a request's body. Keys that it has no use for are ignored.
 * @throws DiscoveryError MALFORMED or UNSIGNED
 */
export function readCommand(body: Json): Command {
  const { command } = read(COMMAND, body);
  if (command === 'get_all') return { command, network: read(GET_ALL, body).network };
  if (command === 'remove') {
    const { network, peer_id, ...rest } = read(REMOVE, body);
    return { ...readProof(rest), command, network, address: peer_id, ip: null, port: null };
  }
  const { network, peer, ...rest } = read(ADD, body);
  return { ...readProof(rest), command, network, address: peer.id, ip: peer.ip, port: peer.port };
}

function readProof(given: {
  readonly time?: number | undefined;
  readonly public_key?: string | undefined;
  readonly signature?: string | undefined;
}): { time: number; publicKey: Uint8Array; signature: Uint8Array } {
  const { time, public_key, signature } = given;
  if (time === undefined || public_key === undefined || signature === undefined) {
    throw new DiscoveryError('UNSIGNED', 'add and remove need time, public_key and signature');
  }
  return {
    time,
    publicKey: fromBase64(public_key) as Uint8Array,
    signature: fromBase64(signature) as Uint8Array,
  };
}

function read<F extends Readonly<Record<string, Schema<unknown>>>>(fields: F, body: Json) {
  try {
    return object(fields).read(pick(body, Object.keys(fields)), '');
  } catch (error) {
    if (error instanceof SchemaError) {
      throw new DiscoveryError('MALFORMED', error.message.replace('the file', 'the request'));
    }
    throw error;
  }
}

function pick(body: Json, keys: readonly string[]): Json {
  if (typeof body !== 'object' || body === null || Array.isArray(body)) return body;
  const given = body as JsonObject;
  return Object.fromEntries(
    keys.filter((key) => Object.hasOwn(given, key)).map((key) => [key, given[key] as Json]),
  );
}
