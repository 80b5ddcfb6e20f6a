/** Brings about the faults that a plan drew, and mends them all when their time is over. */
import type { Chance } from './chance.js';
import type { Machine } from './machine.js';
import type { Fault, Plan } from './plan.js';
import type { Simulation } from './simulation.js';

/** Beyond this a clock's error counts as a lie, of which there may be f. */
const BIG_JUMP_MS = 3_600_000;

export class FaultInjector {
  readonly counts: Partial<Record<Fault, number>> = {};
  readonly #simulation: Simulation;
  readonly #plan: Plan;
  readonly #chance: Chance;
  /** Authorities that may do as liars do: the plan's liars, and those that lost their record, their time or their past. */
  readonly #doubtful = new Set<number>();
  readonly #maxDoubtful: number;
  /** Machines that lost their chain, and how far they had been. */
  readonly #wiped = new Map<Machine, number>();

  constructor(simulation: Simulation, plan: Plan, chance: Chance) {
    this.#simulation = simulation;
    this.#plan = plan;
    this.#chance = chance;
    this.#maxDoubtful = Math.floor((plan.authorities.length - 1) / 3);
    for (const index of plan.liars.keys()) this.#doubtful.add(index);
    for (const index of plan.snapshots.joining)
      if (index < plan.authorities.length) this.#doubtful.add(index);
  }

  start(): void {
    for (const [fault, everyMs] of this.#plan.faults) this.#schedule(fault, everyMs);
  }

  /** Everything works again. What is down is started by the simulation. */
  mendAll(): void {
    const { machines, internet } = this.#simulation;
    internet.mendAll();
    for (const machine of machines) {
      machine.wake();
      for (const disk of [machine.chain, machine.record]) {
        disk.full = false;
        disk.failsNext = false;
      }
      machine.clock.drift(1);
      if (Math.abs(machine.clock.offMs) > this.#plan.maxSkewMs) machine.clock.jump(0);
    }
  }

  /** A process ended because its disk failed: what its operator does. */
  operate(machine: Machine): void {
    if (machine.chain.isDamaged) {
      machine.say('its chain is damaged and deleted');
      machine.wipeChain();
      this.#simulation.counts.resyncs++;
    }
    if (machine.record.isDamaged) {
      machine.say('its record is damaged and given up');
      this.#loseRecord(machine);
    }
    if (machine.recordCut) {
      machine.say('its record, cut as it is, is accepted');
      machine.recordCut = false;
      machine.excuses.delete('record');
      machine.acceptLostRecord = true;
    }
    for (const disk of [machine.chain, machine.record]) {
      if (this.#chance.chance(0.7)) disk.full = false;
    }
  }

  #schedule(fault: Fault, everyMs: number): void {
    this.#simulation.agenda.after(this.#chance.between(0, 2 * everyMs), () => {
      if (!this.#simulation.faulty) return;
      if (this.#bring(fault)) this.counts[fault] = (this.counts[fault] ?? 0) + 1;
      this.#schedule(fault, everyMs);
    });
  }

  /** False if it could not come about now. */
  #bring(fault: Fault): boolean {
    const { machines } = this.#simulation;
    const machine = this.#chance.pick(machines);
    switch (fault) {
      case 'crash':
      case 'power cut':
        if (!machine.running) return false;
        machine.crash(fault === 'crash' ? 'process' : 'power');
        return this.#restart(machine);
      case 'stop':
        return machine.stop(() => this.#restart(machine));
      case 'pause':
        if (!machine.running) return false;
        machine.pause(this.#chance.pick([200, 3_000, 20_000]) * this.#chance.fraction());
        return true;
      case 'restart all': {
        const running = machines.filter((each) => each.running);
        for (const each of running) {
          each.crash(this.#chance.chance(0.5) ? 'process' : 'power');
          this.#restart(each);
        }
        return running.length > 0;
      }
      case 'clock jump':
        return this.#jump(machine);
      case 'partition':
      case 'one-way cut':
      case 'link by link':
        return this.#cut(fault);
      default:
        return this.#harm(fault, machine);
    }
  }

  #restart(machine: Machine): boolean {
    this.#simulation.restartLater(machine);
    return true;
  }

  #harm(fault: Fault, machine: Machine): boolean {
    // A basic node signs nothing, and writes no record.
    const disk = machine.isAuthority && this.#chance.chance(0.5) ? machine.record : machine.chain;
    switch (fault) {
      case 'sync error':
        disk.failsNext = true;
        return true;
      case 'disk full':
        disk.full = true;
        this.#simulation.agenda.after(this.#chance.between(500, 15_000), () => {
          disk.full = false;
        });
        return true;
      case 'flipped bit':
      case 'flipped key':
        return this.#flip(machine, fault === 'flipped bit' ? 'value' : 'key');
      case 'flipped record':
        return this.#flipRecord(machine);
      case 'cut record':
        return this.#cutRecord(machine);
      case 'wipe chain':
        return this.#wipe(machine, false);
      case 'wipe both':
        return this.#wipe(machine, true);
      default:
        return false;
    }
  }

  /** A jump of an hour makes an authority's blocks untimely and those of others too: no better than a liar. */
  #jump(machine: Machine): boolean {
    if (machine.isAuthority && this.#chance.chance(0.3) && this.#doubt(machine)) {
      machine.clock.jump(this.#chance.pick([-1, 1]) * this.#chance.between(0, BIG_JUMP_MS));
    } else {
      if (this.#plan.maxSkewMs === 0) return false;
      machine.clock.jump(this.#chance.between(-1, 1) * this.#plan.maxSkewMs);
    }
    machine.say(`its clock jumps to ${Math.round(machine.clock.offMs)} ms off`);
    return true;
  }

  #doubt(machine: Machine): boolean {
    if (this.#doubtful.has(machine.index)) return true;
    if (this.#doubtful.size >= this.#maxDoubtful) return false;
    this.#doubtful.add(machine.index);
    return true;
  }

  #flip(machine: Machine, what: 'value' | 'key'): boolean {
    if (machine.chain.blank || !this.#canLoseChain(machine)) return false;
    // Before it notices, an authority may finish blocks that nobody else has yet, and that go with its chain.
    if (machine.isAuthority && !this.#doubt(machine)) return false;
    machine.crash('process');
    machine.excuses.add('flip');
    machine.say(`a bit of a ${what} of its chain flips`);
    this.#wiped.set(machine, machine.finalNumber);
    void machine.chain.flip(what);
    return this.#restart(machine);
  }

  /** It must notice, or never need it: until it gives the record up, its word counts as before. */
  #flipRecord(machine: Machine): boolean {
    if (!machine.isAuthority || !machine.honest || machine.record.blank || !this.#doubt(machine))
      return false;
    const what = this.#chance.pick(['value', 'key'] as const);
    machine.crash('process');
    machine.excuses.add('record');
    machine.say(`a bit of a ${what} of its record flips`);
    void machine.record.flip(what);
    return this.#restart(machine);
  }

  /** Its database says so. It must refuse to start, and then, accepted, keep all of its word without knowing it. */
  #cutRecord(machine: Machine): boolean {
    if (!machine.isAuthority || !machine.honest || !this.#doubt(machine)) return false;
    if (!machine.record.cuttable) return false;
    machine.crash('process');
    machine.record.cut();
    machine.excuses.add('record');
    machine.recordCut = true;
    machine.say('the end of its record is cut off');
    return this.#restart(machine);
  }

  #wipe(machine: Machine, both: boolean): boolean {
    if (!this.#canLoseChain(machine)) return false;
    if (both && machine.isAuthority && (!machine.honest || !this.#doubt(machine))) return false;
    machine.crash('process');
    machine.say(both ? 'loses its chain and its record' : 'loses its chain');
    this.#wiped.set(machine, machine.finalNumber);
    machine.wipeChain();
    this.#simulation.counts.resyncs++;
    if (both) {
      if (this.#canLoseGenesis(machine)) machine.genesisBlock = undefined;
      this.#loseRecord(machine);
    }
    return this.#restart(machine);
  }

  #loseRecord(machine: Machine): void {
    machine.record.wipe();
    this.#simulation.judge.forgets(machine.key.address);
    machine.recordCut = false;
    machine.excuses.delete('record');
    machine.acceptLostRecord = true;
    this.#simulation.counts.recordsLost++;
  }

  /** Only while somebody else can give it: else there would be none any more. */
  #canLoseGenesis(machine: Machine): boolean {
    return this.#simulation.machines.some(
      (other) => other !== machine && other.isAuthority && other.honest && other.genesisBlock !== undefined,
    );
  }

  /** Only while enough others have all that it has, and will keep it: else the chain itself would be gone. */
  #canLoseChain(machine: Machine): boolean {
    for (const [wiped, number] of this.#wiped) {
      if (wiped.running && wiped.finalNumber >= number && !wiped.chain.isDamaged) this.#wiped.delete(wiped);
    }
    if (this.#wiped.size > 0) return false;
    const others = this.#simulation.machines.filter(
      (other) =>
        other !== machine &&
        other.honest &&
        other.prune === null &&
        !other.joins &&
        other.finalNumber >= machine.finalNumber,
    );
    return others.length > this.#maxDoubtful;
  }

  #cut(how: 'partition' | 'one-way cut' | 'link by link'): boolean {
    const { machines, internet, agenda } = this.#simulation;
    const names = machines.map(({ name }) => name);
    const some = this.#chance.sample(names, 1 + this.#chance.below(names.length));
    const links = names.flatMap((a) => names.filter((b) => b !== a).map((b) => [a, b] as const));
    const cut =
      how === 'partition'
        ? links.filter(([a, b]) => some.includes(a) !== some.includes(b))
        : how === 'one-way cut'
          ? links.filter(([a, b]) => some.includes(a) && !some.includes(b))
          : links.filter(() => this.#chance.chance(0.4));
    const forMs = this.#chance.pick([1_000, 10_000, 30_000]) * this.#chance.fraction();
    const oneByOne = how === 'link by link';
    for (const [a, b] of cut) {
      // In random order, and restored in another.
      const atMs = oneByOne ? this.#chance.between(0, forMs) : 0;
      const mendMs = oneByOne ? this.#chance.between(0.5, 1.5) * forMs : forMs;
      const sever = () => {
        if (!this.#simulation.faulty) return;
        internet.cut(a, b);
        agenda.after(mendMs, () => internet.mend(a, b));
      };
      agenda.after(atMs, sever);
    }
    this.#simulation.say(
      `${how}: ${cut
        .map((link) => link.join('>'))
        .join(' ')
        .slice(0, 200)}`,
    );
    return cut.length > 0;
  }
}
