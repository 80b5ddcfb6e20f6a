/** What many runs came to, and which rare things none of them reached. */
import type { Outcome } from './simulation.js';

/** A long run that never reaches one of these simulates too little: tally, and what it stands for. */
export const RARE_THINGS: Readonly<Record<string, string>> = {
  highRounds: 'a prevote beyond round 3',
  locksCarried: 'a lock carried to another round',
  torn: 'a torn tail',
  drops: 'a peer dropped for misbehaviour',
  resyncs: 'a chain wiped and synced again',
  evidence: 'equivocation found and stored',
};
/** So many seeds reach all of them. */
const SEEDS_FOR_ALL = 300;

export class Totals {
  seeds = 0;
  failed = 0;
  virtualMs = 0;
  events = 0;
  readonly tallies: Record<string, number> = {};

  add(outcome: Outcome): void {
    this.seeds++;
    this.virtualMs += outcome.virtualMs;
    this.events += outcome.events;
    if (outcome.violation !== undefined) this.failed++;
    for (const [name, count] of Object.entries(outcome.tallies)) {
      const before = this.tallies[name] ?? 0;
      this.tallies[name] = name === 'highestRound' ? Math.max(before, count) : before + count;
    }
    if (outcome.beyond !== undefined) {
      const name = `beyond f: ${outcome.beyond}`;
      this.tallies[name] = (this.tallies[name] ?? 0) + 1;
    }
  }

  /** The rare things that so many seeds should have reached, and did not. */
  missing(): string[] {
    if (this.seeds < SEEDS_FOR_ALL) return [];
    return Object.entries(RARE_THINGS)
      .filter(([name]) => (this.tallies[name] ?? 0) === 0)
      .map(([, what]) => what);
  }

  line(tookMs: number): string {
    const hours = (this.virtualMs / 3_600_000).toFixed(2);
    const perMinute = Math.round((this.seeds * 60_000) / tookMs);
    const tallies = Object.entries(this.tallies)
      .sort(([a], [b]) => (a < b ? -1 : 1))
      .map(([name, count]) => `${name} ${count}`);
    return (
      `${this.seeds} seeds, ${this.failed} failed; ${hours} virtual hours, ${this.events} events, ` +
      `${Math.round(tookMs / 1000)} s, ${perMinute} seeds a minute; ${tallies.join(', ')}`
    );
  }
}
