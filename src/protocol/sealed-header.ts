/**
 * A block without its transactions: header, nonce and seal, which is all that its id, its certificate and its children
 * rest on (section 5). What is left of a block of which only that is kept.
 *
 * ```
 * sealed header = enc([header, nonce, signature])
 * ```
 */
import { decodeHeader, type Header, miningHashOfBytes } from './block.js';
import { concat, type Hash } from './bytes.js';
import { malformed } from './errors.js';
import { Fields } from './fields.js';
import { blockIdOf } from './proof-of-work.js';

/** Decoded: well-formed, with nothing else checked. */
export interface SealedHeader {
  readonly bytes: Uint8Array;
  readonly header: Header;
  readonly nonce: number;
  /** Nil in genesis only. */
  readonly signature: Uint8Array | null;
  /** The block's. */
  readonly id: Hash;
}

/** A block's wire form begins as an array of four, a sealed header as one of three; what follows is the same. */
const ARRAY_OF_THREE = Uint8Array.of(0x93);
const ARRAY_OF_FOUR = Uint8Array.of(0x94);
const FIELDS = 3;

/** @throws ProtocolError MALFORMED */
export function decodeSealedHeader(bytes: Uint8Array): SealedHeader {
  const fields = Fields.decode(bytes, FIELDS, 'sealed header');
  const headerBytes = fields.bytes('header');
  const nonce = fields.integer('nonce');
  const signature = fields.bytesOrNil('signature');
  const id = blockIdOf(nonce, miningHashOfBytes(headerBytes));
  return { bytes, header: decodeHeader(headerBytes), nonce, signature, id };
}

/**
 * A block's wire form as its sealed header, which is copied, and the array of its transactions, which is not.
 * @throws ProtocolError MALFORMED if it is none
 */
export function splitBlock(wire: Uint8Array): readonly [sealedHeader: Uint8Array, body: Uint8Array] {
  if (wire[0] !== ARRAY_OF_FOUR[0]) throw malformed('this is no block');
  let end = 1;
  for (let field = 0; field < FIELDS; field++) end = endOfValue(wire, end);
  if (end > wire.length) throw malformed('the block ends within its seal');
  return [concat(ARRAY_OF_THREE, wire.subarray(1, end)), wire.subarray(end)];
}

/** The wire form that `splitBlock` took apart. */
export function joinBlock(sealedHeader: Uint8Array, body: Uint8Array): Uint8Array {
  return concat(ARRAY_OF_FOUR, sealedHeader.subarray(1), body);
}

/** Where the nil, integer or byte string at `at` ends; beyond the end if the bytes end before. */
function endOfValue(bytes: Uint8Array, at: number): number {
  const head = bytes[at] ?? 0;
  if (head < 0x80) return at + 1;
  switch (head) {
    case 0xc0:
      return at + 1;
    case 0xc4:
      return at + 2 + bigEndian(bytes, at + 1, 1);
    case 0xc5:
      return at + 3 + bigEndian(bytes, at + 1, 2);
    case 0xc6:
      return at + 5 + bigEndian(bytes, at + 1, 4);
    case 0xcc:
      return at + 2;
    case 0xcd:
      return at + 3;
    case 0xce:
      return at + 5;
    case 0xcf:
      return at + 9;
    default:
      throw malformed('the block does not begin with its header, nonce and seal');
  }
}

function bigEndian(bytes: Uint8Array, at: number, width: number): number {
  let value = 0;
  for (let i = at; i < at + width; i++) value = value * 0x100 + (bytes[i] ?? 0);
  return value;
}
