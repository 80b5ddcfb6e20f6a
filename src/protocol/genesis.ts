/** The genesis configuration, validated and canonical, and the block it gives (section 6). */
import { AuthoritySet } from './authorities.js';
import {
  assembleBlock,
  type Block,
  decodeBlock,
  GENESIS_NUMBER,
  type Header,
  MAX_BLOCK_BYTES,
  miningHashOf,
} from './block.js';
import { type Address, equalBytes, fromBase64, toBase64, utf8, ZERO_ADDRESS, ZERO_HASH } from './bytes.js';
import { canonicalJson } from './canonical-json.js';
import { ProtocolError } from './errors.js';
import { FILE, type FileConfig, type FileMiner, type Placeholder } from './genesis-schema.js';
import { addressOf, assertPublicKey } from './keys.js';
import { meetsDifficulty, seekNonce } from './proof-of-work.js';
import { SchemaError } from './schema.js';
import { type Account, EMPTY_ACCOUNT } from './state.js';
import { StateTree } from './state-tree.js';
import { type Json, JsonError, parseJson } from './strict-json.js';

export type { Placeholder };

/** The complete configuration, defaults filled in, as it stands in the genesis block's data. */
export interface GenesisConfig {
  readonly network_id: number;
  /** Milliseconds. */
  readonly time: number;
  /** Sorted by address; public keys as standard base64 of the PKCS#1 DER. */
  readonly miners: readonly { readonly address: Address; readonly public_key: string }[];
  readonly alloc: Readonly<Record<Address, { readonly balance: number }>>;
  readonly block_mining: {
    /** Seconds, at most 3 decimals. */
    readonly interval: number;
    readonly max_bound: number;
    readonly min_bound: number;
    readonly reward: number;
    readonly difficulty: number;
    readonly allow_empty: boolean;
    readonly placeholder_data: Placeholder;
  };
  readonly transaction: {
    readonly placeholder_data: Placeholder;
    readonly max_data: number;
    readonly min_fee: number;
  };
  readonly max_peers: number;
  readonly genesis_block: {
    readonly coinbase: Address | '';
    readonly coinbase_reward: number;
    readonly difficulty: number;
  };
  readonly consensus: {
    readonly leader_election: 'round-robin';
    readonly timeout_propose_ms: number;
    readonly timeout_vote_ms: number;
    readonly timeout_delta_ms: number;
    readonly timeout_max_ms: number;
  };
}

export interface ParseOptions {
  /** The time to fill in where the file has none; without it such a file is refused. */
  readonly nowMs?: number;
  /** The public key (PKCS#1 DER) of a miner given by bare address. */
  readonly resolveKey?: (address: Address) => Uint8Array | undefined;
}

/** A genesis block and the state it founds. */
export interface Genesis {
  readonly config: GenesisConfig;
  readonly block: Block;
  readonly accounts: ReadonlyMap<Address, Account>;
  readonly supply: number;
}

/**
 * Reads the text of a genesis.json: validates it, fills in the defaults, resolves and sorts the miners.
 * @returns `completed` says that the file had no time and `options.nowMs` was taken: others need the completed file.
 * @throws ProtocolError BAD_GENESIS naming the key, what was found and what was expected
 */
export function parseGenesis(
  text: string,
  options: ParseOptions = {},
): { readonly config: GenesisConfig; readonly completed: boolean } {
  const file = readFile(text);
  const time = file.time ?? options.nowMs;
  if (time === undefined) throw badGenesis('time is missing: it must be an integer, milliseconds since 1970');
  const config = { ...file, time, miners: resolveMiners(file.miners, options.resolveKey) };
  assertSound(config);
  return { config, completed: file.time === undefined };
}

/** The text that stands in the genesis block's data. */
export function canonicalGenesis(config: GenesisConfig): string {
  return canonicalJson(config as unknown as Json);
}

export function authoritiesOf(config: GenesisConfig): AuthoritySet {
  return new AuthoritySet(
    config.miners.map(({ address, public_key }) => ({
      address,
      publicKey: fromBase64(public_key) as Uint8Array,
    })),
  );
}

/**
 * The one genesis block of a configuration. Seeks the proof of work on the calling thread: 16^difficulty hashes.
 * @throws ProtocolError BAD_GENESIS if the block would be too large
 */
export function genesisBlock(config: GenesisConfig): Genesis {
  const founded = found(config);
  const nonce = seekNonce(
    miningHashOf(founded.header),
    founded.header.difficulty,
    0,
    Number.MAX_SAFE_INTEGER,
  );
  if (nonce === undefined) throw new Error('no nonce fits the genesis block');
  const block = assembleBlock(founded.header, nonce, null, []);
  if (block.wire.length > MAX_BLOCK_BYTES) {
    throw badGenesis(`the genesis block has ${block.wire.length} bytes, over ${MAX_BLOCK_BYTES}`);
  }
  return { config, block, accounts: founded.accounts, supply: founded.supply };
}

/**
 * Reads a genesis block that somebody else gives (GLK, or a file of initc). Believes only its configuration and its
 * nonce: everything else is computed anew and must be the same bytes.
 * @throws ProtocolError MALFORMED or BAD_GENESIS
 */
export function readGenesisBlock(wire: Uint8Array): Genesis {
  const before = readBefore.get(wire);
  if (before !== undefined) return before;
  // A genesis block has no transactions, so there is nothing whose id the genesis id would enter.
  const { header, nonce } = decodeBlock(wire, NO_GENESIS);
  if (header.data === null) throw badGenesis('the genesis block carries no configuration');
  const text = decodeText(header.data);
  const { config } = parseGenesis(text);
  if (canonicalGenesis(config) !== text)
    throw badGenesis("the genesis block's configuration is not canonical");

  const founded = found(config);
  const block = assembleBlock(founded.header, nonce, null, []);
  if (!equalBytes(block.wire, wire))
    throw badGenesis('the genesis block is not what its configuration gives');
  if (!meetsDifficulty(block.id, header.difficulty))
    throw badGenesis('the genesis block lacks its proof of work');
  const below = Math.min(nonce, MAX_NONCES_CHECKED);
  if (seekNonce(block.miningHash, header.difficulty, 0, below) !== undefined) {
    throw badGenesis(`the genesis block's nonce ${nonce} is not the lowest that fits`);
  }
  const genesis = { config, block, accounts: founded.accounts, supply: founded.supply };
  readBefore.set(block.wire, genesis);
  return genesis;
}

/** By the wire form that went with it: a start hands that on from part to part, and each wants to know what it says. */
const readBefore = new WeakMap<Uint8Array, Genesis>();
const NO_GENESIS = new Uint8Array(32);
/**
 * That no lower nonce fits is checked for so many: a few seconds of work. Beyond, only the proof of work is, or a
 * stranger's block of high difficulty would keep us busy for hours.
 */
const MAX_NONCES_CHECKED = 2 ** 22;

/** The genesis header and state of a configuration: all of the block but its nonce. */
function found(config: GenesisConfig): {
  header: Header;
  accounts: ReadonlyMap<Address, Account>;
  supply: number;
} {
  const { coinbase, coinbase_reward: reward, difficulty } = config.genesis_block;
  const accounts = new Map<Address, Account>();
  for (const [address, { balance }] of Object.entries(config.alloc)) {
    accounts.set(address, { ...EMPTY_ACCOUNT, balance });
  }
  if (reward > 0) {
    const before = accounts.get(coinbase) ?? EMPTY_ACCOUNT;
    accounts.set(coinbase, { ...before, balance: before.balance + reward });
  }
  const header: Header = {
    number: GENESIS_NUMBER,
    time: config.time,
    hashParent: ZERO_HASH,
    hashState: StateTree.build(accounts).root,
    hashTxns: ZERO_HASH,
    hashAuthorities: authoritiesOf(config).hash,
    coinbase: coinbase || ZERO_ADDRESS,
    reward,
    difficulty,
    data: utf8(canonicalGenesis(config)),
  };
  return { header, accounts, supply: supplyOf(config) };
}

function supplyOf(config: Pick<GenesisConfig, 'alloc' | 'genesis_block'>): number {
  let supply = config.genesis_block.coinbase_reward;
  for (const { balance } of Object.values(config.alloc)) {
    if (balance > Number.MAX_SAFE_INTEGER - supply) {
      throw badGenesis('alloc and genesis_block.coinbase_reward together must not be above 2^53-1');
    }
    supply += balance;
  }
  return supply;
}

function readFile(text: string): FileConfig {
  try {
    return FILE.read(parseJson(text), '');
  } catch (error) {
    if (error instanceof JsonError || error instanceof SchemaError) throw badGenesis(error.message);
    throw error;
  }
}

/** The rules between keys, which no schema of a single one can hold. */
function assertSound({ alloc, block_mining, genesis_block }: GenesisConfig): void {
  if (block_mining.min_bound > block_mining.max_bound) {
    const { min_bound, max_bound } = block_mining;
    throw badGenesis(`block_mining.min_bound must not be above max_bound ${max_bound}, but is ${min_bound}`);
  }
  if (genesis_block.coinbase_reward > 0 && genesis_block.coinbase === '') {
    throw badGenesis(
      'genesis_block.coinbase_reward must be 0 as long as genesis_block.coinbase names nobody',
    );
  }
  supplyOf({ alloc, genesis_block });
}

function resolveMiners(
  miners: readonly FileMiner[],
  resolveKey: ParseOptions['resolveKey'],
): GenesisConfig['miners'] {
  const seen = new Set<Address>();
  const resolved = miners.map(({ address, public_key }, i) => {
    if (seen.has(address)) throw badGenesis(`miners[${i}] must be there once: ${address} stands twice`);
    seen.add(address);
    const key = public_key === undefined ? resolveKey?.(address) : fromBase64(public_key);
    if (key === undefined) {
      throw badGenesis(
        public_key === undefined
          ? `miners[${i}]: the public key of ${address} is not known`
          : `miners[${i}].public_key must be standard base64 of the DER`,
      );
    }
    assertMinerKey(key, address, i);
    return { address, public_key: toBase64(key) };
  });
  return resolved.sort((a, b) => (a.address < b.address ? -1 : 1));
}

function assertMinerKey(key: Uint8Array, address: Address, i: number): void {
  try {
    assertPublicKey(key);
  } catch (error) {
    if (error instanceof ProtocolError) throw badGenesis(`miners[${i}].public_key: ${error.message}`);
    throw error;
  }
  if (addressOf(key) !== address) {
    throw badGenesis(`miners[${i}].public_key must be that of ${address}, not of ${addressOf(key)}`);
  }
}

function decodeText(bytes: Uint8Array): string {
  try {
    return new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(bytes);
  } catch {
    throw badGenesis("the genesis block's configuration is not UTF-8");
  }
}

function badGenesis(message: string): ProtocolError {
  return new ProtocolError('BAD_GENESIS', message);
}
