/** The real `Signer`: an account's key, signing on node's thread pool so that a signature never holds up the rest. */
import { constants, sign } from 'node:crypto';
import type { Signer } from '../ports/signer.js';
import type { Account } from './account.js';

const PSS = { padding: constants.RSA_PKCS1_PSS_PADDING, saltLength: 32 };

export function signerOf({ address, publicKey, privateKey }: Account): Signer {
  return {
    address,
    publicKey,
    sign: (message) =>
      new Promise((resolve, reject) => {
        sign('sha256', message, { key: privateKey, ...PSS }, (error, signature) =>
          error === null ? resolve(signature) : reject(error),
        );
      }),
  };
}
