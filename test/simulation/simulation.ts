/**
 * One simulated network, from one seed: production nodes on simulated machines, faults for a while, then none, and at
 * the end a comparison of all that they hold. Any promise that is broken on the way throws a Violation.
 */

import { crc32 } from 'node:zlib';
import { MEMPOOL_LIMITS } from '../../src/mempool/limits.js';
import { LIMITS } from '../../src/network/limits.js';
import { GENESIS_NUMBER } from '../../src/protocol/block.js';
import { sha256Hex } from '../../src/protocol/hash.js';
import { Agenda } from './agenda.js';
import { Chance } from './chance.js';
import type { DiskCounts } from './disk.js';
import { FaultInjector } from './fault-injector.js';
import { frameType, SimInternet } from './internet.js';
import { Judge } from './judge.js';
import { Liar } from './liar.js';
import { hostOf, Machine, type MachineWorld, PORT } from './machine.js';
import { drawPlan, type Plan } from './plan.js';
import { assertPruned, assertState, isToPrune } from './pruned.js';
import { Trace } from './trace.js';
import { Split, type Violation, violated } from './violation.js';
import { Workload } from './workload.js';

/** After the faults so many heights must be added by a quorum … */
const HEIGHTS_AFTER = 10;
/** … within this, and then all must have caught up within this again. */
const RECOVERY_MS = 400_000;
const CATCH_UP_MS = 120_000;
/** No seed has a tenth as many. */
const MAX_EVENTS = 10_000_000;
/** A height at which more is held than this holds something without end. */
const MAX_HELD = 20_000;
const BOUNDS_EVERY_MS = 1_000;

export interface SimulationCounts {
  restarts: number;
  resyncs: number;
  strikes: number;
  /** By an operator, as it was damaged, or with everything else. */
  recordsLost: number;
  /** From a peer, by a node that had none. */
  genesisTaken: number;
  /** Chains that began with a snapshot of others. */
  joined: number;
  /** Snapshots, or parts of them, that were found false. */
  falseSnapshots: number;
  drops: number;
  evidence: number;
  /** Blocks that nodes keep no longer, at the end. */
  pruned: number;
}

/** Tells what happens and when, in place of chance: see `scenarios`. */
export interface Script {
  begin(simulation: Simulation): void;
  /** Called after each event; false once the story is told. */
  goOn(): boolean;
  /** What it waits for. */
  readonly waitsFor: string;
  /** Within this a quorum must have added its heights once all works again. */
  readonly recoveryMs: number;
  readonly strikesAt?: (machine: Machine, effect: string) => boolean;
}

export interface Outcome {
  readonly plan: Plan;
  readonly hash: string;
  readonly events: number;
  readonly virtualMs: number;
  readonly violation: Error | undefined;
  /** With more liars than the network bears: what became of it. */
  readonly beyond: 'split' | 'evidence' | 'held' | undefined;
  readonly recent: readonly string[];
  readonly tallies: Readonly<Record<string, number>>;
}

export class Simulation implements MachineWorld {
  readonly agenda = new Agenda();
  readonly plan: Plan;
  readonly internet: SimInternet;
  readonly judge: Judge;
  readonly trace: Trace;
  readonly keys: Plan['ring'];
  readonly diskCounts: DiskCounts = { dropped: 0, kept: 0 };
  readonly machines: readonly Machine[];
  readonly counts: SimulationCounts = {
    restarts: 0,
    resyncs: 0,
    strikes: 0,
    recordsLost: 0,
    genesisTaken: 0,
    joined: 0,
    falseSnapshots: 0,
    drops: 0,
    evidence: 0,
    pruned: 0,
  };
  readonly signMs: number;
  strikeRate: number;
  readonly #chance: Chance;
  readonly #faults: FaultInjector;
  readonly #workload: Workload;
  readonly #script: Script | undefined;
  readonly strikesAt: Script['strikesAt'];
  #faulty = true;
  #submitting = true;
  #events = 0;
  #thrown: Error | undefined;

  constructor(seed: number, print?: (line: string) => void, plan: Plan = drawPlan(seed), script?: Script) {
    this.plan = plan;
    this.#script = script;
    this.strikesAt = script?.strikesAt;
    this.trace = new Trace(print);
    this.keys = plan.ring;
    this.strikeRate = plan.strikeRate;
    this.signMs = 0.5;
    this.#chance = new Chance(seed, 'simulation');
    this.judge = new Judge(plan.genesis.config, plan.genesis.block.id, plan.ring);
    this.internet = new SimInternet(this.agenda, new Chance(seed, 'internet'));
    this.machines = this.#createMachines(seed);
    this.#linkInternet(new Chance(seed, 'lines'));
    this.#faults = new FaultInjector(this, plan, new Chance(seed, 'faults'));
    this.#workload = new Workload(plan, new Chance(seed, 'workload'));
  }

  get faulty(): boolean {
    return this.#faulty;
  }

  say(what: string): void {
    this.trace.add(this.agenda.nowMs, what);
  }

  restartLater(machine: Machine): void {
    this.agenda.after(this.#chance.pick([50, 1_000, 10_000]) * this.#chance.fraction(), () => {
      this.#start(machine);
    });
  }

  ended(machine: Machine): void {
    this.#faults.operate(machine);
    this.restartLater(machine);
  }

  broken(violation: Violation): void {
    this.#thrown ??= violation;
  }

  /** Honest nodes may be slow to each other, or say too much after a silence; they are never false. */
  accused(by: Machine, fields: Readonly<Record<string, unknown>>): void {
    const { peer, offence, detail } = fields;
    if (Number(fields.score) >= LIMITS.dropScore) this.counts.drops++;
    if (offence === 'FALSE_SNAPSHOT') this.counts.falseSnapshots++;
    const accused = this.machines.find(({ key }) => key.address === peer);
    if (
      accused === undefined ||
      !accused.honest ||
      !by.honest ||
      accused.excuses.has('flip') ||
      by.excuses.has('flip')
    )
      return;
    if (offence === 'NO_ANSWER' || offence === 'FLOODING') return;
    violated(`${by.name} accuses ${accused.name}, which is honest, of ${offence}: ${detail}`);
  }

  async run(): Promise<Outcome> {
    let violation: Error | undefined;
    const caught = (error: unknown) => {
      this.#thrown ??= error instanceof Error ? error : new Error(String(error));
    };
    process.on('uncaughtException', caught);
    process.on('unhandledRejection', caught);
    try {
      await this.#play();
    } catch (error) {
      violation = error instanceof Error ? error : new Error(String(error));
    } finally {
      process.off('uncaughtException', caught);
      process.off('unhandledRejection', caught);
    }
    return this.#outcome(violation);
  }

  async #play(): Promise<void> {
    const { plan, agenda } = this;
    Object.assign(this.internet.faults, {
      loss: plan.loss,
      duplication: plan.duplication,
      reordering: plan.reordering,
      splitting: plan.splitting,
    });
    for (const machine of this.machines)
      agenda.after(this.#chance.between(0, 2_000) + (plan.snapshots.late.get(machine.index) ?? 0), () =>
        this.#start(machine),
      );
    this.#submit();
    this.#watchBounds();
    this.#faults.start();
    if (this.#script === undefined) while (await this.#step(plan.faultsUntilMs));
    else await this.#follow(this.#script);
    this.#endFaults();
    if (plan.beyond) {
      // Nothing is promised but that it shows.
      const untilMs = agenda.nowMs + 30_000;
      while (await this.#step(untilMs));
      return;
    }
    await this.#recover();
    await this.#compare();
  }

  /** One event, and every promise that settles without time passing. */
  async #step(untilMs: number): Promise<boolean> {
    if (!this.agenda.next(untilMs)) return false;
    this.#events++;
    if (this.#events > MAX_EVENTS) violated(`there is no end of events: ${this.#describe()}`);
    await new Promise((resolve) => setImmediate(resolve));
    if (this.#thrown !== undefined) throw this.#thrown;
    for (const machine of this.machines) machine.check();
    return true;
  }

  async #follow(script: Script): Promise<void> {
    script.begin(this);
    while (script.goOn()) {
      if (!(await this.#step(this.plan.faultsUntilMs)))
        violated(`it never comes that ${script.waitsFor}: ${this.#describe()}`);
    }
  }

  #start(machine: Machine): void {
    if (machine.running || machine.dead) return;
    this.counts.restarts++;
    machine.start();
    this.internet.retry();
  }

  #endFaults(): void {
    this.#faulty = false;
    this.strikeRate = 0;
    Object.assign(this.internet.faults, { loss: 0, duplication: 0, reordering: 0 });
    this.say('the faults end');
    this.#faults.mendAll();
    for (const machine of this.machines) {
      if (!machine.running) this.agenda.after(this.#chance.between(0, 1_000), () => this.#start(machine));
    }
  }

  async #recover(): Promise<void> {
    const { plan } = this;
    const honest = this.machines.filter(({ honest, dead }) => honest && !dead);
    const authorities = honest.filter(({ isAuthority }) => isAuthority);
    const enough = Math.min(this.judge.quorum, authorities.length);
    const goal = Math.max(...honest.map(({ finalNumber }) => finalNumber)) + HEIGHTS_AFTER;
    const untilMs =
      this.agenda.nowMs +
      (this.#script?.recoveryMs ?? RECOVERY_MS) +
      HEIGHTS_AFTER * 1000 * plan.genesis.config.block_mining.interval;
    const reached = () => authorities.filter(({ finalNumber }) => finalNumber >= goal).length >= enough;
    while (!reached()) {
      if (!(await this.#step(untilMs))) violated(`the network stands still: ${this.#describe()}`);
    }
    this.#submitting = false;
    const catchUpMs = this.agenda.nowMs + CATCH_UP_MS;
    const apart = () => new Set(honest.map(({ head }) => head)).size > 1;
    while (apart() || honest.some(isToPrune)) {
      if (!(await this.#step(catchUpMs))) violated(`some do not catch up: ${this.#describe()}`);
    }
  }

  /** All that caught-up stores hold, against the plain executor. */
  async #compare(): Promise<void> {
    const { executor, finals } = this.judge;
    this.#workload.assertKept(executor.transactions);
    for (const machine of this.machines) {
      const { node, name } = machine;
      if (!machine.honest || machine.dead || machine.chain.isDamaged) continue;
      if (node === undefined) return violated(`${name} is down at the end`);
      const head = node.chain.head.header.number;
      const base = await assertPruned(machine, node, finals);
      this.counts.pruned += Math.max(0, base - 1);
      for (let number = 1; number <= head; number++) {
        if (number > 1 && number <= base) continue;
        const final = await node.reader.block(number);
        if (final?.block.id !== finals.get(number))
          violated(`${name} has another block ${number} at the end`);
      }
      // Half-way back: what touched each account, and when, is known by then to every kind of start.
      await assertState(machine, node, Math.max(base, GENESIS_NUMBER, (base + head) >> 1));
      if (head !== executor.number) violated(`${name} ends at block ${head}, others at ${executor.number}`);
      const accounts = new Map<string, string>();
      for await (const [address, { nonce, balance }] of node.reader.accountsAt(head))
        accounts.set(address, `${nonce} ${balance}`);
      const plain = new Map(
        [...executor.accounts].map(([address, { nonce, balance }]) => [address, `${nonce} ${balance}`]),
      );
      if (fingerprint(accounts) !== fingerprint(plain)) violated(`${name} holds other accounts at the end`);
      for (const [address, publicKey] of executor.keys) {
        if (Buffer.compare(node.chain.publicKey(address) ?? new Uint8Array(0), publicKey) !== 0)
          violated(`${name} holds another key of ${address}`);
      }
      for (const [id, place] of executor.transactions) {
        const status = node.reader.status(id);
        const found = status?.state === 'final' ? `${status.blockNumber} ${status.index}` : status?.state;
        // The pool may remember one that is pruned.
        const isGone = found === undefined && Number.parseInt(place, 10) <= base;
        if (found !== place && !isGone)
          violated(`${name} lost transaction ${id}: ${found} instead of ${place}`);
      }
      const evidence = await node.evidence.list();
      for (const { authority, height } of evidence)
        if (this.judge.isBound(authority, height))
          violated(`${name} holds evidence against ${authority}, which is honest`);
      this.counts.evidence += evidence.length;
    }
  }

  #describe(): string {
    const lines = this.machines.map((machine) => {
      const core = machine.node?.consensus.core;
      const where =
        core === undefined
          ? 'down'
          : `${core.height}/${core.round} ${core.currentStep}${core.acting ? '' : ' not acting'}`;
      const lock = core?.locked ? ` locked ${core.locked.round}` : '';
      return `${machine.index}${machine.honest ? '' : ' (liar)'} ${where}${lock} ${machine.node?.phase} peers ${machine.node?.peers.size}`;
    });
    return `\n  ${lines.join('\n  ')}`;
  }

  #submit(): void {
    const { submitEveryMs } = this.plan;
    this.agenda.after(this.#chance.between(0, 2) * submitEveryMs, () => {
      if (!this.#submitting) return;
      const machine = this.#chance.pick(this.machines);
      if (machine.honest) this.#workload.submit(machine, this.agenda.nowMs);
      this.#workload.ask(machine);
      this.#submit();
    });
  }

  #watchBounds(): void {
    this.agenda.after(BOUNDS_EVERY_MS, () => {
      for (const { node, name, honest } of this.machines) {
        if (node === undefined || !honest) continue;
        const { mempool, consensus, peers } = node;
        if (mempool.bytes > MEMPOOL_LIMITS.maxBytes)
          violated(`the pool of ${name} holds ${mempool.bytes} bytes`);
        const held = consensus.core.missing([]).length;
        if (held > MAX_HELD) violated(`${name} holds ${held} messages of one height`);
        if (peers.size > this.machines.length) violated(`${name} has ${peers.size} peers`);
        for (const { queuedBytes } of peers.values())
          if (queuedBytes > LIMITS.sendQueueBytes) violated(`${name} queues ${queuedBytes} bytes for a peer`);
      }
      this.#watchBounds();
    });
  }

  #createMachines(seed: number): Machine[] {
    const { authorities, basics, liars, genesis } = this.plan;
    const keys = [...authorities, ...basics];
    const chance = new Chance(seed, 'machines');
    return keys.map((key, index) => {
      const isAuthority = index < authorities.length;
      // An authority knows all others, as operators agree; a basic node a few of them.
      const known = authorities.map((_, place) => place).filter((place) => place !== index);
      const peers = isAuthority ? known : chance.sample(known, 4);
      const endpoints = peers.map((place) => ({ host: hostOf(place), port: PORT }));
      const machine = new Machine(index, key, isAuthority, endpoints, chance.of(index), this);
      machine.clock.jump(chance.between(-1, 1) * this.plan.maxSkewMs);
      machine.clock.drift(1 + chance.between(-1, 1) * this.plan.maxDrift);
      if (!this.plan.withoutGenesis.has(index)) machine.genesisBlock = genesis.block.wire;
      if (this.plan.pinned) machine.pinnedGenesisId = genesis.block.id;
      machine.chain.latencyMs = this.plan.diskLatencyMs;
      machine.record.latencyMs = this.plan.diskLatencyMs;
      machine.snapshots = this.plan.snapshots;
      machine.prune = this.plan.pruning.get(index) ?? null;
      const tricks = liars.get(index);
      if (tricks !== undefined) {
        const place = { index, authorities: authorities.length, genesis };
        machine.liar = new Liar(key, place, tricks, chance.of(`liar ${index}`));
        this.judge.liars.add(key.address);
      }
      return machine;
    });
  }

  #linkInternet(chance: Chance): void {
    this.internet.drawLine = () => ({
      delayMs: chance.between(0.1, this.plan.maxDelayMs),
      bytesPerMs: this.plan.bytesPerMs,
    });
    const addresses = new Map(this.machines.map(({ name, key }) => [name, key.address]));
    this.internet.onFrame = (frame, from, to) => {
      this.trace.add(
        this.agenda.nowMs,
        `${from.name.slice(7)} > ${to.slice(7)} ${frameType(frame)} ${frame.length} ${crc32(frame).toString(16)}`,
      );
      this.judge.frame(frame, addresses.get(from.name) ?? '');
    };
  }

  #outcome(violation: Error | undefined): Outcome {
    const { plan, judge, internet, counts } = this;
    const tricks: Record<string, number> = {};
    for (const { liar } of this.machines) {
      for (const [name, count] of Object.entries(liar?.counts ?? {}))
        tricks[`liar: ${name}`] = (tricks[`liar: ${name}`] ?? 0) + count;
    }
    // Nothing else is to be expected of too many liars: no honest key breaks a rule for them.
    const met = violation ?? judge.split;
    const split = plan.beyond && met instanceof Split;
    const seen = judge.equivocators.size > 0;
    const beyond = plan.beyond ? (split ? 'split' : seen ? 'evidence' : 'held') : undefined;
    return {
      plan,
      hash: this.trace.hash,
      events: this.#events,
      virtualMs: this.agenda.nowMs,
      violation: split ? undefined : violation,
      beyond,
      recent: this.trace.recent(),
      tallies: {
        ...this.#faults.counts,
        ...tricks,
        ...counts,
        ...judge.counts,
        ...internet.counts,
        ...this.#workload.counts,
        ...this.diskCounts,
        ...(beyond === undefined ? {} : { [`beyond f: ${beyond}`]: 1 }),
        rsa: Number(plan.rsa),
        'skewed clocks': Number(plan.maxSkewMs > 0),
        'drifting clocks': Number(plan.maxDrift > 0),
        'narrow lines': Number(plan.bytesPerMs < Number.POSITIVE_INFINITY),
        'frames in pieces': Number(plan.splitting > 0),
      },
    };
  }
}

function fingerprint(map: ReadonlyMap<string, string>): string {
  return sha256Hex(
    [...map]
      .map((entry) => entry.join(' '))
      .sort()
      .join('\n'),
  );
}
