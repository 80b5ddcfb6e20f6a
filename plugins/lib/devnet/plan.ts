/** What a devnet consists of: its nodes, its genesis and their settings. Pure: nothing here touches the machine. */
import type { Address, Hash } from '../../../src/protocol/bytes.js';
import { toBase64 } from '../../../src/protocol/bytes.js';

export type NodeRole = 'validator' | 'basic';

/** What the caller asked for; undefined where the default, or what is there already, will do. */
export interface Wishes {
  readonly validators?: number | undefined;
  readonly basic?: number | undefined;
  /** Seconds. */
  readonly interval?: number | undefined;
  readonly difficulty?: number | undefined;
}

export interface Shape {
  readonly validators: number;
  readonly basic: number;
  readonly interval: number;
  readonly difficulty: number;
}

/** Quick to look at, and as small a proof of work as still is one. */
export const DEFAULT_SHAPE: Shape = { validators: 4, basic: 1, interval: 5, difficulty: 1 };

/** Accounts that send what `--load` asks for: together they may have 10 × 256 transactions waiting in a pool. */
export const LOAD_ACCOUNTS = 10;

export interface NodePlan {
  readonly name: string;
  readonly role: NodeRole;
  readonly address: Address;
}

export interface KeyOwner {
  readonly address: Address;
  /** PKCS#1 DER. */
  readonly publicKey: Uint8Array;
}

const NODE_BALANCE = 1_000_000_000;
const LOAD_BALANCE = 1_000_000_000_000;
/** A day of load cannot spend more than a load account has, so nothing ever runs dry. */
export const LOAD_FEE = 1;
export const LOAD_AMOUNT = 1;

export function shapeOf(wishes: Wishes): Shape {
  return {
    validators: wishes.validators ?? DEFAULT_SHAPE.validators,
    basic: wishes.basic ?? DEFAULT_SHAPE.basic,
    interval: wishes.interval ?? DEFAULT_SHAPE.interval,
    difficulty: wishes.difficulty ?? DEFAULT_SHAPE.difficulty,
  };
}

/** The first wish that a devnet of `shape` does not grant, for a message; undefined if it grants all. */
export function refusedWish(shape: Shape, wishes: Wishes): string | undefined {
  const names = ['validators', 'basic', 'interval', 'difficulty'] as const;
  const name = names.find((key) => wishes[key] !== undefined && wishes[key] !== shape[key]);
  return name && `--${name} ${shape[name]}, not ${wishes[name]}`;
}

/** Names and roles in the order in which accounts are handed to them. */
export function nodeNames({ validators, basic }: Shape): { name: string; role: NodeRole }[] {
  const named = (role: NodeRole, count: number) =>
    Array.from({ length: count }, (_, i) => ({ name: `${role}-${i + 1}`, role }));
  return [...named('validator', validators), ...named('basic', basic)];
}

/** The devnet's genesis.json. Generous to the load accounts, and to the nodes' own, so that one can play with them. */
export function genesisOf(
  shape: Shape,
  validators: readonly KeyOwner[],
  nodes: readonly Address[],
  load: readonly Address[],
  timeMs: number,
): object {
  return {
    network_id: 1,
    time: timeMs,
    miners: validators.map(({ address, publicKey }) => ({ address, public_key: toBase64(publicKey) })),
    alloc: Object.fromEntries([
      ...nodes.map((address) => [address, { balance: NODE_BALANCE }]),
      ...load.map((address) => [address, { balance: LOAD_BALANCE }]),
    ]),
    block_mining: { interval: shape.interval, min_bound: 1, max_bound: 2000, difficulty: shape.difficulty },
    transaction: { min_fee: LOAD_FEE },
    genesis_block: { difficulty: 1 },
  };
}

/** A node's ccoin.json, which lies in the directory of its data. Its ports are free ones, new at each start. */
export function configOf(address: Address, genesisId: Hash, discoveryPort: number): object {
  return {
    app: { base_path: '.' },
    client: { account_address: address },
    discovery_service: { host: '127.0.0.1', port: discoveryPort },
    p2p: { host: '127.0.0.1', port: 0 },
    http: { host: '127.0.0.1', port: 0 },
    network: { genesis_id: genesisId },
    log: { level: 'info', pretty: false },
  };
}
