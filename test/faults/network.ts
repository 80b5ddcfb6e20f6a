/** A whole network of processes under load: four validators, a basic node, and one that may join late. */
import { AuthoritySet } from '../../src/protocol/authorities.js';
import { fromHex } from '../../src/protocol/bytes.js';
import type { Chance } from '../simulation/chance.js';
import { ALLOC_EACH, TEST_KEYS, type TestGenesis, type TestKey, testGenesis } from '../support/genesis.js';
import { NodeHome } from '../support/node-process.js';
import { Junction } from './junction.js';
import { Links } from './links.js';
import { Load, type LoadAccount } from './load.js';
import { Member, type MemberName } from './member.js';
import { Witness } from './witness.js';

const VALIDATORS: readonly MemberName[] = ['v0', 'v1', 'v2', 'v3'];
const NAMES: readonly MemberName[] = [...VALIDATORS, 'basic', 'late'];
/** Far longer than anything takes: it only ends what hangs. */
const WITHIN_MS = 120_000;
/** Blocks that are waited for at a time: a busy machine may take long for many, but not for each. */
const STRETCH = 20;

export class Network {
  readonly genesis: TestGenesis;
  readonly links: Links;
  readonly witness: Witness;
  readonly load: Load;
  /** In the order of their turns to lead. */
  readonly validators: readonly Member[];
  readonly basic: Member;
  readonly late: Member;
  readonly #surprised: Promise<never>;
  readonly #atEnd: (() => Promise<unknown>)[] = [];

  private constructor(
    genesis: TestGenesis,
    links: Links,
    witness: Witness,
    members: readonly Member[],
    accounts: readonly LoadAccount[],
    chance: Chance,
  ) {
    this.genesis = genesis;
    this.links = links;
    this.witness = witness;
    this.validators = members.filter(({ role }) => role === 'validator');
    [this.basic, this.late] = members.slice(VALIDATORS.length) as [Member, Member];
    this.#surprised = new Promise((_, reject) => {
      for (const member of members) member.onSurprise(() => reject(new Error(member.surprises.join('; '))));
    });
    // Whoever waits for something hears of it; nobody needs to.
    this.#surprised.catch(() => {});
    this.load = new Load(accounts, members, genesis.id, chance.of('load'));
  }

  /** Starts all but the late one, and gives them work. */
  static async start(accounts: readonly LoadAccount[], chance: Chance): Promise<Network> {
    const genesis = genesisOf(accounts);
    const keys = keysInTurn();
    const links = new Links(chance.of('links'));
    const authorities = new AuthoritySet(keys.slice(0, VALIDATORS.length));
    const witness = new Witness(authorities, fromHex(genesis.id));
    const members: Member[] = [];
    for (const [index, name] of NAMES.entries()) {
      const key = keys[index] as TestKey;
      const home = await NodeHome.create(key, name === 'late' ? null : genesis);
      const junction = await Junction.open(key.address, links, witness);
      members.push(new Member(name, VALIDATORS.includes(name) ? 'validator' : 'basic', home, junction));
    }
    for (const member of members) await configure(member, members, genesis);
    for (const member of members) if (member.name !== 'late') member.start();
    return new Network(genesis, links, witness, members, accounts, chance);
  }

  get members(): readonly Member[] {
    return [...this.validators, this.basic, this.late];
  }

  get running(): readonly Member[] {
    return this.members.filter(({ running }) => running);
  }

  get addresses(): readonly string[] {
    return this.members.map(({ address }) => address);
  }

  /** The greatest head of those that run. */
  get head(): number {
    return Math.max(...this.running.map(({ head }) => head));
  }

  /** Who leads the first round of `height`. */
  leaderOf(height: number): Member {
    return this.validators[height % this.validators.length] as Member;
  }

  without(...members: readonly Member[]): readonly Member[] {
    return this.running.filter((member) => !members.includes(member));
  }

  /** Resolves once all of these have `blocks` more than the longest chain has now. @returns that height */
  async grows(blocks: number, members: readonly Member[] = this.running): Promise<number> {
    const from = this.head;
    const height = from + blocks;
    const names = members.map(({ name }) => name).join(', ');
    for (let next = Math.min(from + STRETCH, height); ; next = Math.min(next + STRETCH, height)) {
      await this.within(
        `block ${next}, of ${blocks} from ${from} on, on ${names}`,
        Promise.all(members.map((member) => member.untilHead(next))),
      );
      if (next === height) return height;
    }
  }

  /** Resolves once a new block of this authority is final: it signs, and the others heed it. */
  async untilLeads(validator: Member): Promise<void> {
    const { head, running } = this;
    const [observer] = this.without(validator);
    if (observer === undefined) throw new Error(`only ${running.length} nodes run`);
    const led = observer.process.until(
      ({ event, number, leader }) =>
        event === 'final' && (number as number) > head && leader === validator.address,
    );
    await this.within(`a block of ${validator.name}`, led);
  }

  /** To be done when all is over, before the directories are removed. */
  atEnd(task: () => Promise<unknown>): void {
    this.#atEnd.push(task);
  }

  /** @throws Error that says what was awaited, if it hangs or a node ends meanwhile that should not */
  async within<T>(what: string, awaited: Promise<T>): Promise<T> {
    let timer: NodeJS.Timeout | undefined;
    const hanging = new Promise<never>((_, reject) => {
      const say = () => reject(new Error(`after ${WITHIN_MS / 1000} s there was still no sign of ${what}`));
      timer = setTimeout(say, WITHIN_MS);
    });
    try {
      return await Promise.race([awaited, hanging, this.#surprised]);
    } finally {
      clearTimeout(timer);
    }
  }

  /** What must not outlive the processes. */
  async close(): Promise<void> {
    this.load.abandon();
    for (const task of this.#atEnd) await task();
    await Promise.all(this.members.map(({ junction }) => junction.close()));
  }
}

/** The keys of the tests, the authorities first and in the order of their turns. */
function keysInTurn(): readonly TestKey[] {
  const byAddress = (a: TestKey, b: TestKey) => (a.address < b.address ? -1 : 1);
  const authorities = TEST_KEYS.slice(0, VALIDATORS.length).sort(byAddress);
  return [...authorities, ...TEST_KEYS.slice(VALIDATORS.length)];
}

/** Ten blocks a second at most, as long as there is work, and timeouts that a busy machine can keep. */
function genesisOf(accounts: readonly LoadAccount[]): TestGenesis {
  const holders = [...TEST_KEYS, ...accounts];
  return testGenesis(VALIDATORS.length, {
    alloc: Object.fromEntries(holders.map(({ address }) => [address, { balance: ALLOC_EACH }])),
    block_mining: {
      interval: 0.1,
      min_bound: 1000,
      max_bound: 1000,
      reward: 100,
      difficulty: 0,
      allow_empty: false,
    },
    consensus: { timeout_propose_ms: 1_000, timeout_vote_ms: 500, timeout_delta_ms: 250 },
  });
}

/** All of them dial each other through the junctions, and know of no other way. */
async function configure(member: Member, members: readonly Member[], genesis: TestGenesis): Promise<void> {
  const others = members.filter((other) => other !== member);
  await member.home.configure({
    p2p: { advertise: member.junction.endpoint, peers: others.map(({ junction }) => junction.endpoint) },
    http: { port: 0 },
    network: { genesis_id: genesis.id },
  });
}
