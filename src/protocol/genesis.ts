/** The genesis configuration, validated and canonical, and the block it gives (section 6). */
import type { Address } from './bytes.js';

export type Placeholder = readonly ['rnd', number] | readonly ['predef', string];

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
