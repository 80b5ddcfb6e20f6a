/**
 * Keys of a run. Most runs sign with a keyed hash, which is a thousand times faster than RSA: public keys are then mere
 * bytes of the right form, and whoever knows one could sign for it, which nobody here does. Other runs use RSA with
 * the keys of the vectors, its salt drawn from the seed, so that they can be replayed too.
 */
import { constants, createPrivateKey, hash, type KeyObject, privateEncrypt } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { Verifier } from '../../src/node/verifier.js';
import { type Address, concat, equalBytes, fromHex } from '../../src/protocol/bytes.js';
import { addressOf, type SignatureCheck } from '../../src/protocol/keys.js';
import { repositoryFile } from '../support/repository.js';
import type { Chance } from './chance.js';

export interface SimKey {
  readonly address: Address;
  /** PKCS#1 DER. */
  readonly publicKey: Uint8Array;
  sign(message: Uint8Array): Uint8Array;
}

export interface KeyRing {
  readonly keys: readonly SimKey[];
  verify(check: SignatureCheck): boolean;
}

const SALT_BYTES = 8;
const MODULUS_BYTES = 256;

/** `count` keys that sign with a hash of the public key, a salt and the message. */
export function hashedKeys(count: number, chance: Chance): KeyRing {
  const sign = (publicKey: Uint8Array, salt: Uint8Array, message: Uint8Array) =>
    concat(salt, hash('sha256', concat(publicKey, salt, message), 'buffer'));
  const keys = Array.from({ length: count }, (_, index): SimKey => {
    const publicKey = seemingKey(index);
    return {
      address: addressOf(publicKey),
      publicKey,
      sign: (message) => sign(publicKey, chance.bytes(SALT_BYTES), message),
    };
  });
  const verify = ({ publicKey, message, signature }: SignatureCheck) =>
    equalBytes(sign(publicKey, signature.subarray(0, SALT_BYTES), message), signature);
  return { keys, verify };
}

/** A modulus that nobody has the factors of, in the form of section 2. */
function seemingKey(index: number): Uint8Array {
  const blocks = Array.from({ length: MODULUS_BYTES / 32 }, (_, i) =>
    hash('sha256', `simulated key ${index}, block ${i}`, 'buffer'),
  );
  const modulus = Uint8Array.from(concat(...blocks));
  modulus[0] = (modulus[0] ?? 0) | 0x80;
  modulus[MODULUS_BYTES - 1] = (modulus[MODULUS_BYTES - 1] ?? 0) | 1;
  // SEQUENCE of 266 bytes: INTEGER of 257 (its sign's zero first), INTEGER 65537.
  return concat(fromHex('3082010a0282010100'), modulus, fromHex('0203010001'));
}

interface VectorKey {
  readonly address: Address;
  readonly public_key_hex: string;
  readonly private_key_pem: string;
}

/** The RSA keys of the vectors: there are only a few. */
export function rsaKeys(chance: Chance): KeyRing {
  const file = repositoryFile('test/vectors/keys.json');
  const vectors: { readonly keys: readonly VectorKey[] } = JSON.parse(readFileSync(file, 'utf8'));
  const verifier = new Verifier();
  const keys = vectors.keys.map(({ address, public_key_hex, private_key_pem }): SimKey => {
    const key = createPrivateKey(private_key_pem);
    return {
      address,
      publicKey: fromHex(public_key_hex),
      sign: (message) => signPss(key, message, chance.bytes(32)),
    };
  });
  return { keys, verify: (check) => verifier.verify(check) };
}

/** RSASSA-PSS of RFC 8017 section 9.1.1 with a salt of our choice, which OpenSSL does not take. */
function signPss(key: KeyObject, message: Uint8Array, salt: Uint8Array): Uint8Array {
  const bits = (key.asymmetricKeyDetails?.modulusLength ?? 0) - 1;
  const length = Math.ceil(bits / 8);
  const digest = hash('sha256', message, 'buffer');
  const h = hash('sha256', concat(new Uint8Array(8), digest, salt), 'buffer');
  const block = new Uint8Array(length - h.length - 1);
  block[block.length - salt.length - 1] = 1;
  block.set(salt, block.length - salt.length);
  const mask = maskOf(h, block.length);
  const masked = block.map((byte, i) => byte ^ (mask[i] ?? 0));
  masked[0] = (masked[0] ?? 0) & (0xff >> (8 * length - bits));
  const encoded = concat(masked, h, Uint8Array.of(0xbc));
  const whole = (bits + 1) % 8 === 1 ? concat(new Uint8Array(1), encoded) : encoded;
  return privateEncrypt({ key, padding: constants.RSA_NO_PADDING }, whole);
}

function maskOf(seed: Uint8Array, length: number): Uint8Array {
  const parts: Uint8Array[] = [];
  for (let i = 0; 32 * i < length; i++) {
    parts.push(hash('sha256', concat(seed, Uint8Array.of(0, 0, 0, i)), 'buffer'));
  }
  return concat(...parts).subarray(0, length);
}
