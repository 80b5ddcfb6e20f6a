/** Remembers misbehaviour by address, over reconnections: a score that fades, and bans that end. */
import type { Clock } from '../ports/clock.js';
import type { Address } from '../protocol/bytes.js';
import { LIMITS } from './limits.js';

interface Standing {
  score: number;
  scoredMs: number;
  bannedUntilMs: number;
}

export class Standings {
  readonly #clock: Clock;
  readonly #byAddress = new Map<Address, Standing>();

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  score(address: Address): number {
    const standing = this.#byAddress.get(address);
    return standing === undefined ? 0 : this.#faded(standing);
  }

  /** Adds to the score; gives what it is then. */
  add(address: Address, points: number): number {
    const standing = this.#of(address);
    standing.score = this.#faded(standing) + points;
    standing.scoredMs = this.#clock.monotonic();
    return standing.score;
  }

  ban(address: Address): void {
    this.#of(address).bannedUntilMs = this.#clock.monotonic() + LIMITS.banMs;
  }

  banned(address: Address): boolean {
    const until = this.#byAddress.get(address)?.bannedUntilMs;
    return until !== undefined && until > this.#clock.monotonic();
  }

  #faded({ score, scoredMs }: Standing): number {
    return score * 0.5 ** ((this.#clock.monotonic() - scoredMs) / LIMITS.scoreHalfLifeMs);
  }

  #of(address: Address): Standing {
    const known = this.#byAddress.get(address);
    if (known !== undefined) return known;
    if (this.#byAddress.size >= LIMITS.standings) {
      const [oldest] = this.#byAddress.keys();
      if (oldest !== undefined) this.#byAddress.delete(oldest);
    }
    const fresh: Standing = { score: 0, scoredMs: this.#clock.monotonic(), bannedUntilMs: -Infinity };
    this.#byAddress.set(address, fresh);
    return fresh;
  }
}
