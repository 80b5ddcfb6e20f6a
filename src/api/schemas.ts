/**
 * The JSON schemas of requests and answers. Requests are validated against theirs; answers are written with
 * JSON.stringify and held against theirs by the tests, so that a schema can never silently cut an answer.
 */
import type { ApiLimits } from './limits.js';
import type { Schema } from './validation.js';

const MAX_INTEGER = Number.MAX_SAFE_INTEGER;
const MAX_HEIGHT = 2 ** 31 - 1;

const integer = {
  type: 'integer',
  minimum: 0,
  maximum: MAX_INTEGER,
  description: `an integer from 0 to ${MAX_INTEGER}`,
};
const seconds = {
  type: 'number',
  minimum: 0,
  description: 'seconds since 1970-01-01T00:00Z, with a fraction',
};
const milliseconds = { type: 'number', description: 'milliseconds' };
const text = { type: 'string' };
const boolean = { type: 'boolean' };
export const address = {
  type: 'string',
  pattern: '^[0-9a-f]{40}$',
  description: 'an address (40 lower-case hex digits)',
};
const hash = { type: 'string', pattern: '^[0-9a-f]{64}$', description: 'an id (64 lower-case hex digits)' };
const base64 = { type: 'string', pattern: '^[A-Za-z0-9+/]*={0,2}$', description: 'base64' };
const data = { dataForm: true, description: 'a text, {"base64": …} or null' };
const cursor = {
  type: 'string',
  minLength: 1,
  maxLength: 256,
  description: 'the `next` of the page before',
};

function object(properties: Schema, optional: readonly string[] = []): Schema {
  const required = Object.keys(properties).filter((name) => !optional.includes(name));
  return { type: 'object', additionalProperties: false, required, properties, description: 'an object' };
}

function list(items: Schema): Schema {
  return { type: 'array', items };
}

function nullable(schema: Schema): Schema {
  return { anyOf: [schema, { type: 'null' }] };
}

function digits(min: number, max: number, defaultValue?: number): Schema {
  const schema = { type: 'string', digits: [min, max], description: `an integer from ${min} to ${max}` };
  return defaultValue === undefined ? schema : { ...schema, default: String(defaultValue) };
}

/** Members of a query string: all may be left out, each may stand once. */
function query(properties: Schema): Schema {
  return object(properties, Object.keys(properties));
}

function oneOfTexts(...values: string[]): Schema {
  return { type: 'string', enum: values, description: values.map((value) => `"${value}"`).join(' or ') };
}

function page(items: Schema, more: Schema = {}): Schema {
  return object({ ...more, items: list(items), next: nullable(text) });
}

// ---- requests

export const params = {
  address: object({ address }),
  id: object({ id: hash }),
  block: object({
    block: {
      type: 'string',
      pattern: '^(latest|[0-9a-f]{64}|[1-9][0-9]{0,9})$',
      description: 'a block number, a block id (64 lower-case hex digits) or "latest"',
    },
  }),
};

const DEFAULT_PAGE_ITEMS = 100;
const DEFAULT_PAGE_BLOCKS = 20;
const DEFAULT_MAX_BEHIND = 5;

/** The query strings that are read; what a route does not name it refuses. */
export function queries(limits: ApiLimits) {
  const limit = digits(1, limits.pageItems, Math.min(DEFAULT_PAGE_ITEMS, limits.pageItems));
  const since = {
    type: 'string',
    pattern: '^[0-9]{1,12}(\\.[0-9]{1,3})?$',
    description: 'seconds since 1970-01-01T00:00Z, with at most 3 decimals',
  };
  return {
    none: query({}),
    page: query({ limit, cursor }),
    accountTransactions: query({ since, limit, cursor }),
    transactions: query({ since, account: address, limit, cursor }),
    account: query({ block: digits(1, MAX_HEIGHT) }),
    blocks: query({
      from: digits(1, MAX_HEIGHT, 1),
      limit: digits(1, limits.pageBlocks, Math.min(DEFAULT_PAGE_BLOCKS, limits.pageBlocks)),
    }),
    block: query({ state: oneOfTexts('touched', 'all'), form: oneOfTexts('json', 'wire') }),
    transaction: query({ wait: digits(0, limits.waitSeconds, 0) }),
    batch: query({ form: oneOfTexts('json', 'short') }),
    ready: query({ max_behind: digits(0, MAX_HEIGHT, DEFAULT_MAX_BEHIND) }),
  };
}

const wire = { ...base64, minLength: 1, description: 'a signed transaction in base64' };

/** Either a transfer for the node to sign, or a transaction already signed. */
const submission = {
  type: 'object',
  description: 'an object with "wire", or with "sendto_address" and "amount"',
  if: { type: 'object', required: ['wire'] },
  // biome-ignore lint/suspicious/noThenProperty: this is JSON schema's keyword; nobody awaits it.
  then: object({ wire }),
  else: object(
    {
      sendto_address: {
        type: 'string',
        minLength: 1,
        maxLength: 2_000,
        description: 'an address, or a public key (base64 of its PKCS#1 DER, or PEM)',
      },
      amount: integer,
      fee: integer,
      data,
    },
    ['fee', 'data'],
  ),
};

export function bodies(limits: ApiLimits) {
  const wires = {
    type: 'array',
    items: { type: 'string', description: 'a signed transaction in base64' },
    minItems: 1,
    maxItems: limits.batchTransactions,
    description: `a list of 1 to ${limits.batchTransactions} signed transactions in base64`,
  };
  return {
    submission,
    batch: {
      description: 'a list of signed transactions in base64, or {"wires": that list}',
      if: { type: 'array' },
      // biome-ignore lint/suspicious/noThenProperty: this is JSON schema's keyword; nobody awaits it.
      then: wires,
      else: object({ wires }),
    },
    placed: object({
      block_number: { ...integer, minimum: 1, description: 'the number of a block' },
    }),
  };
}

// ---- answers

const status = {
  oneOf: [
    object({ state: { const: 'pending' }, queue: oneOfTexts('ready', 'waiting') }),
    object({ state: { const: 'final' }, block_number: integer, index: integer, block_time: seconds }),
    object({
      state: { const: 'dropped' },
      reason: oneOfTexts('replaced', 'expired', 'invalid', 'evicted'),
      detail: text,
    }),
  ],
};

export const problem = {
  ...object({ type: text, title: text, status: integer, detail: text, code: text, advice: text }),
  additionalProperties: true,
};

const transaction = object({
  id: hash,
  from: address,
  to: address,
  amount: integer,
  fee: integer,
  number: { ...integer, description: "the sender's nonce" },
  data,
  time: { ...seconds, description: "seconds on the sender's clock" },
  signature: base64,
  status,
});

const accountState = { address, nonce: integer, balance: integer, stake: integer };

const block = object({
  number: integer,
  id: hash,
  hash_parent: hash,
  hash_state: hash,
  hash_txns: hash,
  hash_authorities: hash,
  coinbase: address,
  reward: integer,
  difficulty: integer,
  nonce: integer,
  mining_hash: hash,
  data,
  time: seconds,
  signature: nullable(base64),
  body: list(transaction),
  certificate: nullable(
    object({
      round: integer,
      signatures: list(object({ authority: integer, address: nullable(address), signature: base64 })),
    }),
  ),
  state: { type: 'object', additionalProperties: object(accountState) },
});

const blockWire = object({ number: integer, id: hash, block: base64, certificate: nullable(base64) });

const account = object({ ...accountState, next_nonce: integer, pending: integer, block_number: integer });

const identity = {
  address,
  agent: text,
  genesis_id: hash,
  network_id: integer,
  role: oneOfTexts('basic', 'validator'),
  phase: text,
  head: object({ number: integer, id: hash, time: seconds }),
};

const peer = object({
  address,
  host: text,
  port: integer,
  inbound: boolean,
  role: oneOfTexts('basic', 'validator'),
  agent: text,
  height: integer,
  score: { type: 'number' },
  clock_offset_ms: milliseconds,
  round_trip_ms: nullable(milliseconds),
  connected_ms: milliseconds,
});

export const answers = {
  node: object({ ...identity, peers: list(peer) }),
  count: integer,
  block: { oneOf: [block, blockWire] },
  blocks: object({ items: list(block), next: nullable(integer) }),
  transaction,
  transactions: page(transaction),
  batch: object({
    items: list({
      oneOf: [
        object({ accepted: { const: true }, transaction }),
        object({ accepted: { const: true }, transaction: object({ id: hash, status }) }),
        object({ accepted: { const: false }, error: problem }),
      ],
    }),
  }),
  account,
  accounts: page(account),
  pool: page(transaction, { ready: integer, waiting: integer, bytes: integer }),
  peers: page(peer),
  authorities: page(object({ index: integer, address, public_key: base64, connected: boolean }), {
    quorum: integer,
  }),
  evidence: page(
    object({
      authority: address,
      height: integer,
      round: integer,
      type: oneOfTexts('proposal', 'prevote', 'precommit'),
      time: seconds,
      messages: list(base64),
    }),
  ),
  status: object({
    ...identity,
    best_known_height: integer,
    base: integer,
    consensus: object({
      height: integer,
      round: integer,
      step: oneOfTexts('propose', 'prevote', 'precommit'),
      leader: address,
      quorum: integer,
      authorities: integer,
      authorities_present: list(address),
      authorities_missing: list(address),
      stalled_ms: milliseconds,
    }),
    pool: object({ ready: integer, waiting: integer, bytes: integer }),
    peers: integer,
    supply: integer,
    uptime_ms: milliseconds,
  }),
  live: object({ live: { const: true } }),
  ready: object({ ready: { const: true } }),
};
