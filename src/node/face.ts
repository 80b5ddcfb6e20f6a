/**
 * The node's public face: everything that the HTTP API, commands and tests may ask of a running node, and nothing
 * more. Reading never changes anything. Times are milliseconds; the API turns them into seconds.
 */
import type { Block } from '../protocol/block.js';
import type { Address, Hash } from '../protocol/bytes.js';
import type { Certificate } from '../protocol/certificate.js';
import type { ErrorCode } from '../protocol/errors.js';
import type { GenesisConfig } from '../protocol/genesis.js';
import type { Account } from '../protocol/state.js';
import type { Transaction } from '../protocol/transaction.js';

export type Role = 'basic' | 'validator';

/** Where in its life the node is (PROTOCOL section 9). */
export type Phase = 'genesis' | 'connecting' | 'comparing' | 'downloading' | 'ready' | 'stopping' | 'dead';

export interface NodeStatus {
  readonly address: Address;
  readonly agent: string;
  readonly genesisId: Hash;
  readonly networkId: number;
  readonly role: Role;
  readonly phase: Phase;
  readonly head: { readonly number: number; readonly id: Hash; readonly timeMs: number };
  /** The highest height a peer claims; never less than our own. */
  readonly bestKnownHeight: number;
  /** Above genesis only blocks above this one are kept whole, and states from it on; 0 if all are. */
  readonly base: number;
  readonly consensus: {
    readonly height: number;
    readonly round: number;
    readonly step: 'propose' | 'prevote' | 'precommit';
    readonly leader: Address;
    readonly quorum: number;
    readonly authorities: number;
    /** Authorities we are connected to (ourselves too, if we are one). */
    readonly authoritiesPresent: readonly Address[];
    readonly authoritiesMissing: readonly Address[];
    /** How long this height has been without progress although a block is due; 0 when none is due. */
    readonly stalledMs: number;
  };
  readonly pool: { readonly ready: number; readonly waiting: number; readonly bytes: number };
  readonly peers: number;
  readonly supply: number;
  readonly uptimeMs: number;
}

export interface PeerInfo {
  readonly address: Address;
  readonly host: string;
  readonly port: number;
  readonly inbound: boolean;
  readonly role: Role;
  readonly agent: string;
  readonly height: number;
  readonly score: number;
  readonly clockOffsetMs: number;
  readonly roundTripMs: number | null;
  readonly connectedMs: number;
}

export interface AuthorityInfo {
  readonly address: Address;
  readonly publicKey: Uint8Array;
  readonly index: number;
  readonly connected: boolean;
}

/** Two different messages signed by one authority for the same (height, round, type). */
export interface EvidenceInfo {
  readonly authority: Address;
  readonly height: number;
  readonly round: number;
  readonly type: 'proposal' | 'prevote' | 'precommit';
  readonly foundMs: number;
  /** Wire forms of the two messages. */
  readonly messages: readonly [Uint8Array, Uint8Array];
}

export interface FinalBlock {
  readonly block: Block;
  /** Null for genesis only. */
  readonly certificate: Certificate | null;
}

/** What becomes of a transaction. */
export type TransactionStatus =
  | { readonly state: 'pending'; readonly queue: 'ready' | 'waiting' }
  | {
      readonly state: 'final';
      readonly blockNumber: number;
      readonly index: number;
      readonly blockTimeMs: number;
    }
  | { readonly state: 'dropped'; readonly reason: DropReason; readonly detail: string };

export type DropReason = 'replaced' | 'expired' | 'invalid' | 'evicted';

export interface KnownTransaction {
  readonly transaction: Transaction;
  readonly status: TransactionStatus;
}

export type SubmitResult =
  | { readonly accepted: true; readonly transaction: Transaction; readonly status: TransactionStatus }
  | { readonly accepted: false; readonly code: ErrorCode; readonly message: string };

export interface AccountInfo {
  readonly address: Address;
  readonly account: Account;
  /** The next nonce to use, counting what is pending; equals account.nonce when asked for a past block. */
  readonly nextNonce: number;
  readonly pending: number;
  /** The block whose state this is. */
  readonly blockNumber: number;
}

/** One page of a list; `next` is the cursor of the page after it, null at the end. */
export interface Page<T> {
  readonly items: readonly T[];
  readonly next: string | null;
}

export interface Readiness {
  readonly ready: boolean;
  /** Why not, for a person; empty when ready. */
  readonly reasons: readonly string[];
}

export interface TransferOrder {
  readonly to: Address;
  readonly amount: number;
  readonly fee?: number;
  readonly data?: Uint8Array;
}

export interface BlockFinality {
  readonly block: Block;
  readonly certificate: Certificate;
  readonly leader: Address;
  /** From the start of the round's work on this node (first proposal seen or built) to durable; 0 when synced. */
  readonly finalityMs: number;
  readonly synced: boolean;
}

export interface NodeFace {
  readonly address: Address;
  readonly genesisId: Hash;
  readonly genesis: GenesisConfig;

  status(): NodeStatus;
  readiness(maxBehind: number): Readiness;
  peers(): readonly PeerInfo[];
  authorities(): readonly AuthorityInfo[];
  evidence(): Promise<readonly EvidenceInfo[]>;

  /** A final block by number or id; undefined if there is none. Here and below @throws ProtocolError PRUNED. */
  block(reference: number | Hash | 'latest'): Promise<FinalBlock | undefined>;
  /** The accounts that block `number` touched, as they were after it, in address order. */
  touchedAccounts(number: number): Promise<readonly (readonly [Address, Account])[]>;
  /** Every account as of block `number`, in address order. */
  accountsAt(number: number): AsyncIterable<readonly [Address, Account]>;

  account(address: Address, blockNumber?: number): Promise<AccountInfo | undefined>;
  accounts(cursor: string | undefined, limit: number): Promise<Page<AccountInfo>>;
  transaction(id: Hash): Promise<KnownTransaction | undefined>;
  /** Final transactions, newest first; `sinceMs` leaves out those in blocks before that time. */
  transactions(query: {
    readonly account?: Address;
    readonly sinceMs?: number;
    readonly cursor?: string;
    readonly limit: number;
  }): Promise<Page<KnownTransaction>>;
  pool(cursor: string | undefined, limit: number): Page<KnownTransaction>;

  /** Wire forms, signed elsewhere. One answer each, in order. */
  submit(wires: readonly Uint8Array[]): Promise<SubmitResult[]>;
  /** Signs with the node's own account and submits. */
  transfer(order: TransferOrder): Promise<SubmitResult>;

  /** Calls back for each block that becomes final here; returns the function that ends it. */
  onFinal(listener: (finality: BlockFinality) => void): () => void;
}
