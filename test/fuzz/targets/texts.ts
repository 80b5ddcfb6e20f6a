/** Files that people write: strict JSON, genesis.json, ccoin.json, and keys. */
import { createPublicKey } from 'node:crypto';
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { isDeepStrictEqual } from 'node:util';
import { ConfigError, loadConfig } from '../../../src/config/config.js';
import { loadAccount, readPublicKeyFile } from '../../../src/keys/account.js';
import { KeyError } from '../../../src/keys/errors.js';
import { equalBytes, toHex } from '../../../src/protocol/bytes.js';
import { canonicalJson } from '../../../src/protocol/canonical-json.js';
import { ProtocolError } from '../../../src/protocol/errors.js';
import { canonicalGenesis, parseGenesis } from '../../../src/protocol/genesis.js';
import { assertPublicKey, toKeyObject } from '../../../src/protocol/keys.js';
import { JsonError, parseJson } from '../../../src/protocol/strict-json.js';
import { hex, vectors } from '../corpus.js';
import { JSON_DIALECT } from '../json-dialect.js';
import { Broken, changed, reader, type Taker, type Target } from '../target.js';

const texts = (list: readonly string[]) => list.map((text) => Uint8Array.from(Buffer.from(text)));
const textOf = (input: Uint8Array) => Buffer.from(input).toString();

const { accept, refuse } = vectors('genesis_more');
const genesisTexts = [
  JSON.stringify(vectors('genesis').config),
  ...[...accept, ...refuse].map(({ text }) => text).filter((text) => isJson(text)),
];
const { keys, refuse_public_keys: badKeys } = vectors('keys');

const CONFIG = JSON.stringify({
  app: { base_path: 'data' },
  client: { account_address: 'ab'.repeat(20) },
  discovery_service: { host: 'localhost', port: 4444, proto: 'http' },
  p2p: {
    host: '0.0.0.0',
    port: 0,
    advertise: 'node.example:4000',
    peers: ['10.0.0.1:4000', '[::1]:4000'],
    allow: ['cd'.repeat(20)],
    tls: true,
    max_inbound: 40,
  },
  http: { host: '127.0.0.1', port: 0, token_file: '$'.concat('{HOME}/token') },
  network: { genesis_id: 'ef'.repeat(32) },
  log: { level: 'info', pretty: false },
});

function isJson(text: string): boolean {
  try {
    JSON.parse(text);
    return true;
  } catch {
    return false;
  }
}

/** Whatever is accepted means the same to JSON.parse, and has one canonical text. */
function readJson(input: Uint8Array): void {
  const text = textOf(input);
  parseJson(text);
  const value = parseJson(text, { comments: false });
  const theirs: unknown = JSON.parse(text);
  const canonical = canonicalJson(value);
  if (canonical !== canonicalJson(theirs as typeof value)) throw new Broken('JSON.parse reads another value');
  if (canonicalJson(parseJson(canonical)) !== canonical)
    throw new Broken('its canonical text means another value');
}

function readGenesis(input: Uint8Array): void {
  const { config } = parseGenesis(textOf(input), { nowMs: 1_790_000_000_000 });
  const text = canonicalGenesis(config);
  const again = parseGenesis(text);
  if (again.completed || !isDeepStrictEqual(again.config, config) || canonicalGenesis(again.config) !== text)
    throw new Broken('its canonical text is another genesis');
}

function readPublicKey(input: Uint8Array): void {
  assertPublicKey(input);
  const again = toKeyObject(input).export({ type: 'pkcs1', format: 'der' });
  if (!equalBytes(again, input)) throw new Broken(`another encoding of the same key: ${toHex(again)}`);
}

/** A taker for what is read from a file of this name. */
function fileTaker(
  path: (directory: string) => string,
  read: (path: string, directory: string) => Promise<unknown>,
  isRefusal: (error: unknown) => boolean,
): () => Promise<Taker> {
  return async () => {
    const directory = await mkdtemp(join(tmpdir(), 'ccoin-fuzz-'));
    const file = path(directory);
    await mkdir(dirname(file), { recursive: true });
    return {
      async take(input) {
        await writeFile(file, input, { mode: 0o600 });
        try {
          await read(file, directory);
          return 'accepted';
        } catch (error) {
          if (isRefusal(error)) return 'refused';
          throw error;
        }
      },
      close: () => rm(directory, { recursive: true, force: true }),
    };
  };
}

const isKeyError = (error: unknown) => error instanceof KeyError;
const account = keys[0] as (typeof keys)[number];
const publicPem = (der: Uint8Array, type: 'pkcs1' | 'spki') =>
  createPublicKey({ key: Buffer.from(der), format: 'der', type: 'pkcs1' }).export({
    type,
    format: 'pem',
  }) as string;

export const TEXT_TARGETS: readonly Target[] = [
  {
    name: 'strict-json',
    input: changed(
      texts([...genesisTexts, CONFIG, '[1,-2.5,1e3,"\\u00e9\\n",{"":[]},true,null]']),
      JSON_DIALECT,
    ),
    open: reader(readJson, (error) => error instanceof JsonError),
  },
  {
    name: 'genesis-json',
    input: changed(texts(genesisTexts), JSON_DIALECT),
    open: reader(readGenesis, (error) => error instanceof ProtocolError && error.code === 'BAD_GENESIS'),
  },
  {
    name: 'config-json',
    input: changed(texts([CONFIG, '{}']), JSON_DIALECT),
    open: fileTaker(
      (directory) => join(directory, 'ccoin.json'),
      (path) => loadConfig(path, { HOME: '/home/somebody' }),
      (error) => error instanceof ConfigError && !error.message.includes('\n'),
    ),
  },
  {
    name: 'public-key',
    input: changed([...keys, ...badKeys].map(({ public_key_hex }) => hex(public_key_hex))),
    open: reader(readPublicKey, (error) => error instanceof ProtocolError && error.code === 'BAD_PUBLIC_KEY'),
  },
  {
    name: 'private-key-file',
    input: changed(texts(keys.map(({ private_key_pem }) => private_key_pem))),
    open: fileTaker(
      (directory) => join(directory, account.address, '.keys', 'id_rsa'),
      (_, directory) => loadAccount(directory, account.address),
      isKeyError,
    ),
  },
  {
    name: 'public-key-file',
    input: changed(
      texts(
        keys.flatMap(({ public_key_hex }) => [
          publicPem(hex(public_key_hex), 'pkcs1'),
          publicPem(hex(public_key_hex), 'spki'),
        ]),
      ),
    ),
    open: fileTaker((directory) => join(directory, 'key.pub'), readPublicKeyFile, isKeyError),
  },
];
