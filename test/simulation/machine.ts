/**
 * One machine of a simulated network: its disks, its clock, and at most one process, the production `Node` on simulated
 * ports. A process may end at any of its effects, be paused, and be started again on what the disks kept.
 */
import type { BlockFinality } from '../../src/node/face.js';
import { fetchGenesis } from '../../src/node/fetch-genesis.js';
import { Node } from '../../src/node/node.js';
import type { NodeOptions, NodePorts } from '../../src/node/node-options.js';
import { joinBySnapshot } from '../../src/node/snapshot-join.js';
import type { Clock, Timer } from '../../src/ports/clock.js';
import type { Signer } from '../../src/ports/signer.js';
import type { Store } from '../../src/ports/store.js';
import type { Endpoint } from '../../src/ports/transport.js';
import type { Worker } from '../../src/ports/worker.js';
import { GENESIS_NUMBER } from '../../src/protocol/block.js';
import { fromHex, type Hash } from '../../src/protocol/bytes.js';
import { seekNonce } from '../../src/protocol/proof-of-work.js';
import { decodeProposal, decodeVote, type Proposal, type Vote } from '../../src/protocol/vote.js';
import { StorageError } from '../../src/storage/errors.js';
import { MemoryFiles } from '../../src/storage/memory-files.js';
import { SignerRecordStore } from '../../src/storage/signer-record.js';
import { ChainTables } from '../../src/storage/tables.js';
import type { Agenda } from './agenda.js';
import type { Chance } from './chance.js';
import { MachineClock } from './clock.js';
import { type DiskCounts, NEVER, SimDisk, SyncError } from './disk.js';
import type { Host, Outgoing, SimConnection, SimInternet } from './internet.js';
import type { Judge } from './judge.js';
import type { KeyRing, SimKey } from './keys.js';
import { NO_SNAPSHOTS, type Snapshots } from './plan.js';
import type { Trace } from './trace.js';
import { Violation, violated } from './violation.js';

export const PORT = 8_000;
const MAX_INBOUND = 60;
/** More timers than any node needs: beyond it something starts them without end. */
const MAX_TIMERS = 5_000;
/** What of a machine's disks may be found damaged: its chain, or its signer's record. */
export type Excuse = 'flip' | 'record';

/** Changes what a node says on its way out. */
export interface Deceit {
  outgoing(frame: Uint8Array, to: SimConnection): readonly Outgoing[];
  readonly counts: Readonly<Record<string, number>>;
}

export interface MachineWorld {
  readonly agenda: Agenda;
  readonly internet: SimInternet;
  readonly judge: Judge;
  readonly trace: Trace;
  readonly keys: KeyRing;
  readonly diskCounts: DiskCounts;
  readonly counts: { strikes: number; genesisTaken: number; joined: number };
  /** Probability that a process ends at one of its effects. */
  strikeRate: number;
  /** Whether a script has a process end at this very effect. */
  readonly strikesAt?: (machine: Machine, effect: string) => boolean;
  /** Duration of a signature. */
  readonly signMs: number;
  readonly maxInbound?: number;
  /** A process ended by itself, as it must when its disk fails. */
  ended(machine: Machine): void;
  restartLater(machine: Machine): void;
  /** A promise was broken inside of a node, which took it for a failure of its own. */
  broken(violation: Violation): void;
  /** The network of a machine holds something against a peer. */
  accused(by: Machine, fields: Readonly<Record<string, unknown>>): void;
}

export class Machine implements Host {
  readonly index: number;
  readonly name: string;
  readonly key: SimKey;
  readonly isAuthority: boolean;
  readonly chain: SimDisk;
  readonly record: SimDisk;
  readonly peers: readonly Endpoint[];
  readonly clock: MachineClock;
  liar: Deceit | undefined;
  /** Undefined until a peer gives it. */
  genesisBlock: Uint8Array | undefined;
  /** What its configuration pins. */
  pinnedGenesisId: Hash | null = null;
  /** Its signer's record lost its end: the database says so when it is opened, until somebody accepts it. */
  recordCut = false;
  powered = true;
  /** For good: it is never started again, and nothing is asked of it at the end. */
  dead = false;
  life = 0;
  node: Node | undefined;
  /** What the process may find damaged. */
  readonly excuses = new Set<Excuse>();
  acceptLostRecord = false;
  /** Blocks that it keeps whole; null for all. */
  prune: number | null = null;
  snapshots: Snapshots = NO_SNAPSHOTS;
  /** The block of the snapshot that its chain began with; 0 if it began with genesis. */
  joinedAt = 0;
  /** Beside its chain. */
  #files = new MemoryFiles();
  /** The highest block that the process called final, on the chain that it has now. */
  finalNumber = 1;
  phase = '';
  readonly #world: MachineWorld;
  readonly #chance: Chance;
  readonly #connections = new Set<SimConnection>();
  #pausedUntilMs = 0;
  #backlog: (() => void)[] = [];
  #bootedMs = 0;
  #timers = 0;
  #gone = true;
  /** The process that is being stopped. */
  #stopping = 0;

  constructor(
    index: number,
    key: SimKey,
    isAuthority: boolean,
    peers: readonly Endpoint[],
    chance: Chance,
    world: MachineWorld,
  ) {
    this.index = index;
    this.name = hostOf(index);
    this.key = key;
    this.isAuthority = isAuthority;
    this.peers = peers;
    this.#chance = chance;
    this.#world = world;
    this.clock = new MachineClock(world.agenda);
    this.chain = new SimDisk(`chain ${index}`, chance.of('chain'), world.diskCounts);
    this.record = new SimDisk(`record ${index}`, chance.of('record'), world.diskCounts);
    world.internet.hosts.set(this.name, this);
  }

  get running(): boolean {
    return !this.#gone;
  }

  get honest(): boolean {
    return this.liar === undefined;
  }

  /** Whether it begins with a snapshot, if it has no chain. */
  get joins(): boolean {
    return this.snapshots.joining.has(this.index);
  }

  get head(): number | undefined {
    return this.node?.chain.head.header.number;
  }

  get connections(): ReadonlySet<SimConnection> {
    return this.#connections;
  }

  start(): void {
    if (this.running || this.dead) return;
    this.life++;
    this.#gone = false;
    this.powered = true;
    this.#bootedMs = this.clock.monotonicMs;
    this.#timers = 0;
    this.#backlog = [];
    this.#pausedUntilMs = 0;
    this.say('starts');
    const { life } = this;
    const begun = this.#open(life).then(async (node) => {
      if (this.life !== life || this.#gone) return;
      this.node = node;
      await this.#welcome(node);
      node.onFinal((finality) => {
        if (this.life !== life || this.#gone) return;
        try {
          this.#final(node, finality);
        } catch (error) {
          // The node would take it for a failure of its own.
          if (error instanceof Violation) this.#world.broken(error);
          throw error;
        }
      });
      await node.start();
    });
    begun.catch((error: unknown) => {
      if (this.life === life) this.#failed(error instanceof Error ? error : new Error(String(error)));
    });
  }

  /** The process is gone; with the whole machine, nobody is told. */
  crash(how: 'process' | 'power'): void {
    if (this.#gone) return;
    this.say(how === 'power' ? 'loses power' : 'crashes');
    this.#end();
    this.powered = how === 'process';
    if (this.powered) for (const connection of this.#connections) connection.abandon();
    this.#connections.clear();
  }

  /** As an operator stops it: all that must be finished is. False if there is no process, or it is being stopped. */
  stop(stopped: () => void): boolean {
    const { node, life } = this;
    if (this.#gone || this.#stopping === life) return false;
    this.#stopping = life;
    this.say('is stopped');
    if (node === undefined) {
      this.crash('process');
      stopped();
      return true;
    }
    node.stop().then(
      () => {
        if (this.life !== life) return;
        this.crash('process');
        stopped();
      },
      (error: unknown) => this.#failed(error instanceof Error ? error : new Error(String(error))),
    );
    return true;
  }

  pause(durationMs: number): void {
    if (this.#gone) return;
    const { agenda } = this.#world;
    const { life } = this;
    this.say(`pauses for ${Math.round(durationMs)} ms`);
    this.#pausedUntilMs = Math.max(this.#pausedUntilMs, agenda.nowMs + durationMs);
    agenda.after(durationMs, () => this.#resume(life));
  }

  wake(): void {
    this.#pausedUntilMs = 0;
    this.#resume(this.life);
  }

  wipeChain(): void {
    this.chain.wipe();
    this.#files = new MemoryFiles();
    this.finalNumber = 1;
    this.joinedAt = 0;
    this.excuses.delete('flip');
  }

  /** What its disk holds now, for checks. */
  lookIntoChain(): Store {
    return this.chain.open(this.#diskUser(this.life));
  }

  /** Bounds that hold at every moment. */
  check(): void {
    const { node } = this;
    if (node === undefined || this.#gone) return;
    const number = node.chain.head.header.number;
    if (this.honest && number < this.finalNumber) violated(`${this.name} fell back to block ${number}`);
    if (this.#timers > MAX_TIMERS) violated(`${this.name} has ${this.#timers} timers`);
  }

  /** Whether a fault of a disk is behind an error: one that it was made to give, or damage that was done to it. */
  excuse(error: unknown): boolean {
    for (let link = error; link instanceof Error; link = link.cause) {
      if (link instanceof SyncError) return true;
      if (link instanceof StorageError)
        return link.code === 'DISK_FULL' || (link.code === 'DAMAGED' && this.excuses.size > 0);
    }
    return false;
  }

  say(what: string): void {
    this.#world.trace.add(this.#world.agenda.nowMs, `${this.index} ${what}`);
  }

  // Host

  after(delayMs: number, run: () => void): Timer {
    const { life } = this;
    this.#timers++;
    let open = true;
    const close = () => {
      if (open && this.life === life) this.#timers--;
      open = false;
    };
    const timer = this.#world.agenda.after(delayMs, () => {
      close();
      if (this.life === life && !this.#gone) this.#run(run);
    });
    return {
      cancel: () => {
        close();
        timer.cancel();
      },
    };
  }

  outgoing(frame: Uint8Array, to: SimConnection): readonly Outgoing[] {
    this.#connections.add(to);
    return this.liar === undefined ? [{ frame, delayMs: 0 }] : this.liar.outgoing(frame, to);
  }

  strikes(effect: string): boolean {
    if (this.#gone) return true;
    const { strikeRate } = this.#world;
    const chosen = this.#world.strikesAt?.(this, effect) ?? false;
    if (!chosen && (strikeRate === 0 || !this.#chance.chance(strikeRate))) return false;
    this.say(`ends at: ${effect}`);
    this.#world.counts.strikes++;
    this.crash(this.#chance.chance(0.3) ? 'power' : 'process');
    this.#world.restartLater(this);
    return true;
  }

  // The process

  async #open(life: number): Promise<Node> {
    const ports = this.#ports(life);
    const options = this.#options(life);
    const { pinnedGenesisId } = this;
    const genesisBlock =
      this.genesisBlock ?? (await fetchGenesis(ports, { ...options, pinnedGenesisId }, async () => []));
    if (this.life === life && this.genesisBlock === undefined) {
      this.say('has taken its genesis block from a peer');
      this.#world.counts.genesisTaken++;
      this.genesisBlock = genesisBlock;
    }
    if (this.recordCut) await SignerRecordStore.distrust(ports.signerRecord);
    const { every: snapshotEvery, partAccounts: snapshotPartAccounts } = this.snapshots;
    const whole = { ...options, genesisBlock, snapshotEvery, snapshotPartAccounts };
    const taken = this.joins ? await joinBySnapshot(ports, { ...whole, discover: async () => [] }) : null;
    if (taken !== null && this.life === life) {
      this.say(`joins by a snapshot of block ${taken.number}`);
      this.#world.counts.joined++;
    }
    // From its disk: an earlier process may have ended when all was there, and nobody heard of it.
    const { lowestHeader } = new ChainTables(ports.chain).base();
    if (this.life === life) this.joinedAt = lowestHeader > GENESIS_NUMBER ? lowestHeader : 0;
    // Its record is whole, as its operator knows; but no chain shows it.
    const acceptLostRecord = this.acceptLostRecord || (this.joinedAt > 0 && !this.recordCut);
    return Node.open(ports, { ...whole, acceptLostRecord }, taken);
  }

  #final(node: Node, { block, certificate, synced }: BlockFinality): void {
    const { judge } = this.#world;
    const { number } = block.header;
    this.say(`final ${number} ${block.id.slice(0, 8)} round ${certificate.round}${synced ? ' synced' : ''}`);
    if (!this.honest) return;
    if (number !== this.finalNumber + 1)
      violated(`${this.name} made block ${number} final after block ${this.finalNumber}`);
    this.finalNumber = number;
    judge.final(block, certificate, this.name);
    const { executor } = judge;
    // Blocks that sync commits together are told one by one, when the chain's head is the last of them already.
    const isHead = number === node.chain.head.header.number;
    if (isHead && number === executor.number && node.chain.supply !== executor.supply)
      violated(`${this.name} counts a supply of ${node.chain.supply} instead of ${executor.supply}`);
  }

  /** What a process finds on its disk is as final as what it decides. */
  async #welcome(node: Node): Promise<void> {
    const { judge } = this.#world;
    const { number } = node.chain.head.header;
    if (number < this.finalNumber && !this.excuses.has('flip'))
      violated(`${this.name} is back at block ${number} although block ${this.finalNumber} was final`);
    if (!this.honest) return;
    judge.recalled(this.#recalled(node.genesisId), this.key.address);
    judge.joined(node.chain.head, this.joinedAt, this.name);
    // A block may have reached the disk just before a crash, and nobody heard of it.
    const first = Math.max(this.joinedAt + 1, Math.min(number, judge.executor.number + 1));
    for (let next = first; next <= number; next++) {
      const found = await node.reader.block(next);
      if (found?.certificate) judge.final(found.block, found.certificate, this.name);
    }
    this.finalNumber = number;
  }

  /** What the process finds in its signer's record. */
  #recalled(genesis: Hash): (Vote | Proposal)[] {
    try {
      const record = SignerRecordStore.open(this.record.open(this.#diskUser(this.life)));
      const genesisId = fromHex(genesis);
      return record
        .messages()
        .map(({ kind, wire }) => (kind === 0 ? decodeProposal(wire, genesisId) : decodeVote(wire)));
    } catch (error) {
      // The node will say so, if it needs what is damaged.
      if (error instanceof StorageError) return [];
      throw error;
    }
  }

  #run(run: () => void): void {
    if (this.#world.agenda.nowMs < this.#pausedUntilMs || this.#backlog.length > 0) this.#backlog.push(run);
    else run();
  }

  #resume(life: number): void {
    const { agenda } = this.#world;
    if (this.life !== life || this.#gone || agenda.nowMs < this.#pausedUntilMs) return;
    const run = this.#backlog.shift();
    if (run === undefined) return;
    // One at a time, as promises settle between events; what comes meanwhile waits behind.
    run();
    agenda.after(0, () => this.#resume(life));
  }

  #end(): void {
    this.life++;
    this.#gone = true;
    this.node = undefined;
    this.#backlog = [];
    this.#pausedUntilMs = 0;
    this.chain.crash();
    this.record.crash();
  }

  #failed(error: Error): void {
    if (this.#gone) return;
    this.say(`fails: ${error.message}`);
    if (error instanceof Violation) return this.#world.broken(error);
    // Of a network that has split, a node may meet what it must not go on from.
    if (this.honest && this.#world.judge.split === undefined && !this.excuse(error))
      violated(`${this.name} failed without cause: ${error.stack ?? error.message}`);
    this.crash('process');
    this.#world.ended(this);
  }

  #options(life: number): Omit<NodeOptions, 'genesisBlock'> {
    return {
      role: this.isAuthority ? 'validator' : 'basic',
      agent: 'simulated/1',
      listen: { host: this.name, port: PORT },
      advertise: null,
      peers: this.peers,
      allow: [],
      maxInbound: this.#world.maxInbound ?? MAX_INBOUND,
      acceptLostRecord: this.acceptLostRecord,
      prune: this.prune,
      log: (level, fields, text) => {
        if (this.life !== life) return;
        if (level === 'warn' || level === 'error') this.say(`${level}: ${text} ${JSON.stringify(fields)}`);
        if (fields.event === 'phase') this.say(text);
        if (text === 'a peer misbehaves') this.#world.accused(this, fields);
      },
      checkDisk: async () => {
        if (this.chain.full) throw new StorageError('DISK_FULL', 'the disk is nearly full');
      },
      onFailure: (error) => {
        if (this.life === life) this.#failed(error);
      },
    };
  }

  #ports(life: number): NodePorts {
    const user = this.#diskUser(life);
    return {
      clock: this.#clock(life),
      random: this.#chance.of(`random ${life}`),
      transport: this.#world.internet.transport(this),
      worker: this.#worker(),
      signer: this.#signer(life),
      chain: this.chain.open(user),
      signerRecord: this.record.open(user),
      ...(this.snapshots.every > 0 ? { files: this.#files } : {}),
    };
  }

  #diskUser(life: number) {
    const gone = () => this.life !== life || this.#gone;
    return {
      after: (delayMs: number, run: () => void) => {
        if (!gone()) this.after(delayMs, run);
      },
      strikes: (effect: string) => gone() || this.strikes(effect),
      get gone() {
        return gone();
      },
    };
  }

  #clock(life: number): Clock {
    const { clock } = this;
    return {
      now: () => Math.floor(clock.wallMs),
      monotonic: () => clock.monotonicMs - this.#bootedMs,
      after: (delayMs, fire) =>
        this.life === life ? this.after(clock.trueMs(delayMs), fire) : { cancel: () => {} },
    };
  }

  #signer(life: number): Signer {
    const { key } = this;
    return {
      address: key.address,
      publicKey: key.publicKey,
      sign: (message) => {
        if (this.life !== life || this.strikes('sign')) return NEVER;
        this.#world.judge.signing(key.address, message);
        const signature = key.sign(message);
        return new Promise((resolve) => {
          this.after(this.#chance.between(0.2, 2) * this.#world.signMs, () => resolve(signature));
        });
      },
    };
  }

  #worker(): Worker {
    const { keys } = this.#world;
    const { life } = this;
    return {
      verify: (checks) => {
        if (checks.length === 0) return Promise.resolve([]);
        if (this.life !== life) return NEVER;
        const good = checks.map((check) => keys.verify(check));
        return new Promise((resolve) => {
          this.after(this.#chance.between(0, 0.5) + 0.03 * checks.length, () => resolve(good));
        });
      },
      seekNonce: (miningHash, difficulty, signal) => {
        if (difficulty === 0) return Promise.resolve(0);
        if (this.life !== life) return NEVER;
        const nonce = seekNonce(miningHash, difficulty, 0, Number.MAX_SAFE_INTEGER);
        return new Promise((resolve) => {
          this.after((nonce ?? 0) / 500, () => resolve(signal.aborted ? undefined : nonce));
        });
      },
      close: () => Promise.resolve(),
    };
  }
}

export function hostOf(index: number): string {
  const number = index + 1;
  return `10.0.${number >> 8}.${number & 255}`;
}
