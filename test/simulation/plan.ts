/** What one seed draws: the network, its genesis, who lies, which faults come, and how often. */
import { toBase64 } from '../../src/protocol/bytes.js';
import { type Genesis, genesisBlock, parseGenesis } from '../../src/protocol/genesis.js';
import { Chance } from './chance.js';
import { EPOCH_MS } from './clock.js';
import { hashedKeys, type KeyRing, rsaKeys, type SimKey } from './keys.js';
import { LATER_TRICKS, TRICKS, type Trick } from './liar.js';

export const FAULTS = [
  'crash',
  'power cut',
  'stop',
  'pause',
  'restart all',
  'wipe chain',
  'wipe both',
  'sync error',
  'disk full',
  'flipped bit',
  'clock jump',
  'partition',
  'one-way cut',
  'link by link',
] as const;
/** Drawn apart from the others, as is whatever came later: seeds keep the rest of their plans. */
export const LATER_FAULTS = ['flipped key', 'flipped record', 'cut record'] as const;
export const ALL_FAULTS = [...FAULTS, ...LATER_FAULTS] as const;
export type Fault = (typeof ALL_FAULTS)[number];

export interface Plan {
  readonly seed: number;
  readonly rsa: boolean;
  readonly ring: KeyRing;
  /** Sorted by address: the authorities' order. */
  readonly authorities: readonly SimKey[];
  readonly basics: readonly SimKey[];
  readonly clients: readonly SimKey[];
  readonly genesis: Genesis;
  readonly liars: ReadonlyMap<number, readonly Trick[]>;
  /** More lie than the network bears: it may split, but not unseen. */
  readonly beyond: boolean;
  /** Each comes about so often, in milliseconds; those not named never do. */
  readonly faults: ReadonlyMap<Fault, number>;
  readonly faultsUntilMs: number;
  readonly strikeRate: number;
  readonly loss: number;
  readonly duplication: number;
  readonly reordering: number;
  readonly splitting: number;
  readonly maxDelayMs: number;
  readonly bytesPerMs: number;
  readonly diskLatencyMs: number;
  readonly maxSkewMs: number;
  readonly maxDrift: number;
  /** Between two submissions. */
  readonly submitEveryMs: number;
  /** Of submissions that nobody should make. */
  readonly oddity: number;
  /** Machines that have to ask others for their genesis block when they start for the first time. */
  readonly withoutGenesis: ReadonlySet<number>;
  /** Whether these know its id; against liars they must. */
  readonly pinned: boolean;
  /** Machines that keep only so many of their newest blocks whole. A quorum of honest authorities keeps all. */
  readonly pruning: ReadonlyMap<number, number>;
  readonly snapshots: Snapshots;
}

export interface Snapshots {
  /** Blocks from one to the next; 0 for none. */
  readonly every: number;
  /** Accounts in a part at the most. */
  readonly partAccounts: number;
  /** Machines that begin with one if they have no chain. With the liars no more authorities than may lie. */
  readonly joining: ReadonlySet<number>;
  /** Those of them that start when the others have a chain, and when. */
  readonly late: ReadonlyMap<number, number>;
}

export const NO_SNAPSHOTS: Snapshots = { every: 0, partAccounts: 1, joining: new Set(), late: new Map() };

const CLIENTS = 6;

export function drawPlan(seed: number): Plan {
  const chance = new Chance(seed, 'plan');
  const rsa = chance.chance(0.05);
  const count = rsa
    ? chance.pick([1, 3, 4])
    : chance.pick([4, 4, 4, 4, 4, 4, 4, 4, 1, 2, 3, 3, 5, 6, 7, 7, 7, 10, 13]);
  const basicCount = rsa ? chance.below(2) : chance.pick([0, 0, 0, 0, 1, 1, 1, 1, 2, 2, 3, 10]);
  const ring = rsa
    ? rsaKeys(new Chance(seed, 'signatures'))
    : hashedKeys(count + basicCount + CLIENTS, new Chance(seed, 'signatures'));
  const byAddress = (a: SimKey, b: SimKey) => (a.address < b.address ? -1 : 1);
  const authorities = ring.keys.slice(0, count).sort(byAddress);
  const basics = ring.keys.slice(count, count + basicCount);
  const clients = ring.keys.slice(rsa ? 0 : count + basicCount);

  const faulty = Math.floor((count - 1) / 3);
  const beyond = count >= 4 && chance.chance(0.03);
  // Not a quorum of them: that could make final what no honest one has looked at, and nothing would be left to check.
  const most = Math.ceil((2 * count) / 3) - 1;
  const lying = beyond
    ? Math.min(faulty + 1 + chance.below(2), most)
    : chance.chance(0.6)
      ? chance.below(faulty + 1)
      : 0;
  const places = authorities.map((_, index) => index);
  const liars = new Map(
    chance
      .sample(places, lying)
      .map((index) => [index, chance.sample<Trick>(TRICKS, 1 + chance.below(4))] as const),
  );
  const laterTricks = new Chance(seed, 'later tricks');
  for (const [index, tricks] of liars) {
    for (const trick of LATER_TRICKS) if (laterTricks.chance(0.5)) liars.set(index, [...tricks, trick]);
  }
  // What is said to all grows with the square of the nodes, and so does the time to simulate it.
  const large = count + basicCount > 6;
  const quiet = chance.chance(0.1);
  const faults = new Map<Fault, number>();
  if (!quiet) {
    for (const fault of FAULTS) {
      if (chance.chance(0.35)) faults.set(fault, chance.pick([4_000, 10_000, 25_000]));
    }
    const later = new Chance(seed, 'later faults');
    for (const fault of LATER_FAULTS) {
      if (later.chance(0.3)) faults.set(fault, later.pick([4_000, 10_000, 25_000]));
    }
  }
  return {
    seed,
    rsa,
    ring,
    authorities,
    basics,
    clients,
    genesis: drawGenesis(chance, authorities, clients, large),
    liars,
    beyond,
    faults,
    faultsUntilMs: chance.between(8_000, large ? 25_000 : 50_000),
    strikeRate: !quiet && chance.chance(0.4) ? chance.pick([0.000_2, 0.001, 0.004]) : 0,
    loss: !quiet && chance.chance(0.4) ? chance.pick([0.01, 0.05, 0.3]) : 0,
    duplication: !quiet && chance.chance(0.3) ? 0.05 : 0,
    reordering: !quiet && chance.chance(0.3) ? 0.1 : 0,
    splitting: chance.chance(0.3) ? 0.1 : 0,
    maxDelayMs: chance.pick([2, 20, 20, 100, 300]),
    bytesPerMs: chance.pick([Number.POSITIVE_INFINITY, 10_000, 300]),
    diskLatencyMs: chance.pick([0.2, 1, 1, 10]),
    maxSkewMs: chance.pick([0, 100, 3_000, 6_000]),
    maxDrift: chance.pick([0, 0.000_1, 0.01]),
    submitEveryMs: chance.pick(large ? [1_000, 4_000] : [50, 200, 500, 2_000]),
    oddity: chance.pick([0, 0.1, 0.3]),
    ...drawWithoutGenesis(new Chance(seed, 'without genesis'), count, basicCount, liars),
    ...drawKeeping(seed, count, basicCount, liars),
  };
}

function drawKeeping(
  seed: number,
  count: number,
  basicCount: number,
  liars: Plan['liars'],
): Pick<Plan, 'pruning' | 'snapshots'> {
  const pruning = drawPruning(new Chance(seed, 'pruning'), count, basicCount, liars);
  const chance = new Chance(seed, 'snapshots');
  if (!chance.chance(0.5)) return { pruning, snapshots: NO_SNAPSHOTS };
  const authorities = Array.from({ length: count }, (_, index) => index);
  const keepers = chance.sample(
    authorities.filter((index) => !liars.has(index) && !pruning.has(index)),
    Math.ceil((2 * count) / 3),
  );
  const others = Array.from({ length: count + basicCount }, (_, index) => index).filter(
    (index) => !keepers.includes(index),
  );
  // One that never saw the earlier blocks cannot know what it signed, and is silent for a height: as good as a liar.
  let room = Math.floor((count - 1) / 3) - liars.size;
  const joining = others
    .filter(() => chance.chance(0.7))
    .filter((index) => index >= count || liars.has(index) || room-- > 0);
  const late = joining
    .filter(() => chance.chance(0.8))
    .map((index) => [index, chance.between(5_000, 20_000)] as const);
  const snapshots = {
    every: chance.pick([2, 3, 5, 8]),
    partAccounts: chance.pick([1, 3, 1_024]),
    joining: new Set(joining),
    late: new Map(late),
  };
  return { pruning, snapshots };
}

/** Never more authorities than a basic node knows less one: it must find one that keeps all. */
const MAX_PRUNING_AUTHORITIES = 3;

function drawPruning(
  chance: Chance,
  count: number,
  basicCount: number,
  liars: Plan['liars'],
): ReadonlyMap<number, number> {
  if (!chance.chance(0.4)) return new Map();
  const authorities = Array.from({ length: count }, (_, index) => index);
  const keepers = chance.sample(
    authorities.filter((index) => !liars.has(index)),
    Math.ceil((2 * count) / 3),
  );
  const others = chance.sample(
    authorities.filter((index) => !keepers.includes(index)),
    MAX_PRUNING_AUTHORITIES,
  );
  const basics = Array.from({ length: basicCount }, (_, index) => count + index);
  const pruning = [...others, ...basics].filter(() => chance.chance(0.7));
  return new Map(pruning.map((index) => [index, chance.pick([3, 5, 10, 30])]));
}

/** Any, as long as an honest authority has it. */
function drawWithoutGenesis(
  chance: Chance,
  count: number,
  basicCount: number,
  liars: Plan['liars'],
): Pick<Plan, 'withoutGenesis' | 'pinned'> {
  const pinned = liars.size > 0 || chance.chance(0.5);
  if (!chance.chance(0.3)) return { withoutGenesis: new Set(), pinned };
  const honest = Array.from({ length: count }, (_, index) => index).filter((index) => !liars.has(index));
  const giver = chance.pick(honest);
  const others = Array.from({ length: count + basicCount }, (_, index) => index).filter((i) => i !== giver);
  return { withoutGenesis: new Set(others.filter(() => chance.chance(0.4))), pinned };
}

function drawGenesis(
  chance: Chance,
  authorities: readonly SimKey[],
  clients: readonly SimKey[],
  large: boolean,
): Genesis {
  const maxBound = chance.pick([1, 5, 100, 1_000]);
  const balance = chance.chance(0.1) ? 1.5e15 : 1_000_000;
  const timeoutProposeMs = chance.pick([300, 500, 1_000, 3_000]);
  const config = {
    network_id: 1 + chance.below(1_000),
    time: EPOCH_MS - 60_000,
    miners: authorities.map(({ address, publicKey }) => ({ address, public_key: toBase64(publicKey) })),
    alloc: Object.fromEntries(clients.slice(0, -1).map(({ address }) => [address, { balance }])),
    block_mining: {
      interval: chance.pick(large ? [3, 10] : [0.5, 1, 3, 10]),
      max_bound: maxBound,
      min_bound: Math.min(maxBound, chance.pick([1, 1, 1, 3, 10])),
      reward: chance.pick([0, 1, 100, 1e14]),
      difficulty: chance.pick([0, 0, 0, 1, 2]),
      allow_empty: chance.chance(0.5),
    },
    transaction: { min_fee: chance.pick([0, 0, 1, 5]), max_data: chance.pick([0, 64, 4_096]) },
    genesis_block: chance.chance(0.3)
      ? { coinbase: chance.pick(authorities).address, coinbase_reward: 50, difficulty: 0 }
      : { difficulty: 0 },
    consensus: {
      timeout_propose_ms: timeoutProposeMs,
      timeout_vote_ms: chance.pick([100, 300, 1_000]),
      timeout_delta_ms: chance.pick([1, 100, 500]),
      timeout_max_ms: chance.pick([2_000, 10_000, 60_000]) + timeoutProposeMs,
    },
  };
  return genesisBlock(parseGenesis(JSON.stringify(config)).config);
}
