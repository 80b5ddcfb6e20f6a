/** The keys of genesis.json, each with its default and range: the table of section 6, executable. */
import { type Address, isAddress, utf8 } from './bytes.js';
import {
  boolean,
  choice,
  decimal,
  dictionary,
  integer,
  list,
  object,
  optional,
  refusal,
  type Schema,
  type SchemaValue,
  text,
  withDefault,
} from './schema.js';
import type { Json } from './strict-json.js';

const ADDRESS = 'an address of 40 lower-case hex digits';
const MAX_PLACEHOLDER_BYTES = 255;
const MAX_TIMEOUT_MS = 3_600_000;

/** What an idle miner fills data with: so many random bytes, or a text. */
export type Placeholder = readonly ['rnd', number] | readonly ['predef', string];

/** A miner as the file may have it: with its key, or by address alone. */
export interface FileMiner {
  readonly address: Address;
  readonly public_key?: string;
}

const address = text(ADDRESS, isAddress);
const timeout = integer(1, MAX_TIMEOUT_MS);

const minerObject = object({ address, public_key: text('a text in base64', () => true) });
const miner: Schema<FileMiner> = {
  kind: 'other',
  expected: 'an address or {address, public_key}',
  read(value, path) {
    if (typeof value === 'string') return { address: address.read(value, path) };
    if (typeof value !== 'object' || value === null || Array.isArray(value)) {
      throw refusal(path, this.expected, value);
    }
    return minerObject.read(value, path);
  },
};

const placeholder: Schema<Placeholder> = {
  kind: 'other',
  expected: `["rnd", 0 to 255] or ["predef", a text of at most ${MAX_PLACEHOLDER_BYTES} bytes]`,
  read(value, path) {
    const [kind, parameter] = (Array.isArray(value) && value.length === 2 ? value : []) as [Json?, Json?];
    if (kind === 'rnd') return ['rnd', integer(0, 255).read(parameter as Json, `${path}[1]`)];
    const fits = typeof parameter === 'string' && utf8(parameter).length <= MAX_PLACEHOLDER_BYTES;
    if (kind !== 'predef' || !fits) throw refusal(path, this.expected, value);
    return ['predef', parameter];
  },
};

const DEFAULT_PLACEHOLDER = ['rnd', 15] as const;

export const FILE = object({
  network_id: integer(),
  time: optional(integer()),
  miners: list(miner, 1, 100),
  alloc: dictionary({ expected: ADDRESS, fits: isAddress }, object({ balance: integer() })),
  block_mining: withDefault(
    object({
      interval: withDefault(decimal(0, 86_400, 3), 600),
      max_bound: withDefault(integer(1, 65_535), 100),
      min_bound: withDefault(integer(1, 65_535), 10),
      reward: withDefault(integer(), 100),
      difficulty: withDefault(integer(0, 16), 5),
      allow_empty: withDefault(boolean(), true),
      placeholder_data: withDefault(placeholder, DEFAULT_PLACEHOLDER),
    }),
    {},
  ),
  transaction: withDefault(
    object({
      placeholder_data: withDefault(placeholder, DEFAULT_PLACEHOLDER),
      max_data: withDefault(integer(0, 65_536), 4096),
      min_fee: withDefault(integer(), 0),
    }),
    {},
  ),
  max_peers: withDefault(integer(), 0),
  genesis_block: withDefault(
    object({
      coinbase: withDefault(
        text(`"" or ${ADDRESS}`, (value) => value === '' || isAddress(value)),
        '',
      ),
      coinbase_reward: withDefault(integer(), 0),
      difficulty: withDefault(integer(0, 16), 4),
    }),
    {},
  ),
  consensus: withDefault(
    object({
      leader_election: withDefault(choice('round-robin'), 'round-robin'),
      timeout_propose_ms: withDefault(timeout, 3000),
      timeout_vote_ms: withDefault(timeout, 1000),
      timeout_delta_ms: withDefault(timeout, 500),
      timeout_max_ms: withDefault(timeout, 60_000),
    }),
    {},
  ),
});

export type FileConfig = SchemaValue<typeof FILE>;
