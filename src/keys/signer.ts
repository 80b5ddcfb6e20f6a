/** The real `Signer`: an account's key. */
import { constants, type KeyObject, sign } from 'node:crypto';
import { promisify } from 'node:util';
import type { Signer } from '../ports/signer.js';
import type { Account } from './account.js';

const PSS = { padding: constants.RSA_PKCS1_PSS_PADDING, saltLength: 32 };
/**
 * Such a key signs in a third of a millisecond, and the way to node's thread pool and back costs half as much again:
 * too much for a vote, which all of consensus waits for. Larger keys take milliseconds, which would hold up everything else.
 */
const MAX_BITS_IN_PLACE = 2_048;

const signOnPool = promisify(sign);

export function signerOf({ address, publicKey, privateKey }: Account): Signer {
  const key = { key: privateKey, ...PSS };
  const quick = isQuick(privateKey);
  return {
    address,
    publicKey,
    sign: async (message, beside = false) =>
      quick && !beside ? sign('sha256', message, key) : signOnPool('sha256', message, key),
  };
}

function isQuick(key: KeyObject): boolean {
  const bits = key.asymmetricKeyDetails?.modulusLength;
  return bits !== undefined && bits <= MAX_BITS_IN_PLACE;
}
