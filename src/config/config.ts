/**
 * Loads ccoin.json: the file, overridden by the environment, overridden by flags; validated, complete and typed. What
 * is wrong with it comes back as one sentence that names the key and where its value came from.
 */
import { readFile, stat } from 'node:fs/promises';
import { dirname, resolve } from 'node:path';
import type { Address, Hash } from '../protocol/bytes.js';
import { nearestName, SchemaError } from '../protocol/schema.js';
import { type Json, JsonError, type JsonObject, joinPath, parseJson } from '../protocol/strict-json.js';
import { type HostPort, parseEndpoint } from './endpoint.js';
import { allSettings, CONFIG_FILE, type ConfigFile, type SettingPath } from './settings.js';

export interface Config {
  readonly app: { readonly basePath: string };
  readonly client: { readonly accountAddress: Address | undefined };
  /** Undefined if the node is to ask none. */
  readonly discoveryService:
    | { readonly host: string; readonly port: number; readonly proto: 'http' | 'https' }
    | undefined;
  readonly p2p: {
    readonly host: string;
    readonly port: number;
    readonly advertise: HostPort | undefined;
    readonly peers: readonly { readonly host: string; readonly port: number }[];
    /** Undefined if everybody may connect. */
    readonly allow: readonly Address[] | undefined;
    readonly tls: boolean;
    readonly maxInbound: number;
  };
  readonly http: {
    readonly host: string;
    /** Undefined for the p2p port + 1. */
    readonly port: number | undefined;
    /** Undefined for the one in the account's directory. */
    readonly tokenFile: string | undefined;
  };
  readonly network: { readonly genesisId: Hash | undefined };
  readonly storage: {
    /** Undefined if everything is kept. */
    readonly prune: number | undefined;
    /** Blocks; 0 for none. */
    readonly snapshot: number;
    readonly sync: ConfigFile['storage']['sync'];
  };
  readonly log: {
    readonly level: ConfigFile['log']['level'];
    /** Undefined to go by whether there is a terminal. */
    readonly pretty: boolean | undefined;
  };
}

/** The configuration cannot be used, and why: one sentence for whoever wrote it. */
export class ConfigError extends Error {
  override readonly name = 'ConfigError';
}

/** Values that flags set; undefined ones are as if they were not there. */
export type Overrides = Readonly<Partial<Record<SettingPath, Json | undefined>>>;
type Environment = Readonly<Record<string, string | undefined>>;

/** No configuration is longer: whatever is was named by mistake. */
const MAX_FILE_BYTES = 1024 * 1024;

/**
 * @param path of the file; undefined for none, then everything comes from `env`, `overrides` and defaults. Relative
 *   paths in the file are relative to the file's directory, those in `env` and `overrides` to the working directory.
 * @throws ConfigError
 */
export async function loadConfig(
  path: string | undefined,
  env: Environment = process.env,
  overrides: Overrides = {},
): Promise<Config> {
  const directory = path === undefined ? process.cwd() : dirname(resolve(path));
  const layers: readonly Layer[] = [
    path === undefined ? EMPTY : await fileLayer(path, env),
    environmentLayer(env),
    overrideLayer(overrides),
  ];
  return toConfig(validate(layers), directory);
}

/** Values from one place, and the place's name for each key, as error messages have it. */
interface Layer {
  readonly values: JsonObject;
  source(path: string): string;
}

const EMPTY: Layer = { values: {}, source: () => '' };

async function fileLayer(path: string, env: Environment): Promise<Layer> {
  const values = parseFile(await readConfigFile(path), path);
  if (typeof values !== 'object' || values === null || Array.isArray(values)) {
    throw new ConfigError(`the config file ${path} must hold an object in braces`);
  }
  return {
    values: expandVariables(values, '', path, env) as JsonObject,
    source: () => `in the config file ${path}`,
  };
}

function environmentLayer(env: Environment): Layer {
  const settings = allSettings();
  const sections = [...new Set(settings.map(({ section }) => `CCOIN_${section.toUpperCase()}_`))];
  const known = new Map(settings.map((entry) => [entry.variable, entry]));
  const values: Record<string, Record<string, Json>> = {};
  for (const [variable, text] of Object.entries(env)) {
    if (!text || !sections.some((prefix) => variable.startsWith(prefix))) continue;
    const entry = known.get(variable);
    if (entry === undefined) {
      const near = nearestName(variable, [...known.keys()]);
      const hint = near === undefined ? 'it sets nothing' : `did you mean ${near}?`;
      throw new ConfigError(`unknown environment variable ${variable}: ${hint}`);
    }
    const { section, key, setting } = entry;
    const value = fromText(text, setting.kind);
    values[section] = { ...values[section], [key]: setting.isPath ? resolve(text) : value };
  }
  const variables = new Map(settings.map(({ path, variable }) => [path as string, variable]));
  return {
    values,
    source: (path) => `in the environment variable ${variables.get(path.replace(/\[.*/, '')) ?? path}`,
  };
}

function overrideLayer(overrides: Overrides): Layer {
  const values: Record<string, Record<string, Json>> = {};
  for (const { path, section, key, setting } of allSettings()) {
    const value = overrides[path];
    if (value === undefined) continue;
    const resolved = setting.isPath && typeof value === 'string' ? resolve(value) : value;
    values[section] = { ...values[section], [key]: resolved };
  }
  return { values, source: () => 'on the command line' };
}

/** Lays the layers over each other, key by key, and validates what comes out. */
function validate(layers: readonly Layer[]): ConfigFile {
  const merged: Record<string, Json> = Object.create(null);
  for (const { values } of layers) {
    for (const [section, value] of Object.entries(values)) {
      const below = merged[section];
      merged[section] = isObject(below) && isObject(value) ? { ...below, ...value } : value;
    }
  }
  try {
    return CONFIG_FILE.read(merged, '');
  } catch (error) {
    if (!(error instanceof SchemaError)) throw error;
    const { path } = error;
    const section = path.replace(/\..*/, '');
    // A key that is missing is missed by whoever gave its section.
    const layer = [path, section]
      .map((at) => layers.findLast(({ values }) => holds(values, at)))
      .find(Boolean);
    throw new ConfigError(layer === undefined ? error.message : `${error.message} (${layer.source(path)})`);
  }
}

function holds(values: JsonObject, path: string): boolean {
  const [section = '', key] = path.replace(/\[.*/, '').split('.');
  const below = values[section];
  return key === undefined ? below !== undefined : isObject(below) && Object.hasOwn(below, key);
}

function isObject(value: Json | undefined): value is JsonObject {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

async function readConfigFile(path: string): Promise<string> {
  try {
    const { size } = await stat(path);
    if (size > MAX_FILE_BYTES) throw new ConfigError(`the config file ${path} is too large to be one`);
    return new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(await readFile(path));
  } catch (error) {
    if (error instanceof ConfigError) throw error;
    if (error instanceof TypeError) throw new ConfigError(`the config file ${path} is not UTF-8`);
    const { code } = error as NodeJS.ErrnoException;
    throw new ConfigError(
      code === 'ENOENT'
        ? `there is no config file ${path}`
        : `the config file ${path} cannot be read (${code})`,
      { cause: error },
    );
  }
}

function parseFile(text: string, path: string): Json {
  try {
    return parseJson(text);
  } catch (error) {
    if (error instanceof JsonError)
      throw new ConfigError(`the config file ${path} is broken: ${error.message}`);
    throw error;
  }
}

/** Replaces `${NAME}` in every text by the environment's variable. */
function expandVariables(value: Json, path: string, file: string, env: Environment): Json {
  if (typeof value === 'string') {
    return value.replace(/\$\{([^}]*)\}/g, (_, name: string) => {
      const found = Object.hasOwn(env, name) ? env[name] : undefined;
      if (found !== undefined) return found;
      throw new ConfigError(
        `${path} names the environment variable ${name}, which is not set (in the config file ${file})`,
      );
    });
  }
  if (Array.isArray(value)) {
    return value.map((element: Json, i) => expandVariables(element, joinPath(path, i), file, env));
  }
  if (!isObject(value)) return value;
  const entries = Object.entries(value);
  return Object.fromEntries(
    entries.map(([key, element]) => [key, expandVariables(element, joinPath(path, key), file, env)]),
  );
}

/** What a variable's text stands for; what fits no form stays text, and the schema refuses it by name. */
function fromText(text: string, kind: string): Json {
  if (kind === 'list') return text.split(',').map((element) => element.trim());
  if (kind === 'integer' && /^\d{1,16}$/.test(text)) return Number(text);
  if (kind === 'boolean' && (text === 'true' || text === 'false')) return text === 'true';
  return text;
}

function toConfig(file: ConfigFile, directory: string): Config {
  const { app, client, discovery_service, p2p, http, network, storage, log } = file;
  return {
    app: { basePath: resolve(directory, app.base_path) },
    client: { accountAddress: client.account_address },
    discoveryService: discovery_service,
    p2p: {
      host: p2p.host,
      port: p2p.port,
      advertise: p2p.advertise === undefined ? undefined : parseEndpoint(p2p.advertise),
      peers: p2p.peers.map((peer) => parseEndpoint(peer) as { host: string; port: number }),
      allow: p2p.allow,
      tls: p2p.tls,
      maxInbound: p2p.max_inbound,
    },
    http: {
      host: http.host,
      port: http.port,
      tokenFile: http.token_file === undefined ? undefined : resolve(directory, http.token_file),
    },
    network: { genesisId: network.genesis_id },
    storage,
    log: { level: log.level, pretty: log.pretty },
  };
}
