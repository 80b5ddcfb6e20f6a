/** RSA keys, addresses and PSS signatures (section 2). */
import {
  constants,
  createPublicKey,
  type KeyObject,
  sign as rsaSign,
  verify as rsaVerify,
} from 'node:crypto';
import { type Address, toHex } from './bytes.js';
import { ProtocolError } from './errors.js';
import { sha256Hex } from './hash.js';

export const MIN_MODULUS_BITS = 2048;
export const MAX_MODULUS_BITS = 4096;
const SALT_BYTES = 32;

/** One signature to check: whose (PKCS#1 DER), over which bytes, and the signature itself. */
export interface SignatureCheck {
  readonly publicKey: Uint8Array;
  readonly message: Uint8Array;
  readonly signature: Uint8Array;
}

/** The first 20 bytes (40 hex digits) of the hash of the public key's DER. */
export function addressOf(publicKey: Uint8Array): Address {
  return sha256Hex(publicKey).slice(0, 40);
}

/**
 * Checks that `der` is the one encoding of an acceptable key: RSAPublicKey (PKCS#1), minimal DER, an odd modulus of
 * 2048 to 4096 bits, exponent 65537.
 * @throws ProtocolError BAD_PUBLIC_KEY saying what is wrong.
 */
export function assertPublicKey(der: Uint8Array): void {
  const sequence = derElement(der, 0, 0x30, 'a SEQUENCE');
  if (sequence.end !== der.length) throw badKey('bytes after its end');
  const modulus = derElement(der, sequence.start, 0x02, 'the modulus');
  const exponent = derElement(der, modulus.end, 0x02, 'the exponent');
  if (exponent.end !== der.length) throw badKey('fields after the exponent');

  const padded = der[modulus.start] === 0;
  const first = der[padded ? modulus.start + 1 : modulus.start] ?? 0;
  if (padded ? first < 0x80 : first >= 0x80) throw badKey('the modulus is not a minimal positive integer');
  const bytes = modulus.end - modulus.start - (padded ? 1 : 0);
  const bits = bytes * 8 - (Math.clz32(first) - 24);
  if (bits < MIN_MODULUS_BITS || bits > MAX_MODULUS_BITS) {
    throw badKey(`the modulus has ${bits} bits instead of ${MIN_MODULUS_BITS} to ${MAX_MODULUS_BITS}`);
  }
  if (((der[modulus.end - 1] as number) & 1) === 0) throw badKey('the modulus is even');
  if (toHex(der.subarray(exponent.start, exponent.end)) !== '010001')
    throw badKey('the exponent is not 65537');
}

/** One definite-length DER element with a minimal length. */
function derElement(der: Uint8Array, at: number, type: number, what: string): { start: number; end: number } {
  if (der[at] !== type) throw badKey(`${what} is missing (it must be PKCS#1 RSAPublicKey DER)`);
  let length = der[at + 1] ?? 0;
  let start = at + 2;
  if (length >= 0x80) {
    const width = length & 0x7f;
    if (width < 1 || width > 2) throw badKey(`${what} has a length that no acceptable key has`);
    length = 0;
    for (let i = 0; i < width; i++) length = length * 0x100 + (der[start++] ?? 0);
    if (length < (width === 1 ? 0x80 : 0x100)) throw badKey(`${what} has a length that is not minimal`);
  }
  if (length === 0 || start + length > der.length) throw badKey(`${what} is cut short`);
  return { start, end: start + length };
}

function badKey(why: string): ProtocolError {
  return new ProtocolError('BAD_PUBLIC_KEY', `bad public key: ${why}`);
}

/** RSASSA-PSS with SHA-256 and a 32-byte salt over `message`. */
export function sign(privateKey: KeyObject, message: Uint8Array): Uint8Array {
  return rsaSign('sha256', message, {
    key: privateKey,
    padding: constants.RSA_PKCS1_PSS_PADDING,
    saltLength: SALT_BYTES,
  });
}

/** Whether the signature is good; any other salt length, a bad key or bad form is simply `false`. */
export function verify(check: SignatureCheck): boolean {
  try {
    return verifyWith(toKeyObject(check.publicKey), check.message, check.signature);
  } catch {
    // OpenSSL throws for keys it cannot use; a key that passed assertPublicKey never gets here.
    return false;
  }
}

/** The key as node:crypto wants it. From PKCS#1, as SPKI costs five times as much as a whole verification. */
export function toKeyObject(publicKey: Uint8Array): KeyObject {
  return createPublicKey({ key: publicKey as Buffer, format: 'der', type: 'pkcs1' });
}

export function verifyWith(key: KeyObject, message: Uint8Array, signature: Uint8Array): boolean {
  return rsaVerify(
    'sha256',
    message,
    { key, padding: constants.RSA_PKCS1_PSS_PADDING, saltLength: SALT_BYTES },
    signature,
  );
}
