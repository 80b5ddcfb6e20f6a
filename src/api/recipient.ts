/** Who a transfer goes to: an address, or the public key that it is the hash of. */
import { createPublicKey } from 'node:crypto';
import { type Address, fromBase64, isAddress } from '../protocol/bytes.js';
import { addressOf, assertPublicKey } from '../protocol/keys.js';
import { ApiError } from './errors.js';

/** How every public key's DER begins: what does not was not meant as one. */
const DER_SEQUENCE = 0x30;

/**
 * @param text an address, base64 of a PKCS#1 DER public key, or a public key as PEM
 * @throws ApiError BAD_REQUEST if it is none of these
 * @throws ProtocolError BAD_PUBLIC_KEY if it is a key that the protocol refuses
 */
export function recipientOf(text: string): Address {
  const known: boolean = isAddress(text);
  if (known) return text;
  const der = text.startsWith('-----BEGIN ') ? fromPem(text) : fromBase64(text);
  if (der?.[0] !== DER_SEQUENCE)
    throw new ApiError(
      'BAD_REQUEST',
      'body/sendto_address must be an address (40 lower-case hex digits) or a public key (base64 of its PKCS#1 DER, or PEM)',
    );
  assertPublicKey(der);
  return addressOf(der);
}

function fromPem(pem: string): Uint8Array | undefined {
  // createPublicKey would take a private key too; one that was sent by mistake is not to be made use of.
  if (!/^-----BEGIN (?:RSA )?PUBLIC KEY-----/.test(pem)) return undefined;
  try {
    return createPublicKey(pem).export({ type: 'pkcs1', format: 'der' });
  } catch {
    return undefined;
  }
}
