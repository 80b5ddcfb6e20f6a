import { createPrivateKey, createPublicKey } from 'node:crypto';
import { describe, expect, test } from 'vitest';
import { fromHex, toHex } from '../../../src/protocol/bytes.js';
import { addressOf, assertPublicKey, sign, verify } from '../../../src/protocol/keys.js';
import { refusalOf, vectors } from './load.js';

const { keys, refuse_public_keys, refuse_signatures } = vectors<{
  keys: {
    private_key_pem: string;
    public_key_hex: string;
    address: string;
    message: string;
    signature: string;
  }[];
  refuse_public_keys: { why: string; public_key_hex: string }[];
  refuse_signatures: { public_key_hex: string; message: string; cases: { why: string; signature: string }[] };
}>('keys');

describe('keys, addresses and signatures (section 2)', () => {
  for (const { address, private_key_pem, public_key_hex, ...signed } of keys) {
    const publicKey = fromHex(public_key_hex);
    const message = fromHex(signed.message);

    test(`${address} is the address of its key, which is acceptable`, () => {
      assertPublicKey(publicKey);
      expect(addressOf(publicKey)).toBe(address);
    });

    test(`${address}: the private key gives the public one`, () => {
      const der = createPublicKey(private_key_pem).export({ type: 'pkcs1', format: 'der' });
      expect(toHex(der)).toBe(public_key_hex);
    });

    test(`${address}: the given signature verifies, and over nothing else`, () => {
      const signature = fromHex(signed.signature);
      expect(verify({ publicKey, message, signature })).toBe(true);
      expect(verify({ publicKey, message: Buffer.concat([message, Buffer.of(0)]), signature })).toBe(false);
    });

    test(`${address}: a signature of ours verifies`, () => {
      const signature = sign(createPrivateKey(private_key_pem), message);
      expect(verify({ publicKey, message, signature })).toBe(true);
    });
  }

  for (const { why, public_key_hex } of refuse_public_keys) {
    test(`refuses a public key: ${why}`, () => {
      expect(refusalOf(() => assertPublicKey(fromHex(public_key_hex)))).toBe('BAD_PUBLIC_KEY');
    });
  }

  for (const { why, signature } of refuse_signatures.cases) {
    test(`refuses a signature: ${why}`, () => {
      const publicKey = fromHex(refuse_signatures.public_key_hex);
      const message = fromHex(refuse_signatures.message);
      expect(verify({ publicKey, message, signature: fromHex(signature) })).toBe(false);
    });
  }
});
