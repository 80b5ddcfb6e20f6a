/** The network that the rows measure: whose it is, its genesis, and who sends. */
import type { Account } from '../../src/keys/account.js';
import { toBase64 } from '../../src/protocol/bytes.js';
import { type Genesis, genesisBlock, parseGenesis } from '../../src/protocol/genesis.js';
import { benchAccounts } from './accounts.js';

export const VALIDATORS = 4;
/** The nodes that follow: one that has the chain, one that fetches it. */
const FOLLOWERS = 2;
const BALANCE = 1_000_000_000_000;
/** Fixed, so that the same keys give the same genesis and signed transfers can be kept. */
const GENESIS_TIME_MS = 1_735_689_600_000;

export interface World {
  readonly genesis: Genesis;
  /** In the order of the authority set. */
  readonly validators: readonly Account[];
  readonly followers: readonly Account[];
  readonly senders: readonly Account[];
}

/** When a block is due: at once with `minBound` transactions pending, with fewer of them after `intervalS`. */
interface Pace {
  readonly minBound: number;
  readonly intervalS: number;
}

/** For throughput: blocks of at least a few hundred, which cost little each and are not waited for long. */
export const BUSY: Pace = { minBound: 500, intervalS: 1 };
/** For latency: a block as soon as there is a transaction, and none without. */
export const QUIET: Pace = { minBound: 1, intervalS: 3_600 };

/** Four authorities, no proof of work. */
export async function benchWorld(senderCount: number, { minBound, intervalS }: Pace): Promise<World> {
  const accounts = await benchAccounts(VALIDATORS + FOLLOWERS + senderCount);
  const validators = accounts.slice(0, VALIDATORS);
  const senders = accounts.slice(VALIDATORS + FOLLOWERS);
  const { config } = parseGenesis(
    JSON.stringify({
      network_id: 1,
      time: GENESIS_TIME_MS,
      miners: validators.map(({ address, publicKey }) => ({ address, public_key: toBase64(publicKey) })),
      alloc: Object.fromEntries(senders.map(({ address }) => [address, { balance: BALANCE }])),
      block_mining: {
        interval: intervalS,
        min_bound: minBound,
        max_bound: 4000,
        difficulty: 0,
        allow_empty: false,
      },
      genesis_block: { difficulty: 0 },
    }),
  );
  return {
    genesis: genesisBlock(config),
    validators,
    followers: accounts.slice(VALIDATORS, VALIDATORS + FOLLOWERS),
    senders,
  };
}
