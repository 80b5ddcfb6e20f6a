/**
 * A simulated network of consensus cores alone: no disk, socket or key, one seed for all that happens. The shell around
 * each core is as slow as a real one (signing, syncing to disk, validating and building take time, and other inputs
 * come meanwhile); messages are late, lost, doubled and out of order; nodes crash at any point and come back with what
 * was on disk; up to f authorities lie. Everything said is checked as it leaves.
 */
import { Consensus } from '../../../src/consensus/consensus.js';
import type { Effect, Input, SignerRecord } from '../../../src/consensus/effects.js';
import { leaderIndexOf } from '../../../src/consensus/leader.js';
import {
  blockIdOfMessage,
  type ConsensusMessage,
  isProposal,
  kindOf,
  signerIndexOf,
  slotOf,
} from '../../../src/consensus/message.js';
import type { AuthoritySet } from '../../../src/protocol/authorities.js';
import type { Block } from '../../../src/protocol/block.js';
import type { Hash } from '../../../src/protocol/bytes.js';
import type { Certificate } from '../../../src/protocol/certificate.js';
import { PRECOMMIT, PREVOTE, type VoteType } from '../../../src/protocol/vote.js';
import { brief, type CoreClass } from './bench.js';
import {
  authoritySet,
  fakeBlock,
  persisted,
  propose,
  signStatement,
  TIMEOUTS,
  vote,
  ZERO_HASH,
} from './fakes.js';

/** Faults happen until here, in virtual milliseconds. */
const FAULTS_UNTIL_MS = 60_000;
/** After the faults each honest node must add `HEIGHTS_AFTER` heights within this. */
const RECOVERY_MS = 120_000;
const HEIGHTS_AFTER = 3;
const SILENCE_MS = 1_000;
const FIRST_HEIGHT = 2;
/** More messages of one height than any run needs: beyond it something grows without end. */
const MAX_MESSAGES_HELD = 2_000;

/** A repeatable source of chance. */
export class Chance {
  #state: number;

  constructor(seed: number) {
    this.#state = seed >>> 0;
  }

  /** From 0 up to, but not, 1 (mulberry32). */
  fraction(): number {
    this.#state = (this.#state + 0x6d2b79f5) >>> 0;
    let t = this.#state;
    t = Math.imul(t ^ (t >>> 15), t | 1);
    t ^= t + Math.imul(t ^ (t >>> 7), t | 61);
    return ((t ^ (t >>> 14)) >>> 0) / 2 ** 32;
  }

  below(limit: number): number {
    return Math.floor(this.fraction() * limit);
  }

  chance(probability: number): boolean {
    return this.fraction() < probability;
  }

  pick<T>(values: readonly T[]): T | undefined {
    return values[this.below(values.length)];
  }
}

/** What will happen when, the earliest first; what is due at once keeps its order. */
class Agenda {
  readonly #heap: { readonly at: number; readonly order: number; readonly run: () => void }[] = [];
  #order = 0;
  now = 0;

  after(delayMs: number, run: () => void): void {
    const heap = this.#heap;
    let i = heap.length;
    heap.push({ at: this.now + delayMs, order: this.#order++, run });
    while (i > 0) {
      const parent = (i - 1) >> 1;
      if (!this.#before(i, parent)) break;
      this.#swap(i, parent);
      i = parent;
    }
  }

  /** Runs the next event; false if there is none before `untilMs`. */
  next(untilMs: number): boolean {
    const heap = this.#heap;
    const first = heap[0];
    if (first === undefined || first.at > untilMs) return false;
    const last = heap.pop();
    if (last !== undefined && heap.length > 0) {
      heap[0] = last;
      this.#sink();
    }
    this.now = first.at;
    first.run();
    return true;
  }

  #sink(): void {
    for (let i = 0; ; ) {
      let least = i;
      for (const child of [2 * i + 1, 2 * i + 2]) {
        if (child < this.#heap.length && this.#before(child, least)) least = child;
      }
      if (least === i) return;
      this.#swap(i, least);
      i = least;
    }
  }

  #before(a: number, b: number): boolean {
    const [x, y] = [this.#heap[a], this.#heap[b]];
    if (x === undefined || y === undefined) return false;
    return x.at < y.at || (x.at === y.at && x.order < y.order);
  }

  #swap(a: number, b: number): void {
    const [x, y] = [this.#heap[a], this.#heap[b]];
    if (x === undefined || y === undefined) return;
    this.#heap[a] = y;
    this.#heap[b] = x;
  }
}

export class Violation extends Error {}

function violated(what: string): never {
  throw new Violation(what);
}

interface Final {
  readonly block: Block;
  readonly certificate: Certificate;
}

/** Sees everything that is said, and objects (section 8: what must hold whatever happens). */
class Judge {
  readonly finals = new Map<number, Final>();
  readonly #authorities: AuthoritySet;
  readonly #honest: ReadonlySet<number>;
  /** Who said what: "height round kind id" → authorities. */
  readonly #said = new Map<string, Set<number>>();
  /** What an honest authority said at "authority height round kind". */
  readonly #words = new Map<string, string>();
  readonly #highest = new Map<string, number>();
  /** The last block an honest authority precommitted at "authority height". */
  readonly #locks = new Map<string, { readonly round: number; readonly blockId: Hash }>();

  constructor(authorities: AuthoritySet, honest: ReadonlySet<number>) {
    this.#authorities = authorities;
    this.#honest = honest;
  }

  /** Something leaves its signer for the first time, or again. */
  hear(message: ConsensusMessage): void {
    const signer = signerIndexOf(message, this.#authorities);
    this.#sayers(message.height, message.round, kindOf(message), blockIdOfMessage(message)).add(signer);
    if (!this.#honest.has(signer)) return;
    this.#hearWord(message, signer);
    if (!isProposal(message)) this.#hearVote(message.type, message, signer);
  }

  final(height: number, { block, certificate }: Final): void {
    const known = this.finals.get(height);
    if (known !== undefined && known.block.id !== block.id) violated(`two final blocks of height ${height}`);
    const sayers = this.#sayers(height, certificate.round, PRECOMMIT, block.id);
    const proven = certificate.signatures.filter(({ authority }) => sayers.has(authority));
    if (new Set(proven.map(({ authority }) => authority)).size < this.#authorities.quorum)
      violated(`the certificate of height ${height} holds precommits that nobody signed in its round`);
    this.finals.set(height, known ?? { block, certificate });
  }

  #hearWord(message: ConsensusMessage, signer: number): void {
    const { height, round } = message;
    const key = `${signer} ${height} ${round} ${kindOf(message)}`;
    const word = `${blockIdOfMessage(message)} ${isProposal(message) ? message.validRound : ''}`;
    const before = this.#words.get(key);
    if (before === word) return;
    if (before !== undefined)
      violated(`authority ${signer} signed two things: ${brief(message)}, height ${height}`);
    this.#words.set(key, word);
    const slot = slotOf(message, kindOf(message));
    const highest = this.#highest.get(`${signer} ${height}`) ?? -1;
    if (slot < highest) violated(`authority ${signer} went back to ${brief(message)}, height ${height}`);
    this.#highest.set(`${signer} ${height}`, slot);
  }

  #hearVote(
    type: VoteType,
    { height, round, blockId }: { height: number; round: number; blockId: Hash | null },
    signer: number,
  ): void {
    if (blockId === null) return;
    const key = `${signer} ${height}`;
    if (type === PRECOMMIT) {
      if (!this.#hadQuorum(height, round, blockId))
        violated(`authority ${signer} precommitted without a quorum`);
      this.#locks.set(key, { round, blockId });
      return;
    }
    const lock = this.#locks.get(key);
    if (lock === undefined || lock.blockId === blockId) return;
    for (let r = lock.round; r < round; r++) if (this.#hadQuorum(height, r, blockId)) return;
    violated(`authority ${signer} broke its lock of round ${lock.round} in round ${round}, height ${height}`);
  }

  #hadQuorum(height: number, round: number, blockId: Hash): boolean {
    return this.#sayers(height, round, PREVOTE, blockId).size >= this.#authorities.quorum;
  }

  #sayers(height: number, round: number, kind: number, blockId: Hash | null): Set<number> {
    const key = `${height} ${round} ${kind} ${blockId}`;
    let sayers = this.#said.get(key);
    if (sayers === undefined) {
      sayers = new Set();
      this.#said.set(key, sayers);
    }
    return sayers;
  }
}

/** What survives a crash. */
class Disk {
  record: SignerRecord | null = null;
  readonly chain: Final[] = [];

  get nextHeight(): number {
    return FIRST_HEIGHT + this.chain.length;
  }

  get headId(): Hash {
    return this.chain.at(-1)?.block.id ?? ZERO_HASH;
  }
}

/** What leaves by ADR: in the queue with the effects, as they are owed in order. */
interface Answer {
  readonly type: 'answer';
  readonly run: () => void;
}

/** The shell around one honest core. */
class Node {
  readonly index: number;
  readonly disk = new Disk();
  readonly #world: Network;
  #core: Consensus | null = null;
  /** Counts lives: what an earlier life began is void. */
  #life = 0;
  #queue: (Effect | Answer)[] = [];
  #busy = false;

  constructor(index: number, world: Network) {
    this.index = index;
    this.#world = world;
  }

  get alive(): boolean {
    return this.#core !== null;
  }

  start(): void {
    const { world, disk } = { world: this.#world, disk: this.disk };
    const address = world.authorities.list[this.index]?.address ?? '';
    this.#core = new world.Core(address, TIMEOUTS, disk.nextHeight, world.authorities);
    this.#life++;
    this.#queue = [];
    this.#busy = false;
    this.#enter();
    if (disk.record !== null && disk.record.height === disk.nextHeight) this.#checkRestored(disk.record);
    this.#later(world.chance.below(500), () => this.#input({ type: 'acting', acting: true }));
    this.#askRepeatedly();
  }

  crash(): void {
    this.#core = null;
    this.#life++;
  }

  /** Between signing, the disk and the network, where it hurts most. */
  #crashAround(slow: () => void): void {
    if (this.#world.chance.chance(0.7)) slow();
    this.#world.crash(this);
  }

  /** Not only crashes stop a node from acting: sync does too. */
  pause(durationMs: number): void {
    this.#input({ type: 'acting', acting: false });
    this.#later(durationMs, () => this.#input({ type: 'acting', acting: true }));
  }

  hear(message: ConsensusMessage, from: number): void {
    if (this.#core === null) return;
    if (!this.#core.knows(message)) this.#input({ type: 'message', message }, from);
  }

  hearRepair(messages: readonly ConsensusMessage[], from: number): void {
    this.#input({ type: 'repair', messages }, from);
  }

  /** A final block with its certificate, as sync hands it over. */
  hearFinal(height: number, final: Final): void {
    if (this.#core === null || height !== this.disk.nextHeight) return;
    this.disk.chain.push(final);
    this.#enter();
  }

  /** LDR of `from`. */
  asked(from: number, height: number, holds: ReturnType<Consensus['holds']>): void {
    if (this.#core === null) return;
    if (height < this.#core.height) return this.#world.give(this.index, from, height);
    if (height > this.#core.height) return;
    const missing = this.#core.missing(holds);
    if (missing.length === 0) return;
    // Our newest word may still be on its way to the disk: the answer waits behind it.
    this.#queue.push({
      type: 'answer',
      run: () => this.#world.deliver(this.index, from, (to) => to.hearRepair(missing, this.index)),
    });
    if (!this.#busy) this.#drain();
  }

  #askRepeatedly(): void {
    const height = this.#core?.height;
    this.#later(SILENCE_MS, () => {
      const core = this.#core;
      if (core !== null && core.height === height) {
        const holds = core.holds();
        const held = core.missing([]).length;
        if (held > MAX_MESSAGES_HELD)
          violated(`authority ${this.index} holds ${held} messages of one height`);
        if (core.isDue) {
          for (const to of this.#world.nodes.keys())
            this.#world.deliver(this.index, to, (node) => node.asked(this.index, core.height, holds));
        }
      }
      this.#askRepeatedly();
    });
  }

  #enter(): void {
    const { authorities, chance } = this.#world;
    const height = this.disk.nextHeight;
    const record = this.disk.record?.height === height ? this.disk.record : null;
    this.#input({ type: 'height', height, authorities, record });
    this.#later(200 + chance.below(300), () => this.#input({ type: 'due', height }));
  }

  #checkRestored(record: SignerRecord): void {
    const locked = JSON.stringify(this.#core?.locked);
    if (locked !== JSON.stringify(record.locked)) violated(`authority ${this.index} lost its lock`);
    const offered = new Set(this.#core?.missing([]).map((message) => message.wire));
    for (const message of record.messages)
      if (!offered.has(message.wire)) violated(`authority ${this.index} lost ${brief(message)} by a restart`);
  }

  #input(input: Input, from = -1): void {
    if (this.#core === null) return;
    if (input.type === 'height' && input.height < this.#core.height) return;
    const effects = this.#core.step(input);
    for (const effect of effects) if (effect.type === 'relay') this.#world.sources.set(effect.message, from);
    const commit = effects.findIndex(({ type }) => type === 'commit');
    if (commit >= 0 && commit !== effects.length - 1) violated('something follows a commit');
    this.#queue.push(...effects);
    if (!this.#busy) this.#drain();
  }

  /** One effect after the other; slow ones hold up all behind them. */
  #drain(): void {
    this.#busy = false;
    for (let effect = this.#queue.shift(); effect !== undefined; effect = this.#queue.shift()) {
      const slow = this.#carryOut(effect);
      if (slow === undefined) continue;
      this.#busy = true;
      return this.#later(this.#world.chance.below(20), () => {
        if (this.#world.isStruck()) return this.#crashAround(slow);
        slow();
        this.#drain();
      });
    }
  }

  /** Returns what is done only after a while, if the effect is a slow one. */
  #carryOut(effect: Effect | Answer): (() => void) | undefined {
    const { chance, judge } = this.#world;
    switch (effect.type) {
      case 'sign':
        return () => {
          this.#busy = true;
          this.#input({ type: 'signed', message: signStatement(effect.statement) });
        };
      case 'persist':
        return () => {
          this.disk.record = persisted(this.disk.record, effect);
          // What is on disk counts as said: a restart offers it.
          const own = effect.messages.at(-1);
          if (own !== undefined) judge.hear(own);
        };
      case 'send':
        if (
          this.disk.record?.messages.includes(effect.message) !== true &&
          this.disk.record?.height === effect.message.height
        )
          violated(`authority ${this.index} sent what is not on disk`);
        this.#world.broadcast(this.index, effect.message, -1);
        return;
      case 'relay':
        this.#world.broadcast(this.index, effect.message, this.#world.sources.get(effect.message) ?? -1);
        return;
      case 'answer':
        effect.run();
        return;
      case 'schedule':
        this.#later(effect.delayMs, () => this.#input({ type: 'timeout', timeout: effect.timeout }));
        return;
      case 'validate':
        this.#later(chance.below(30), () => this.#validate(effect.block));
        return;
      case 'build':
        this.#later(chance.below(50), () => this.#build(effect.height, effect.round));
        return;
      case 'commit':
        return () => {
          const height = effect.block.header.number;
          if (height !== this.disk.nextHeight) return;
          if (effect.block.header.hashParent !== this.disk.headId)
            violated('a block on another parent is final');
          judge.final(height, effect);
          this.disk.chain.push(effect);
          this.#busy = true;
          this.#enter();
        };
      case 'stranger':
        return violated(
          `authority ${this.index} takes its own word for a stranger's: ${brief(effect.message)}`,
        );
      case 'broken':
        return violated(`block ${effect.block.id} is certified, but invalid at authority ${this.index}`);
      default:
        return;
    }
  }

  #validate(block: Block): void {
    const height = block.header.number;
    if (this.#core?.height !== height) return;
    const valid = block.header.hashParent === this.disk.headId && !this.#world.isBad(block);
    this.#input({ type: 'validated', height, blockId: block.id, valid, timely: true });
  }

  #build(height: number, round: number): void {
    if (this.#core?.height !== height) return;
    const fails = this.#world.isFaulty && this.#world.chance.chance(0.1);
    const block = fails ? null : this.#world.newBlock(this.index, height, this.disk.headId, false);
    this.#input({ type: 'built', height, round, block });
  }

  #later(delayMs: number, run: () => void): void {
    const life = this.#life;
    this.#world.agenda.after(delayMs, () => {
      if (this.#life === life) run();
    });
  }
}

/** An authority that says whatever hurts: other things to others, of any round, old things again, or nothing at all. */
class Liar {
  readonly index: number;
  readonly #world: Network;
  readonly #heard: ConsensusMessage[] = [];
  readonly #said: ConsensusMessage[] = [];
  #silentUntilMs = 0;

  constructor(index: number, world: Network) {
    this.index = index;
    this.#world = world;
  }

  hear(message: ConsensusMessage): void {
    const { chance, agenda } = this.#world;
    this.#heard.push(message);
    if (this.#heard.length > 60) this.#heard.shift();
    if (chance.chance(0.002)) this.#silentUntilMs = agenda.now + chance.below(20_000);
    if (agenda.now < this.#silentUntilMs || !chance.chance(0.35)) return;
    this.#act(message);
  }

  #act(message: ConsensusMessage): void {
    const { chance } = this.#world;
    const { height } = message;
    const round = chance.chance(0.08) ? message.round + chance.below(12) : message.round;
    const blocks = this.#heard.filter((heard) => heard.height === height).map(blockIdOfMessage);
    const value = chance.chance(0.3) ? null : (chance.pick(blocks) ?? null);
    const mine = leaderIndexOf(this.#world.authorities, height, round) === this.index;
    if (mine && chance.chance(0.5)) this.#propose(height, round);
    else if (chance.chance(0.15)) this.#tell(chance.pick(this.#said));
    else this.#tell(vote(height, round, chance.chance(0.5) ? PREVOTE : PRECOMMIT, value, this.index));
  }

  #propose(height: number, round: number): void {
    const { chance } = this.#world;
    const parent = this.#world.judge.finals.get(height - 1)?.block.id ?? ZERO_HASH;
    const old = chance.pick(this.#heard.filter(isProposal).filter((heard) => heard.height === height));
    const block =
      old !== undefined && chance.chance(0.5)
        ? old.block
        : this.#world.newBlock(this.index, height, parent, chance.chance(0.3));
    const validRound = round > 0 && chance.chance(0.5) ? chance.below(round) : null;
    this.#tell(propose(height, round, block, validRound));
  }

  /** To some, or to all. */
  #tell(message: ConsensusMessage | undefined): void {
    if (message === undefined) return;
    const { chance, judge } = this.#world;
    judge.hear(message);
    this.#said.push(message);
    if (this.#said.length > 60) this.#said.shift();
    const share = chance.pick([0.3, 0.5, 1]) ?? 1;
    for (const to of this.#world.nodes.keys())
      if (chance.chance(share)) this.#world.deliver(this.index, to, (node) => node.hear(message, this.index));
  }
}

export interface Outcome {
  readonly heights: number;
  readonly virtualMs: number;
}

export class Network {
  readonly agenda = new Agenda();
  readonly chance: Chance;
  readonly authorities: AuthoritySet;
  readonly nodes = new Map<number, Node>();
  readonly judge: Judge;
  readonly Core: CoreClass;
  /** From whom a message came, so that it is not relayed back. */
  readonly sources = new WeakMap<ConsensusMessage, number>();
  readonly #liars = new Map<number, Liar>();
  readonly #bad = new Set<Hash>();
  readonly #loss: number;
  readonly #crashes: number;
  readonly #strikes: number;
  #blocks = 0;

  constructor(seed: number, Core: CoreClass = Consensus) {
    this.Core = Core;
    const chance = new Chance(seed);
    this.chance = chance;
    const n = chance.pick([4, 4, 4, 4, 4, 4, 1, 2, 3, 5, 6, 7]) ?? 4;
    this.authorities = authoritySet(n);
    const lying = chance.chance(0.75) ? this.authorities.faulty : 0;
    const order = Array.from({ length: n }, (_, i) => i).sort(() => chance.fraction() - 0.5);
    for (const index of order.slice(0, lying)) this.#liars.set(index, new Liar(index, this));
    for (const index of order.slice(lying)) this.nodes.set(index, new Node(index, this));
    this.judge = new Judge(this.authorities, new Set(this.nodes.keys()));
    this.#loss = chance.pick([0, 0.05, 0.3]) ?? 0;
    this.#crashes = chance.pick([0, 3, 12]) ?? 0;
    this.#strikes = chance.pick([0, 0.01, 0.05]) ?? 0;
  }

  get isFaulty(): boolean {
    return this.agenda.now < FAULTS_UNTIL_MS;
  }

  isBad(block: Block): boolean {
    return this.#bad.has(block.id);
  }

  newBlock(miner: number, height: number, parent: Hash, bad: boolean): Block {
    const block = fakeBlock(height, this.authorities.list[miner]?.address ?? '', `${this.#blocks++}`, parent);
    if (bad) this.#bad.add(block.id);
    return block;
  }

  broadcast(from: number, message: ConsensusMessage, except: number): void {
    for (const to of this.nodes.keys())
      if (to !== except) this.deliver(from, to, (node) => node.hear(message, from));
    for (const liar of this.#liars.values())
      if (this.chance.chance(0.5)) this.agenda.after(this.#delay(), () => liar.hear(message));
  }

  /** A final block of `from`, to one who still decides its height. */
  give(from: number, to: number, height: number): void {
    const final = this.nodes.get(from)?.disk.chain[height - FIRST_HEIGHT];
    if (final !== undefined) this.deliver(from, to, (node) => node.hearFinal(height, final));
  }

  deliver(from: number, to: number, run: (node: Node) => void): void {
    const node = this.nodes.get(to);
    if (node === undefined || from === to) return;
    const copies = this.isFaulty && this.chance.chance(0.05) ? 2 : 1;
    for (let i = 0; i < copies; i++) {
      if (this.isFaulty && this.chance.chance(this.#loss)) continue;
      this.agenda.after(this.#delay(), () => {
        if (node.alive) run(node);
      });
    }
  }

  /** Whether an authority crashes at this very step of its work. */
  isStruck(): boolean {
    return this.isFaulty && this.chance.chance(this.#strikes);
  }

  crash(victim: Node): void {
    if (!victim.alive) return;
    victim.crash();
    this.agenda.after(this.chance.below(this.chance.pick([50, 3_000, 20_000]) ?? 0), () => {
      if (!victim.alive) victim.start();
    });
  }

  /** @throws Violation if anything was said or done that must not, or the network halts */
  run(): Outcome {
    for (const node of this.nodes.values()) this.agenda.after(this.chance.below(2000), () => node.start());
    for (let i = 0; i < this.#crashes; i++) this.agenda.after(this.#anyTime(), () => this.#crashSome());
    for (let i = 0; i < 3; i++) this.agenda.after(this.#anyTime(), () => this.#pauseOne());
    while (this.agenda.next(FAULTS_UNTIL_MS));
    for (const node of this.nodes.values()) if (!node.alive) node.start();
    const goal = this.#lowest(Math.max) + HEIGHTS_AFTER;
    while (this.#lowest(Math.min) < goal) {
      if (!this.agenda.next(FAULTS_UNTIL_MS + RECOVERY_MS)) violated(`halted: ${this.#describe()}`);
    }
    return { heights: goal - FIRST_HEIGHT, virtualMs: this.agenda.now };
  }

  #lowest(choose: (...heights: number[]) => number): number {
    return choose(...[...this.nodes.values()].map(({ disk }) => disk.nextHeight));
  }

  #describe(): string {
    const heights = [...this.nodes.values()].map(({ index, disk }) => `${index} at ${disk.nextHeight}`);
    return `${heights.join(', ')}; ${this.authorities.size} authorities, lying: ${[...this.#liars.keys()]}`;
  }

  #anyTime(): number {
    return 3_000 + this.chance.below(FAULTS_UNTIL_MS - 4_000);
  }

  /** One crashes, or all in the same moment. */
  #crashSome(): void {
    const all = [...this.nodes.values()];
    const victims = this.chance.chance(0.3) ? all : [this.chance.pick(all)];
    for (const victim of victims) if (victim !== undefined) this.crash(victim);
  }

  #pauseOne(): void {
    const node = this.chance.pick([...this.nodes.values()]);
    if (node?.alive === true) node.pause(this.chance.below(5_000));
  }

  #delay(): number {
    return this.isFaulty && this.chance.chance(0.05) ? this.chance.below(8_000) : 1 + this.chance.below(100);
  }
}
