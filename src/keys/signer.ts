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
    async sign(message, beside = false) {
      if (!quick || beside) return signOnPool('sha256', message, key);
      await endOfTurn();
      return sign('sha256', message, key);
    },
  };
}

/** Connections send at the end of the turn: a signature in place would keep what was sent before it from leaving. */
function endOfTurn(): Promise<void> {
  return new Promise((resolve) => process.nextTick(resolve));
}

function isQuick(key: KeyObject): boolean {
  const bits = key.asymmetricKeyDetails?.modulusLength;
  return bits !== undefined && bits <= MAX_BITS_IN_PLACE;
}
