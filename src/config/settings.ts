/**
 * Every key of ccoin.json: what it may be, its default, its unit and why it is there. The loader, the environment's
 * variables, docs/configuration.md and ccoin.example.json all follow this table; tests hold the last two to it.
 */
import { isAddress, isHash } from '../protocol/bytes.js';
import { MAX_HEIGHT } from '../protocol/fields.js';
import {
  boolean,
  choice,
  integer,
  list,
  object,
  optional,
  type Schema,
  type SchemaValue,
  text,
  withDefault,
} from '../protocol/schema.js';
import { isHost, parseEndpoint } from './endpoint.js';

/** One key, beside the schema of its value. */
export interface Setting<T> extends Schema<T> {
  readonly why: string;
  readonly unit?: string;
  /** A path of the file system: relative ones are resolved when the file is read. */
  readonly isPath?: true;
  /** What happens without a value, where there is no default. */
  readonly absent?: string;
}

interface Notes {
  readonly why: string;
  readonly unit?: string;
  readonly isPath?: true;
}

function setting<T>(schema: Schema<T>, notes: Notes): Setting<T> {
  return { ...schema, ...notes };
}

function optionalSetting<T>(
  schema: Schema<T>,
  notes: Notes & { readonly absent: string },
): Setting<T | undefined> {
  return { ...optional(schema), ...notes };
}

const MAX_TEXT = 4096;
const MAX_PEERS_LISTED = 1000;
/**
 * What a peer that was away for a while fetches at once, and twice what lies between two copies of the state tree, so
 * that the last one can be taken up at a start.
 */
const MIN_PRUNE = 2048;

const ADDRESS = 'an address of 40 lower-case hex digits';
const path = text('a path', (value) => value !== '' && value.length <= MAX_TEXT && !value.includes('\0'));
const host = text('a host name or IP address', isHost);
const port = integer(0, 65_535);
const endpoint = text(
  'HOST:PORT, IPv6 addresses in brackets',
  (value) => parseEndpoint(value)?.port !== undefined,
);

export const SETTINGS = {
  app: {
    base_path: setting(withDefault(path, '.ccoin'), {
      isPath: true,
      why: 'Where accounts, chains and their databases live, one directory an account.',
    }),
  },
  client: {
    account_address: optionalSetting(text(ADDRESS, isAddress), {
      absent: 'commands that act for an account ask for it',
      why: 'The account that the node runs as and that commands sign with; `create-account` makes one.',
    }),
  },
  discovery_service: {
    host: setting(host, { why: 'Where nodes of the network find each other.' }),
    port: setting(withDefault(integer(1, 65_535), 4444), { why: 'The port of the discovery service.' }),
    proto: setting(withDefault(choice('http', 'https'), 'http'), {
      why: 'https where a proxy in front of the service ends TLS. Entries are signed either way.',
    }),
  },
  p2p: {
    host: setting(withDefault(host, '127.0.0.1'), {
      why: 'The address to listen on for other nodes; 0.0.0.0 for all. Loopback until told otherwise, so that nothing is exposed by accident.',
    }),
    port: setting(withDefault(port, 0), {
      why: 'The port to listen on for other nodes; 0 takes a free one.',
    }),
    advertise: optionalSetting(
      text('HOST or HOST:PORT, IPv6 addresses in brackets', (value) => parseEndpoint(value) !== undefined),
      {
        absent: 'p2p.host and p2p.port, if others can reach them',
        why: 'Where others reach this node, when that is not where it listens (NAT, containers).',
      },
    ),
    peers: setting(withDefault(list(endpoint, 0, MAX_PEERS_LISTED), []), {
      why: 'Nodes to connect to, with or without a discovery service.',
    }),
    allow: optionalSetting(list(text(ADDRESS, isAddress), 1, MAX_PEERS_LISTED), {
      absent: 'everybody of the network may connect',
      why: 'The only accounts that may connect; all others are sent away with NOT_ALLOWED.',
    }),
    tls: setting(withDefault(boolean(), false), {
      why: 'Mutual TLS 1.3 between nodes. All nodes of a network must agree on it.',
    }),
    max_inbound: setting(withDefault(integer(0, 1000), 40), {
      unit: 'connections',
      why: 'How many others may have connected to this node; authorities always have a place.',
    }),
  },
  http: {
    host: setting(withDefault(host, '127.0.0.1'), {
      why: 'The address that the HTTP API listens on. Loopback until told otherwise.',
    }),
    port: optionalSetting(port, {
      absent: 'the p2p port + 1, or a free one if p2p.port is 0',
      why: 'The port that the HTTP API listens on; 0 takes a free one.',
    }),
    token_file: optionalSetting(path, {
      isPath: true,
      absent: '`http.token` in the directory of the account',
      why: 'Holds the bearer token that lets HTTP clients spend from the account of the node; made at first start, readable by its owner only.',
    }),
  },
  network: {
    genesis_id: optionalSetting(text('a genesis id of 64 lower-case hex digits', isHash), {
      absent: 'the genesis of `initc`, or of the first peer, with a warning',
      why: 'Pins the network: a genesis block with any other id is refused.',
    }),
  },
  storage: {
    prune: optionalSetting(integer(MIN_PRUNE, MAX_HEIGHT), {
      unit: 'blocks',
      absent: 'everything is kept',
      why: 'How many of the newest blocks are kept whole. Of older ones only headers and certificates stay, and no transactions, history or past states. Some nodes of a network must keep everything, as new ones sync from them.',
    }),
    snapshot: setting(withDefault(integer(0, MAX_HEIGHT), 10_000), {
      unit: 'blocks',
      why: 'How many blocks lie between the snapshots of the state that are made for nodes that join; 0 makes none. Equal numbers let several nodes give parts of the same one. The last two are kept.',
    }),
    sync: setting(withDefault(choice('full', 'snapshot'), 'full'), {
      why: 'How a node without a chain begins: with all blocks from the beginning, each checked and kept, or with the newest snapshot of its peers, checked against a final header. The latter is for long chains: it takes a fraction of the time, but relies on the quorum of authorities for what was before.',
    }),
  },
  log: {
    level: setting(
      withDefault(choice('trace', 'debug', 'info', 'warn', 'error', 'fatal', 'silent'), 'info'),
      {
        why: 'The least severe messages that are written.',
      },
    ),
    pretty: optionalSetting(boolean(), {
      absent: 'true on a terminal, else false',
      why: 'Whether log lines are for people rather than JSON.',
    }),
  },
} as const satisfies Readonly<Record<string, Readonly<Record<string, Setting<unknown>>>>>;

type Settings = typeof SETTINGS;
/** `app.base_path`, `p2p.port` and so on: a key of ccoin.json. */
export type SettingPath = { [S in keyof Settings]: `${S}.${keyof Settings[S] & string}` }[keyof Settings];

/** ccoin.json as a whole. */
export const CONFIG_FILE = object({
  app: withDefault(object(SETTINGS.app), {}),
  client: withDefault(object(SETTINGS.client), {}),
  // Without the section the node asks no discovery service.
  discovery_service: optional(object(SETTINGS.discovery_service)),
  p2p: withDefault(object(SETTINGS.p2p), {}),
  http: withDefault(object(SETTINGS.http), {}),
  network: withDefault(object(SETTINGS.network), {}),
  storage: withDefault(object(SETTINGS.storage), {}),
  log: withDefault(object(SETTINGS.log), {}),
});

export type ConfigFile = SchemaValue<typeof CONFIG_FILE>;

/** The table, flat, in its order. */
export function allSettings(): readonly {
  readonly path: SettingPath;
  readonly section: keyof Settings;
  readonly key: string;
  readonly setting: Setting<unknown>;
  /** The environment's variable that overrides it. */
  readonly variable: string;
}[] {
  return Object.entries(SETTINGS).flatMap(([section, keys]) =>
    Object.entries(keys).map(([key, setting]) => ({
      path: `${section}.${key}` as SettingPath,
      section: section as keyof Settings,
      key,
      setting: setting as Setting<unknown>,
      variable: `CCOIN_${section}_${key}`.toUpperCase(),
    })),
  );
}
