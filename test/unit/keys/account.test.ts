import { generateKeyPairSync } from 'node:crypto';
import { chmod, cp, mkdir, mkdtemp, readdir, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import {
  type Account,
  createAccount,
  isEncrypted,
  keyDirectory,
  listAccounts,
  loadAccount,
  loadPublicKey,
  readPublicKeyFile,
} from '../../../src/keys/account.js';
import { KeyError, type KeyErrorCode } from '../../../src/keys/errors.js';
import { signerOf } from '../../../src/keys/signer.js';
import { addressOf, assertPublicKey, verify } from '../../../src/protocol/keys.js';

let base: string;
let open: Account;
let locked: Account;

beforeAll(async () => {
  base = await mkdtemp(join(tmpdir(), 'ccoin-keys-'));
  open = await createAccount(base);
  locked = await createAccount(base, { passphrase: 'grüße, wörld' });
});
afterAll(() => rm(base, { recursive: true }));

const privateFile = (at: string, address: string) => join(keyDirectory(at, address), 'id_rsa');

async function refusal(promise: Promise<unknown>): Promise<[KeyErrorCode, string]> {
  const error = await promise.then(
    () => undefined,
    (reason) => reason,
  );
  expect(error).toBeInstanceOf(KeyError);
  return [error.code, error.message];
}

/** A copy of the open account's directory in a base of its own, to be spoilt. */
async function copyOf(address: string): Promise<string> {
  const copy = await mkdtemp(join(base, 'copy-'));
  await cp(join(base, address), join(copy, address), { recursive: true });
  await chmod(privateFile(copy, address), 0o600);
  return copy;
}

describe('an account', () => {
  test('is loaded as it was created', async () => {
    assertPublicKey(open.publicKey);
    expect(open.address).toBe(addressOf(open.publicKey));
    const loaded = await loadAccount(base, open.address);
    expect(loaded.address).toBe(open.address);
    expect(loaded.publicKey).toEqual(open.publicKey);
    expect(loaded.privateKey.equals(open.privateKey)).toBe(true);
  });

  test('is private from the first byte on, and leaves no other file', async () => {
    const directory = keyDirectory(base, open.address);
    expect((await stat(privateFile(base, open.address))).mode & 0o777).toBe(0o600);
    expect((await stat(directory)).mode & 0o777).toBe(0o700);
    expect((await readdir(directory)).sort()).toEqual(['id_rsa', 'id_rsa.pub']);
    expect(await readFile(privateFile(base, open.address), 'utf8')).toMatch(/^-----BEGIN PRIVATE KEY-----\n/);
  });

  test('shows in id_rsa.pub the very base64 that genesis.json wants', async () => {
    const pem = await readFile(join(keyDirectory(base, open.address), 'id_rsa.pub'), 'utf8');
    const base64 = pem.replace(/-----.*-----|\n/g, '');
    expect(base64).toBe(Buffer.from(open.publicKey).toString('base64'));
    expect(await loadPublicKey(base, open.address)).toEqual(open.publicKey);
    expect(await loadPublicKey(base, '00'.repeat(20))).toBeUndefined();
  });

  test('is encrypted with scrypt under a passphrase', async () => {
    const pem = await readFile(privateFile(base, locked.address), 'utf8');
    expect(pem).toMatch(/^-----BEGIN ENCRYPTED PRIVATE KEY-----\n/);
    const der = Buffer.from(pem.replace(/-----.*-----|\n/g, ''), 'base64').toString('hex');
    expect(der).toContain('2b06010401da47040b');
    expect([await isEncrypted(base, locked.address), await isEncrypted(base, open.address)]).toEqual([
      true,
      false,
    ]);

    const loaded = await loadAccount(base, locked.address, 'grüße, wörld');
    expect(loaded.privateKey.equals(locked.privateKey)).toBe(true);
    expect(await refusal(loadAccount(base, locked.address))).toMatchObject([
      'PASSPHRASE_NEEDED',
      /encrypted/,
    ]);
    expect((await refusal(loadAccount(base, locked.address, 'other')))[0]).toBe('WRONG_PASSPHRASE');
    expect((await refusal(loadAccount(base, locked.address, '')))[0]).toBe('WRONG_PASSPHRASE');
  });

  test('without a passphrase opens whatever is given', async () => {
    expect((await loadAccount(base, open.address, 'superfluous')).address).toBe(open.address);
  });

  test('may have up to 4096 bits, and no fewer than 2048', async () => {
    for (const bits of [1024, 2047, 4097, 3000.5, Number.NaN]) {
      await expect(createAccount(base, { bits })).rejects.toThrow(RangeError);
    }
    const { address, publicKey } = await createAccount(join(base, 'large'), { bits: 3072 });
    expect(publicKey.length).toBeGreaterThan(384);
    expect(await listAccounts(join(base, 'large'))).toEqual([address]);
  });

  test('signs as the protocol has it', async () => {
    const message = new Uint8Array([1, 2, 3]);
    const signature = await signerOf(open).sign(message);
    expect(verify({ publicKey: open.publicKey, message, signature })).toBe(true);
    expect(verify({ publicKey: open.publicKey, message: new Uint8Array(3), signature })).toBe(false);
  });
});

describe('a key on disk that is', () => {
  test('missing', async () => {
    const [code, message] = await refusal(loadAccount(base, '00'.repeat(20)));
    expect([code, message]).toEqual(['MISSING', `there is no key ${privateFile(base, '00'.repeat(20))}`]);
  });

  test('open to others', async () => {
    const copy = await copyOf(open.address);
    for (const mode of [0o640, 0o604, 0o610]) {
      await chmod(privateFile(copy, open.address), mode);
      const [code, message] = await refusal(loadAccount(copy, open.address));
      expect(code).toBe('OPEN_TO_OTHERS');
      expect(message).toContain(`0${mode.toString(8)}`);
    }
  });

  test("another account's", async () => {
    const copy = await copyOf(open.address);
    await cp(privateFile(base, open.address), privateFile(copy, locked.address), { recursive: true });
    const [code, message] = await refusal(loadAccount(copy, locked.address));
    expect(code).toBe('WRONG_ADDRESS');
    expect(message).toContain(open.address);
    await cp(
      join(keyDirectory(base, open.address), 'id_rsa.pub'),
      join(keyDirectory(copy, locked.address), 'id_rsa.pub'),
    );
    expect((await refusal(loadPublicKey(copy, locked.address)))[0]).toBe('WRONG_ADDRESS');
  });

  test('no key, no RSA key, or too small', async () => {
    const pkcs8 = { type: 'pkcs8', format: 'pem' } as const;
    const small = generateKeyPairSync('rsa', { modulusLength: 1024 }).privateKey.export(pkcs8);
    const curve = generateKeyPairSync('ed25519').privateKey.export(pkcs8);
    const cases: [string | Buffer, KeyErrorCode][] = [
      ['', 'NOT_A_KEY'],
      ['hello', 'NOT_A_KEY'],
      ['x'.repeat(100_000), 'NOT_A_KEY'],
      [curve, 'NOT_A_KEY'],
      [small, 'UNFIT_KEY'],
    ];
    const copy = await copyOf(open.address);
    for (const [contents, code] of cases) {
      await writeFile(privateFile(copy, open.address), contents);
      expect((await refusal(loadAccount(copy, open.address)))[0]).toBe(code);
    }
  });
});

describe('listing accounts', () => {
  test('finds those with a private key, and nothing else', async () => {
    await mkdir(join(base, '11'.repeat(20)), { recursive: true });
    await mkdir(join(base, 'not-an-address', '.keys'), { recursive: true });
    expect(await listAccounts(base)).toEqual([open.address, locked.address].sort());
    expect(await listAccounts(join(base, 'nowhere'))).toEqual([]);
  });
});

describe('a public key file', () => {
  test('may be PKCS#1 or SPKI, but not a private key', async () => {
    const file = join(base, 'some.pem');
    const { publicKey, privateKey } = generateKeyPairSync('rsa', { modulusLength: 2048 });
    const expected = publicKey.export({ type: 'pkcs1', format: 'der' });
    for (const type of ['pkcs1', 'spki'] as const) {
      await writeFile(file, publicKey.export({ type, format: 'pem' }));
      expect(await readPublicKeyFile(file)).toEqual(expected);
    }
    await writeFile(file, privateKey.export({ type: 'pkcs8', format: 'pem' }));
    expect((await refusal(readPublicKeyFile(file)))[0]).toBe('NOT_A_KEY');
    await writeFile(file, generateKeyPairSync('ed25519').publicKey.export({ type: 'spki', format: 'pem' }));
    expect((await refusal(readPublicKeyFile(file)))[0]).toBe('NOT_A_KEY');
    expect((await refusal(readPublicKeyFile(join(base, 'none.pem'))))[0]).toBe('MISSING');
  });
});
