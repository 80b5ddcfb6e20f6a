/** What many runs came to, and which rare things none of them reached. */
import { ALL_TRICKS } from './liar.js';
import { ALL_FAULTS } from './plan.js';
import type { Failure, Report } from './player.js';

/** What a run of so many seeds reaches, or it simulates too little: tally, and what it stands for. */
interface Rarity {
  readonly tally: string;
  readonly what: string;
  readonly withinSeeds: number;
}

const OFTEN = 300;
const SELDOM = 1_500;

export const RARITIES: readonly Rarity[] = [
  { tally: 'highRounds', what: 'a prevote beyond round 3', withinSeeds: OFTEN },
  { tally: 'locksCarried', what: 'a lock carried to another round', withinSeeds: OFTEN },
  { tally: 'unlocked', what: 'a lock left for another block, by its rules', withinSeeds: SELDOM },
  { tally: 'dropped', what: 'an unsynced write dropped by a crash', withinSeeds: OFTEN },
  { tally: 'kept', what: 'an unsynced write kept by a crash', withinSeeds: SELDOM },
  { tally: 'drops', what: 'a peer dropped for misbehaviour', withinSeeds: OFTEN },
  { tally: 'resyncs', what: 'a chain wiped or damaged, and synced again', withinSeeds: OFTEN },
  { tally: 'equivocations', what: 'two votes of a liar for one place', withinSeeds: OFTEN },
  { tally: 'evidence', what: 'equivocation found and stored', withinSeeds: OFTEN },
  { tally: 'strikes', what: 'a process that ends at one of its effects', withinSeeds: OFTEN },
  { tally: 'lost', what: 'a frame lost', withinSeeds: OFTEN },
  { tally: 'doubled', what: 'a frame doubled', withinSeeds: OFTEN },
  { tally: 'reordered', what: 'a frame that arrives after later ones', withinSeeds: OFTEN },
  { tally: 'acknowledged', what: 'a transaction that a node called final', withinSeeds: OFTEN },
  { tally: 'recordsLost', what: "a signer's record lost, and given up", withinSeeds: OFTEN },
  { tally: 'genesisTaken', what: 'a genesis block taken from a peer', withinSeeds: OFTEN },
  { tally: 'joined', what: 'a node that joined by a snapshot', withinSeeds: OFTEN },
  { tally: 'falseSnapshots', what: 'a lie about a snapshot, found', withinSeeds: SELDOM },
  {
    tally: 'beyond f: evidence',
    what: 'evidence against more liars than the network bears',
    withinSeeds: SELDOM,
  },
  { tally: 'pruned', what: 'a block that a node keeps no longer', withinSeeds: OFTEN },
  { tally: 'skewed clocks', what: 'a network of skewed clocks', withinSeeds: OFTEN },
  { tally: 'drifting clocks', what: 'a network of clocks that drift', withinSeeds: OFTEN },
  { tally: 'narrow lines', what: 'a network of little bandwidth', withinSeeds: OFTEN },
  { tally: 'frames in pieces', what: 'a network where frames come in pieces', withinSeeds: OFTEN },
  { tally: 'rsa', what: 'a network that signs with RSA', withinSeeds: OFTEN },
  ...ALL_FAULTS.map((tally) => ({ tally, what: `the fault "${tally}"`, withinSeeds: OFTEN })),
  ...ALL_TRICKS.map((trick) => ({
    tally: `liar: ${trick}`,
    what: `the lie "${trick}"`,
    withinSeeds: OFTEN,
  })),
];

export interface Figures {
  readonly from: number;
  readonly seeds: number;
  readonly virtualHours: number;
  readonly events: number;
  readonly tookSeconds: number;
  readonly tallies: Readonly<Record<string, number>>;
  readonly neverReached: readonly string[];
  readonly failures: readonly Failure[];
}

export class Totals {
  readonly failures: Failure[] = [];
  seeds = 0;
  readonly #from: number;
  #virtualMs = 0;
  #events = 0;
  readonly #tallies: Record<string, number> = {};

  constructor(from: number) {
    this.#from = from;
  }

  add({ virtualMs, events, tallies, failure }: Report): void {
    this.seeds++;
    this.#virtualMs += virtualMs;
    this.#events += events;
    if (failure !== null) this.failures.push(failure);
    for (const [name, count] of Object.entries(tallies)) {
      const before = this.#tallies[name] ?? 0;
      this.#tallies[name] = name === 'highestRound' ? Math.max(before, count) : before + count;
    }
  }

  /** The rare things that so many seeds should have reached, and did not. */
  missing(): string[] {
    return RARITIES.filter(
      ({ tally, withinSeeds }) => this.seeds >= withinSeeds && (this.#tallies[tally] ?? 0) === 0,
    ).map(({ what }) => what);
  }

  progress(tookMs: number): string {
    const missing = this.missing();
    const unreached = missing.length === 0 ? '' : `; not reached yet: ${missing.join(', ')}`;
    return `${Math.round(tookMs / 60_000)} min: ${this.#sum(tookMs)}${unreached}`;
  }

  /** For people: by group, the sum last. */
  lines(tookMs: number): string[] {
    const rest = new Map(Object.entries(this.#tallies).sort(([a], [b]) => (a < b ? -1 : 1)));
    const take = (names: readonly string[]) =>
      names
        .map((name) => {
          const count = rest.get(name) ?? 0;
          rest.delete(name);
          return `${name} ${count}`;
        })
        .join(', ');
    const faults = take(ALL_FAULTS);
    const lies = take(ALL_TRICKS.map((trick) => `liar: ${trick}`)).replaceAll('liar: ', '');
    const rare = RARITIES.filter(({ tally }) => rest.has(tally)).map(
      ({ tally, what }) => `  ${rest.get(tally)} × ${what}`,
    );
    for (const { tally } of RARITIES) rest.delete(tally);
    return [
      `faults: ${faults}`,
      `lies: ${lies}`,
      'rare things:',
      ...rare,
      `also: ${take([...rest.keys()])}`,
      this.#sum(tookMs),
    ];
  }

  figures(tookMs: number): Figures {
    return {
      from: this.#from,
      seeds: this.seeds,
      virtualHours: this.#virtualMs / 3_600_000,
      events: this.#events,
      tookSeconds: Math.round(tookMs / 1_000),
      tallies: Object.fromEntries(Object.entries(this.#tallies).sort(([a], [b]) => (a < b ? -1 : 1))),
      neverReached: this.missing(),
      failures: this.failures,
    };
  }

  #sum(tookMs: number): string {
    const hours = (this.#virtualMs / 3_600_000).toFixed(2);
    const perMinute = Math.round((this.seeds * 60_000) / tookMs);
    return (
      `${this.seeds} seeds, ${this.failures.length} failed; ${hours} virtual hours, ` +
      `${this.#tallies.blocks ?? 0} blocks, ${this.#events} events; ${Math.round(tookMs / 1_000)} s, ${perMinute} seeds a minute`
    );
  }
}
