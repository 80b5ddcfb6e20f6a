/** Bytes, hexadecimal and base64: the few conversions that every other file of the protocol needs. */

/** 20 bytes as 40 lower-case hex digits (PROTOCOL section 2). */
export type Address = string;
/** 32 bytes as 64 lower-case hex digits. */
export type Hash = string;

/** The value of every "nothing here" hash: empty trees, the parent of genesis (sections 4 and 6). */
export const ZERO_HASH: Hash = '00'.repeat(32);
export const ZERO_ADDRESS: Address = '00'.repeat(20);

const ADDRESS = /^[0-9a-f]{40}$/;
const HASH = /^[0-9a-f]{64}$/;

export function isAddress(value: unknown): value is Address {
  return typeof value === 'string' && ADDRESS.test(value);
}

export function isHash(value: unknown): value is Hash {
  return typeof value === 'string' && HASH.test(value);
}

export function toHex(bytes: Uint8Array): string {
  return asBuffer(bytes).toString('hex');
}

/** The bytes of an even number of lower-case hex digits; anything else is a programming error of the caller. */
export function fromHex(hex: string): Uint8Array {
  const bytes = Buffer.from(hex, 'hex');
  if (bytes.length * 2 !== hex.length)
    throw new TypeError(`not hexadecimal: ${JSON.stringify(hex.slice(0, 80))}`);
  return bytes;
}

export function toBase64(bytes: Uint8Array): string {
  return asBuffer(bytes).toString('base64');
}

/**
 * The bytes of standard, padded base64; undefined if the text is anything else (one value has one text). In memory of
 * their own: what comes like this is mostly a transaction, which the pool would else copy out of a larger piece.
 */
export function fromBase64(text: string): Uint8Array | undefined {
  const bytes = Buffer.allocUnsafeSlow(Buffer.byteLength(text, 'base64'));
  const written = bytes.write(text, 'base64');
  return bytes.toString('base64', 0, written) === text ? bytes : undefined;
}

export function utf8(text: string): Uint8Array {
  return Buffer.from(text, 'utf8');
}

export function concat(...parts: readonly Uint8Array[]): Uint8Array {
  return Buffer.concat(parts);
}

export function equalBytes(a: Uint8Array, b: Uint8Array): boolean {
  return a.length === b.length && asBuffer(a).equals(b);
}

function asBuffer(bytes: Uint8Array): Buffer {
  return Buffer.isBuffer(bytes) ? bytes : Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}
