/**
 * Where a scenario is played: a quiet network of simulated machines whose letters go by the story instead of by chance.
 * The story is about one height; once it is told everything works again, and what the simulation promises of any
 * network must hold: a quorum adds its heights, and all that is stored is equal.
 */
import { fromHex, toBase64 } from '../../../src/protocol/bytes.js';
import { genesisBlock, parseGenesis } from '../../../src/protocol/genesis.js';
import { Chance } from '../chance.js';
import { EPOCH_MS } from '../clock.js';
import { hashedKeys, type SimKey } from '../keys.js';
import type { Machine } from '../machine.js';
import { NO_SNAPSHOTS, type Plan } from '../plan.js';
import { type Script, Simulation } from '../simulation.js';
import type { Kind } from '../spoken.js';
import { FalseTongue, type Retelling } from './false-tongue.js';
import { Post } from './post.js';
import type { Scenario, Story, Turn } from './scenario.js';

/** The height of the story: the one after the first block that was made in peace. */
export const HEIGHT = 3;
const SEED = 0x5ce;
const CLIENTS = 3;
/** Long enough for all to be there before the first block is due. */
const INTERVAL_S = 5;
const STORY_MS = 60_000;
const RECOVERY_MS = 60_000;

export class Stage implements Script {
  readonly recoveryMs = RECOVERY_MS;
  readonly #scenario: Scenario;
  #simulation: Simulation | undefined;
  #post: Post | undefined;
  #story: Story | undefined;
  #turn: Turn | undefined;
  /** Effects at which a machine ends, in their order. */
  readonly #ends = new Map<Machine, string[]>();

  constructor(scenario: Scenario) {
    this.#scenario = scenario;
  }

  get waitsFor(): string {
    return this.#turn?.what ?? 'it begins';
  }

  get simulation(): Simulation {
    if (this.#simulation === undefined) throw new Error('the stage is empty before the play');
    return this.#simulation;
  }

  get post(): Post {
    if (this.#post === undefined) throw new Error('no letters before the play');
    return this.#post;
  }

  get genesisId(): Uint8Array {
    return fromHex(this.simulation.plan.genesis.block.id);
  }

  // Script

  begin(simulation: Simulation): void {
    this.#simulation = simulation;
    this.#post = new Post(simulation.internet, HEIGHT, this.genesisId, simulation.machines.length);
    this.#story = this.#scenario.tell(this);
    this.#turn = this.#story.next().value ?? undefined;
  }

  goOn(): boolean {
    while (this.#turn?.holds()) {
      this.simulation.say(`the story: ${this.#turn.what}`);
      this.#turn = this.#story?.next().value ?? undefined;
    }
    if (this.#turn === undefined) this.post.allowAll();
    return this.#turn !== undefined;
  }

  readonly strikesAt = (machine: Machine, effect: string): boolean => {
    const ends = this.#ends.get(machine);
    if (ends?.[0] !== effect || machine.node?.consensus.core.height !== HEIGHT) return false;
    ends.shift();
    return true;
  };

  // For stories

  /** Who leads that round of the height. */
  leader(round: number): Machine {
    const { machines } = this.simulation;
    return machines[(HEIGHT + round) % machines.length] as Machine;
  }

  /** What this authority says of the height is altered on its way out; it counts among the liars. */
  lies(machine: Machine, retelling: Retelling = () => undefined): void {
    machine.liar = new FalseTongue(machine, this.genesisId, retelling);
    this.simulation.judge.liars.add(machine.key.address);
  }

  /** Neither hears nor is heard, until the story is over. */
  cutOff(machine: Machine): void {
    for (const other of this.simulation.machines) if (other !== machine) this.separate(machine, other);
  }

  /** Neither hears the other. */
  separate(one: Machine, other: Machine): void {
    const { internet } = this.simulation;
    internet.cut(one.name, other.name);
    internet.cut(other.name, one.name);
  }

  /** Is gone, and never comes back. */
  dies(machine: Machine): void {
    machine.dead = true;
    machine.crash('power');
  }

  /** Crashes now, and is started again at once. */
  restarts(machine: Machine): void {
    machine.crash('process');
    this.simulation.agenda.after(1, () => machine.start());
  }

  /** In the story's height it ends at each of these effects, in this order, and is started again. */
  endsAt(machine: Machine, ...effects: string[]): void {
    this.#ends.set(machine, effects);
  }

  hasEnded(machine: Machine): boolean {
    return this.#ends.get(machine)?.length === 0;
  }

  isIn(round: number, ...machines: readonly Machine[]): boolean {
    return machines.every(({ node }) => {
      const core = node?.consensus.core;
      return core?.height === HEIGHT && core.round === round;
    });
  }

  /** The round and block that a machine is locked on at the height; undefined for none. */
  lock(machine: Machine): { readonly round: number; readonly blockId: string } | undefined {
    const core = machine.node?.consensus.core;
    return core?.height === HEIGHT ? (core.locked ?? undefined) : undefined;
  }

  /** Whether such a word left the machine at the height; it is on its disk then. */
  hasSaid({ key }: Machine, kind: Kind, round: number): boolean {
    return this.simulation.judge.hasSaid(key.address, HEIGHT, round, kind);
  }

  isFinal(...machines: readonly Machine[]): boolean {
    return machines.every(({ finalNumber }) => finalNumber >= HEIGHT);
  }
}

/** A turn of a story. */
export function until(what: string, holds: () => boolean): Turn {
  return { what, holds };
}

/** The network that a scenario is played on, ready to run. */
export function stageOf(
  scenario: Scenario,
  print?: (line: string) => void,
  change: Partial<Plan> = {},
): Simulation {
  const plan = { ...quietPlan(scenario.authorities, scenario.splits === true), ...change };
  return new Simulation(SEED, print, plan, new Stage(scenario));
}

/** Nothing but what the story says happens. */
function quietPlan(count: number, beyond: boolean): Plan {
  const ring = hashedKeys(count + CLIENTS, new Chance(SEED, 'signatures'));
  const authorities = ring.keys
    .slice(0, count)
    .sort(({ address: a }: SimKey, { address: b }: SimKey) => (a < b ? -1 : 1));
  const config = {
    network_id: 1,
    time: EPOCH_MS,
    miners: authorities.map(({ address, publicKey }) => ({ address, public_key: toBase64(publicKey) })),
    alloc: Object.fromEntries(ring.keys.map(({ address }) => [address, { balance: 1_000 }])),
    block_mining: { interval: INTERVAL_S, difficulty: 0, min_bound: 10, max_bound: 100 },
    genesis_block: { difficulty: 0 },
    consensus: {
      timeout_propose_ms: 500,
      timeout_vote_ms: 300,
      timeout_delta_ms: 100,
      timeout_max_ms: 2_000,
    },
  };
  return {
    seed: SEED,
    rsa: false,
    ring,
    authorities,
    basics: [],
    clients: ring.keys.slice(count),
    genesis: genesisBlock(parseGenesis(JSON.stringify(config)).config),
    liars: new Map(),
    beyond,
    faults: new Map(),
    faultsUntilMs: STORY_MS,
    strikeRate: 0,
    loss: 0,
    duplication: 0,
    reordering: 0,
    splitting: 0,
    maxDelayMs: 2,
    bytesPerMs: Number.POSITIVE_INFINITY,
    diskLatencyMs: 0.2,
    maxSkewMs: 0,
    maxDrift: 0,
    submitEveryMs: 2_000,
    oddity: 0,
    withoutGenesis: new Set(),
    pruning: new Map(),
    snapshots: NO_SNAPSHOTS,
    pinned: true,
  };
}
