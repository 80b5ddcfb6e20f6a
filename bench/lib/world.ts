/** The networks that the rows measure: whose they are, their genesis, and who sends. */
import type { Account } from '../../src/keys/account.js';
import { toBase64 } from '../../src/protocol/bytes.js';
import { type Genesis, genesisBlock, parseGenesis } from '../../src/protocol/genesis.js';
import { benchAccounts } from './accounts.js';

export const VALIDATORS = 4;
/** The nodes that follow: one that has the chain, one that fetches it. */
const FOLLOWERS = 2;
/** They send one transfer at a time, beside the senders that make the load. */
const PROBES = 4;
/** They give a coin to each of a million addresses. */
const MAKERS = 4;
const BALANCE = 1_000_000_000_000;
/** Fixed, so that the same keys give the same genesis and signed transfers can be kept. */
const GENESIS_TIME_MS = 1_735_689_600_000;

export interface World {
  readonly genesis: Genesis;
  /** In the order of the authority set. */
  readonly validators: readonly Account[];
  readonly followers: readonly Account[];
  readonly probes: readonly Account[];
  readonly makers: readonly Account[];
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

/** Four authorities or as many as said, no proof of work. */
export async function benchWorld(
  senderCount: number,
  { minBound, intervalS }: Pace,
  validatorCount = VALIDATORS,
  say: (text: string) => void = () => {},
): Promise<World> {
  const accounts = await benchAccounts(VALIDATORS + FOLLOWERS + PROBES + MAKERS + senderCount, say);
  let taken = 0;
  const take = (count: number) => {
    taken += count;
    return accounts.slice(taken - count, taken);
  };
  const validators = take(VALIDATORS)
    .slice(0, validatorCount)
    .sort((a, b) => (a.address < b.address ? -1 : 1));
  const followers = take(FOLLOWERS);
  const probes = take(PROBES);
  const makers = take(MAKERS);
  const senders = take(senderCount);
  const { config } = parseGenesis(
    JSON.stringify({
      network_id: 1,
      time: GENESIS_TIME_MS,
      miners: validators.map(({ address, publicKey }) => ({ address, public_key: toBase64(publicKey) })),
      alloc: Object.fromEntries(
        [...probes, ...makers, ...senders].map(({ address }) => [address, { balance: BALANCE }]),
      ),
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
  return { genesis: genesisBlock(config), validators, followers, probes, makers, senders };
}
