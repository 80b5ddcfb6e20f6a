/** Checks signatures on the calling thread, keeping the keys it has met in the form that OpenSSL wants. */
import type { KeyObject } from 'node:crypto';
import { GenerationCache } from '../protocol/generation-cache.js';
import { type SignatureCheck, toKeyObject, verifyWith } from '../protocol/keys.js';

/** A generation of them: some kilobytes each in OpenSSL's memory. */
const KEY_CACHE = 2_048;

export class Verifier {
  /** By the DER's bytes as Latin-1 text. */
  readonly #keys = new GenerationCache<string, KeyObject>(KEY_CACHE);

  /** As `verify` of protocol/keys.ts. */
  verify({ publicKey, message, signature }: SignatureCheck): boolean {
    try {
      return verifyWith(this.#keyOf(publicKey), message, signature);
    } catch {
      // OpenSSL throws for bytes that are no key, and for some signatures of a wrong length.
      return false;
    }
  }

  #keyOf(publicKey: Uint8Array): KeyObject {
    const name = Buffer.from(publicKey.buffer, publicKey.byteOffset, publicKey.byteLength).toString('latin1');
    const known = this.#keys.get(name);
    if (known !== undefined) return known;
    const key = toKeyObject(publicKey);
    this.#keys.set(name, key);
    return key;
  }
}
