/** The real `Signer`: an account's key. */
import { constants, type KeyObject, sign } from 'node:crypto';
import { promisify } from 'node:util';
import type { Signer } from '../ports/signer.js';
import type { Account } from './account.js';

const PSS = { padding: constants.RSA_PKCS1_PSS_PADDING, saltLength: 32 };
/**
 * Such a key signs in less than half a millisecond, and the way to node's thread pool and back costs as much again of
 * the processor: a block of four authorities has eight signatures. Larger keys take milliseconds, which would hold up
 * everything else.
 */
const MAX_BITS_IN_PLACE = 2_048;

const signOnPool = promisify(sign);

export function signerOf({ address, publicKey, privateKey }: Account): Signer {
  const key = { key: privateKey, ...PSS };
  return {
    address,
    publicKey,
    sign: isQuick(privateKey)
      ? async (message) => sign('sha256', message, key)
      : (message) => signOnPool('sha256', message, key),
  };
}

function isQuick(key: KeyObject): boolean {
  const bits = key.asymmetricKeyDetails?.modulusLength;
  return bits !== undefined && bits <= MAX_BITS_IN_PLACE;
}
