/**
 * Encrypted private keys: PKCS#8 (RFC 5958) with PBES2, scrypt (RFC 7914) and AES-256-CBC. node:crypto reads this
 * form but writes only PBKDF2 with 2,048 rounds, which a graphics card goes through a million times a second; so it is
 * written here.
 */
import { createCipheriv, type KeyObject, randomBytes, scryptSync } from 'node:crypto';

/** 16 MiB of memory, five times over: about 0.2 s for each guess. More memory is refused by OpenSSL when reading. */
const COST = 16_384;
const BLOCK_SIZE = 8;
const PARALLELISM = 5;
const SALT_BYTES = 16;
const KEY_BYTES = 32;
const IV_BYTES = 16;

const SEQUENCE = 0x30;
const INTEGER = 0x02;
const OCTET_STRING = 0x04;
const OBJECT_IDENTIFIER = 0x06;

/** Object identifiers, as their DER contents. */
const PBES2 = '2a864886f70d01050d';
const SCRYPT = '2b06010401da47040b';
const AES_256_CBC = '60864801650304012a';

/** The PEM of a private key that only `passphrase` opens, here and with `openssl pkey`. */
export function encryptedPem(privateKey: KeyObject, passphrase: string): string {
  const plain = privateKey.export({ type: 'pkcs8', format: 'der' });
  const salt = randomBytes(SALT_BYTES);
  const iv = randomBytes(IV_BYTES);
  const options = { N: COST, r: BLOCK_SIZE, p: PARALLELISM, maxmem: 64 * 1024 * 1024 };
  const cipher = createCipheriv('aes-256-cbc', scryptSync(passphrase, salt, KEY_BYTES, options), iv);
  const encrypted = Buffer.concat([cipher.update(plain), cipher.final()]);
  plain.fill(0);

  const derivation = algorithm(
    SCRYPT,
    der(SEQUENCE, der(OCTET_STRING, salt), integer(COST), integer(BLOCK_SIZE), integer(PARALLELISM)),
  );
  const scheme = algorithm(PBES2, der(SEQUENCE, derivation, algorithm(AES_256_CBC, der(OCTET_STRING, iv))));
  return toPem('ENCRYPTED PRIVATE KEY', der(SEQUENCE, scheme, der(OCTET_STRING, encrypted)));
}

function algorithm(identifier: string, parameters: Buffer): Buffer {
  return der(SEQUENCE, der(OBJECT_IDENTIFIER, Buffer.from(identifier, 'hex')), parameters);
}

/** A positive integer below 2^31. */
function integer(value: number): Buffer {
  const bytes = Buffer.alloc(5);
  bytes.writeUInt32BE(value, 1);
  const first = bytes.findIndex((byte) => byte !== 0);
  return der(INTEGER, bytes.subarray((bytes[first] ?? 0) >= 0x80 ? first - 1 : first));
}

function der(type: number, ...contents: readonly Uint8Array[]): Buffer {
  const body = Buffer.concat(contents);
  const length =
    body.length < 0x80
      ? [body.length]
      : body.length < 0x100
        ? [0x81, body.length]
        : [0x82, body.length >> 8, body.length & 0xff];
  return Buffer.concat([Uint8Array.of(type, ...length), body]);
}

function toPem(label: string, bytes: Buffer): string {
  const lines = bytes.toString('base64').match(/.{1,64}/g) ?? [];
  return `-----BEGIN ${label}-----\n${lines.join('\n')}\n-----END ${label}-----\n`;
}
