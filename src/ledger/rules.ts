/** What of a genesis the ledger's checks read: fixed for the life of a network. */
import { fromHex, type Hash } from '../protocol/bytes.js';
import type { GenesisConfig } from '../protocol/genesis.js';

export interface LedgerRules {
  readonly genesisId: Uint8Array;
  /** The longest data of a transaction. */
  readonly maxDataBytes: number;
  readonly minFee: number;
  /** The most transactions in a block. */
  readonly maxBound: number;
  /** What a block's coinbase gets, as long as the supply allows it. */
  readonly reward: number;
  /** Leading zero hex digits of every block's id after genesis. */
  readonly difficulty: number;
}

export function rulesOf(genesis: GenesisConfig, genesisId: Hash): LedgerRules {
  return {
    genesisId: fromHex(genesisId),
    maxDataBytes: genesis.transaction.max_data,
    minFee: genesis.transaction.min_fee,
    maxBound: genesis.block_mining.max_bound,
    reward: genesis.block_mining.reward,
    difficulty: genesis.block_mining.difficulty,
  };
}
