/** Which authorities are here, and for how long too few of them for a quorum have been. */
import type { Clock } from '../ports/clock.js';
import type { AuthoritySet } from '../protocol/authorities.js';
import type { Address } from '../protocol/bytes.js';

export class AuthorityPresence {
  readonly #authorities: AuthoritySet;
  readonly #clock: Clock;
  readonly #isHere: (address: Address) => boolean;
  #lostSinceMs: number | null;

  /** @param isHere whether an authority is connected, or is this node itself */
  constructor(authorities: AuthoritySet, clock: Clock, isHere: (address: Address) => boolean) {
    this.#authorities = authorities;
    this.#clock = clock;
    this.#isHere = isHere;
    this.#lostSinceMs = clock.monotonic();
  }

  get present(): Address[] {
    return this.#authorities.list.map(({ address }) => address).filter(this.#isHere);
  }

  /** 0 while a quorum is here. */
  get quorumLostMs(): number {
    return this.#lostSinceMs === null ? 0 : this.#clock.monotonic() - this.#lostSinceMs;
  }

  /** To be called when somebody came or went. */
  changed(): void {
    if (this.present.length >= this.#authorities.quorum) this.#lostSinceMs = null;
    else this.#lostSinceMs ??= this.#clock.monotonic();
  }
}
