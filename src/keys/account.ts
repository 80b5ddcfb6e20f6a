/**
 * Accounts on disk: `<base_path>/<address>/.keys/id_rsa`, PKCS#8 PEM that only its owner may read, and `id_rsa.pub`,
 * PKCS#1 PEM: the base64 between its lines is the `public_key` of genesis.json.
 */
import { createPrivateKey, createPublicKey, generateKeyPair, type KeyObject } from 'node:crypto';
import { readdir, readFile, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { type Address, isAddress } from '../protocol/bytes.js';
import { ProtocolError } from '../protocol/errors.js';
import { addressOf, assertPublicKey, MAX_MODULUS_BITS, MIN_MODULUS_BITS } from '../protocol/keys.js';
import { KeyError } from './errors.js';
import { encryptedPem } from './pkcs8.js';
import { writeFileAtomic } from './write-file.js';

export const PRIVATE_KEY_FILE = 'id_rsa';
export const PUBLIC_KEY_FILE = 'id_rsa.pub';
export const DEFAULT_MODULUS_BITS = 2048;
/** No key file is longer: whatever is was put there by mistake. */
const MAX_KEY_FILE_BYTES = 65_536;

export interface Account {
  readonly address: Address;
  /** PKCS#1 DER. */
  readonly publicKey: Uint8Array;
  readonly privateKey: KeyObject;
}

export function accountDirectory(basePath: string, address: Address): string {
  return join(basePath, address);
}

export function keyDirectory(basePath: string, address: Address): string {
  return join(accountDirectory(basePath, address), '.keys');
}

/**
 * Makes a new key and writes it, encrypted if there is a passphrase.
 * @throws RangeError if `bits` is no size that the protocol takes
 * @throws an error of node:fs if it cannot be written
 */
export async function createAccount(
  basePath: string,
  options: { readonly bits?: number; readonly passphrase?: string } = {},
): Promise<Account> {
  const bits = options.bits ?? DEFAULT_MODULUS_BITS;
  if (!Number.isInteger(bits) || bits < MIN_MODULUS_BITS || bits > MAX_MODULUS_BITS) {
    throw new RangeError(`a key has ${MIN_MODULUS_BITS} to ${MAX_MODULUS_BITS} bits, not ${bits}`);
  }
  const { privateKey } = await promisify(generateKeyPair)('rsa', {
    modulusLength: bits,
    publicExponent: 65_537,
  });
  const account = accountOf(privateKey);
  const directory = keyDirectory(basePath, account.address);
  const pem =
    options.passphrase === undefined
      ? privateKey.export({ type: 'pkcs8', format: 'pem' })
      : encryptedPem(privateKey, options.passphrase);
  // The public key first: an account counts as there once its private key is.
  await writeFileAtomic(join(directory, PUBLIC_KEY_FILE), publicPem(privateKey), {
    mode: 0o644,
    directoryMode: 0o700,
  });
  await writeFileAtomic(join(directory, PRIVATE_KEY_FILE), pem, { mode: 0o600, directoryMode: 0o700 });
  return account;
}

/**
 * @throws KeyError saying in one sentence what is wrong with the account's key
 */
export async function loadAccount(basePath: string, address: Address, passphrase?: string): Promise<Account> {
  const path = join(keyDirectory(basePath, address), PRIVATE_KEY_FILE);
  await assertPrivate(path);
  const account = accountOf(openPrivateKey(await readKeyFile(path), path, passphrase));
  assertFit(account.publicKey, path);
  if (account.address !== address) {
    throw new KeyError(
      'WRONG_ADDRESS',
      `the key in ${path} is that of ${account.address}, not of ${address}`,
    );
  }
  return account;
}

/**
 * Whether the account's private key asks for a passphrase.
 * @throws KeyError if it cannot be read
 */
export async function isEncrypted(basePath: string, address: Address): Promise<boolean> {
  return isEncryptedPem(await readKeyFile(join(keyDirectory(basePath, address), PRIVATE_KEY_FILE)));
}

/** The addresses below `basePath` that have a private key, sorted; none if there is no such directory. */
export async function listAccounts(basePath: string): Promise<readonly Address[]> {
  const names = (await readdir(basePath).catch(noneIfMissing)).filter(isAddress).sort();
  const present = await Promise.all(
    names.map((address) =>
      stat(join(keyDirectory(basePath, address), PRIVATE_KEY_FILE)).then(
        () => true,
        () => false,
      ),
    ),
  );
  return names.filter((_, i) => present[i]);
}

/**
 * The public key (PKCS#1 DER) of an account below `basePath`, its private key left alone; undefined if there is none.
 * @throws KeyError if there is one that is broken or another's
 */
export async function loadPublicKey(basePath: string, address: Address): Promise<Uint8Array | undefined> {
  const path = join(keyDirectory(basePath, address), PUBLIC_KEY_FILE);
  let publicKey: Uint8Array;
  try {
    publicKey = await readPublicKeyFile(path);
  } catch (error) {
    if (error instanceof KeyError && error.code === 'MISSING') return undefined;
    throw error;
  }
  if (addressOf(publicKey) === address) return publicKey;
  throw new KeyError(
    'WRONG_ADDRESS',
    `the key in ${path} is that of ${addressOf(publicKey)}, not of ${address}`,
  );
}

/**
 * Reads a PEM file with a public key, PKCS#1 or SPKI, into PKCS#1 DER.
 * @throws KeyError
 */
export async function readPublicKeyFile(path: string): Promise<Uint8Array> {
  const pem = await readKeyFile(path);
  if (!pem.includes('PUBLIC KEY-----')) throw notAKey(path, 'a public key in PEM');
  let key: KeyObject;
  try {
    key = createPublicKey(pem);
  } catch (error) {
    throw notAKey(path, 'a public key in PEM', error);
  }
  if (key.asymmetricKeyType !== 'rsa') throw notAKey(path, 'an RSA key');
  const publicKey = key.export({ type: 'pkcs1', format: 'der' });
  assertFit(publicKey, path);
  return publicKey;
}

function accountOf(privateKey: KeyObject): Account {
  const publicKey = createPublicKey(privateKey).export({ type: 'pkcs1', format: 'der' });
  return { address: addressOf(publicKey), publicKey, privateKey };
}

function publicPem(privateKey: KeyObject): string {
  return createPublicKey(privateKey).export({ type: 'pkcs1', format: 'pem' }) as string;
}

async function assertPrivate(path: string): Promise<void> {
  // Windows has no such modes; there the owner's profile directory protects the file.
  if (process.platform === 'win32') return;
  const { mode } = await stat(path).catch((error) => {
    throw unreadable(path, error);
  });
  if ((mode & 0o077) === 0) return;
  const shown = (mode & 0o777).toString(8).padStart(4, '0');
  throw new KeyError(
    'OPEN_TO_OTHERS',
    `the key ${path} is open to others (mode ${shown}): if nobody has read it, chmod 600 it, else replace it`,
  );
}

async function readKeyFile(path: string): Promise<string> {
  try {
    const bytes = await readFile(path);
    if (bytes.length > MAX_KEY_FILE_BYTES) throw notAKey(path, 'a key in PEM');
    return bytes.toString('latin1');
  } catch (error) {
    throw error instanceof KeyError ? error : unreadable(path, error);
  }
}

function openPrivateKey(pem: string, path: string, passphrase: string | undefined): KeyObject {
  const encrypted = isEncryptedPem(pem);
  if (encrypted && passphrase === undefined) {
    throw new KeyError('PASSPHRASE_NEEDED', `the key ${path} is encrypted: it needs its passphrase`);
  }
  let key: KeyObject;
  try {
    key = createPrivateKey(encrypted ? { key: pem, passphrase } : pem);
  } catch (error) {
    if (encrypted)
      throw new KeyError('WRONG_PASSPHRASE', `the passphrase does not open the key ${path}`, error);
    throw notAKey(path, 'a private key in PEM', error);
  }
  if (key.asymmetricKeyType !== 'rsa') throw notAKey(path, 'an RSA key');
  return key;
}

function isEncryptedPem(pem: string): boolean {
  return /-----BEGIN ENCRYPTED PRIVATE KEY-----|^Proc-Type: 4,ENCRYPTED/m.test(pem);
}

function assertFit(publicKey: Uint8Array, path: string): void {
  try {
    assertPublicKey(publicKey);
  } catch (error) {
    if (!(error instanceof ProtocolError)) throw error;
    throw new KeyError('UNFIT_KEY', `the key in ${path} cannot be used: ${error.message}`, error);
  }
}

function unreadable(path: string, error: unknown): KeyError {
  const code = (error as NodeJS.ErrnoException).code;
  return code === 'ENOENT' || code === 'ENOTDIR'
    ? new KeyError('MISSING', `there is no key ${path}`, error)
    : new KeyError('UNREADABLE', `the key ${path} cannot be read (${code})`, error);
}

function notAKey(path: string, expected: string, cause?: unknown): KeyError {
  return new KeyError('NOT_A_KEY', `${path} is not ${expected}`, cause);
}

function noneIfMissing(error: unknown): string[] {
  if ((error as NodeJS.ErrnoException).code === 'ENOENT') return [];
  throw error;
}
