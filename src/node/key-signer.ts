/** Signs with a private key held in this process. */
import { createPublicKey, type KeyObject } from 'node:crypto';
import type { Signer } from '../ports/signer.js';
import { addressOf, assertPublicKey, sign } from '../protocol/keys.js';

/**
 * @param privateKey RSA, 2048 to 4096 bits
 * @throws ProtocolError BAD_PUBLIC_KEY for any other key
 */
export function keySigner(privateKey: KeyObject): Signer {
  const publicKey = createPublicKey(privateKey).export({ format: 'der', type: 'pkcs1' });
  assertPublicKey(publicKey);
  return {
    address: addressOf(publicKey),
    publicKey,
    sign: async (message) => sign(privateKey, message),
  };
}
