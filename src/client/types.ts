/** What the HTTP API answers, as an application sees it. Ids and addresses are hex, `time` is in seconds. */
import type { Address, Hash } from '../protocol/bytes.js';
import type { DataJson } from '../protocol/json.js';

/** A page of a list; `next` is the cursor of the page after it, null at the end. */
export interface PageJson<T> {
  readonly items: readonly T[];
  readonly next: string | null;
}

export type TransactionStatusJson =
  | { readonly state: 'pending'; readonly queue: 'ready' | 'waiting' }
  | {
      readonly state: 'final';
      readonly block_number: number;
      readonly index: number;
      readonly block_time: number;
    }
  | {
      readonly state: 'dropped';
      readonly reason: 'replaced' | 'expired' | 'invalid' | 'evicted';
      readonly detail: string;
    };

export interface TransactionJson {
  readonly id: Hash;
  readonly from: Address;
  readonly to: Address;
  readonly amount: number;
  readonly fee: number;
  /** The sender's nonce. */
  readonly number: number;
  readonly data: DataJson;
  /** The sender's clock. */
  readonly time: number;
  readonly signature: string;
  readonly status: TransactionStatusJson;
}

/** What an account holds as of some block. */
export interface AccountStateJson {
  readonly address: Address;
  readonly nonce: number;
  readonly balance: number;
  readonly stake: number;
}

export interface AccountJson extends AccountStateJson {
  /** The next nonce to use, counting what is pending. */
  readonly next_nonce: number;
  readonly pending: number;
  readonly block_number: number;
}

export interface CertificateJson {
  readonly round: number;
  readonly signatures: readonly {
    readonly authority: number;
    readonly address: Address | null;
    readonly signature: string;
  }[];
}

export interface BlockJson {
  readonly number: number;
  readonly id: Hash;
  readonly hash_parent: Hash;
  readonly hash_state: Hash;
  readonly hash_txns: Hash;
  readonly hash_authorities: Hash;
  readonly coinbase: Address;
  readonly reward: number;
  readonly difficulty: number;
  readonly nonce: number;
  readonly mining_hash: Hash;
  readonly data: DataJson;
  readonly time: number;
  readonly signature: string | null;
  readonly body: readonly TransactionJson[];
  readonly certificate: CertificateJson | null;
  /** The accounts that the block touched, or all of them if they were asked for, as they were after it. */
  readonly state: Readonly<Record<Address, AccountStateJson>>;
}

export interface BlocksJson {
  readonly items: readonly BlockJson[];
  /** The `from` to go on with, null at the head. */
  readonly next: number | null;
}

/** A block as the bytes that were hashed and signed, in base64: what `verifyBlock` takes. */
export interface BlockWireJson {
  readonly number: number;
  readonly id: Hash;
  readonly block: string;
  readonly certificate: string | null;
}

interface IdentityJson {
  readonly address: Address;
  readonly agent: string;
  readonly genesis_id: Hash;
  readonly network_id: number;
  readonly role: 'basic' | 'validator';
  readonly phase: string;
  readonly head: { readonly number: number; readonly id: Hash; readonly time: number };
}

export interface PeerJson {
  readonly address: Address;
  readonly host: string;
  readonly port: number;
  readonly inbound: boolean;
  readonly role: 'basic' | 'validator';
  readonly agent: string;
  readonly height: number;
  readonly score: number;
  readonly clock_offset_ms: number;
  readonly round_trip_ms: number | null;
  readonly connected_ms: number;
}

export interface NodeJson extends IdentityJson {
  readonly peers: readonly PeerJson[];
}

export interface StatusJson extends IdentityJson {
  readonly best_known_height: number;
  /** Above genesis only blocks above this one are kept whole, and states from it on; 0 if all are. */
  readonly base: number;
  readonly consensus: {
    readonly height: number;
    readonly round: number;
    readonly step: 'propose' | 'prevote' | 'precommit';
    readonly leader: Address;
    readonly quorum: number;
    readonly authorities: number;
    readonly authorities_present: readonly Address[];
    readonly authorities_missing: readonly Address[];
    /** How long a block has been due without one becoming final. */
    readonly stalled_ms: number;
  };
  readonly pool: { readonly ready: number; readonly waiting: number; readonly bytes: number };
  readonly peers: number;
  readonly supply: number;
  readonly uptime_ms: number;
}

export interface AuthorityJson {
  readonly index: number;
  readonly address: Address;
  /** Base64 of the PKCS#1 DER. */
  readonly public_key: string;
  readonly connected: boolean;
}

export interface EvidenceJson {
  readonly authority: Address;
  readonly height: number;
  readonly round: number;
  readonly type: 'proposal' | 'prevote' | 'precommit';
  readonly time: number;
  /** Wire forms of the two messages, base64. */
  readonly messages: readonly string[];
}

export type BatchItemJson =
  | { readonly accepted: true; readonly transaction: TransactionJson }
  | { readonly accepted: false; readonly error: ProblemJson };

/** RFC 9457 problem details, with ccoin's code and what to do about it. */
export interface ProblemJson {
  readonly title: string;
  readonly status: number;
  readonly detail: string;
  readonly code: string;
  readonly advice: string;
}

/** One event of `GET /events`. */
export interface FinalityJson {
  readonly number: number;
  readonly id: Hash;
  readonly leader: Address;
  readonly round: number;
  readonly transactions: number;
  readonly finality_ms: number;
  readonly synced: boolean;
}
