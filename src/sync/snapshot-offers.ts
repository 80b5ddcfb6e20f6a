/**
 * Who says to have which snapshot, and whose is tried first. Anybody may name a block that is final, and then have nothing
 * of its state, or give it a word at a time: no proof shows that beforehand. So a snapshot that more peers have is worth
 * more, authorities counting first, and whoever let us down comes last from then on, whatever it offers and however often
 * it comes back.
 */
import type { Address } from '../protocol/bytes.js';
import { MAX_HEIGHT } from '../protocol/fields.js';

/** Whoever let us down so often is not asked for a header any more. */
export const MAX_FAILURES = 3;
/** Peers whose failures are remembered; each had to sign a handshake. */
const MAX_REMEMBERED = 1_000;

export interface SnapshotOffer {
  readonly peer: Address;
  readonly number: number;
}

export class SnapshotOffers {
  readonly #isAuthority: (peer: Address) => boolean;
  /** The newest that each peer says to have. */
  readonly #numbers = new Map<Address, number>();
  /** How often each peer let us down. */
  readonly #failures = new Map<Address, number>();

  constructor(isAuthority: (peer: Address) => boolean) {
    this.#isAuthority = isAuthority;
  }

  /** `number`: of the block whose state it is; undefined if the peer has none. */
  set(peer: Address, number: number | undefined): void {
    if (number === undefined || number < 2 || number > MAX_HEIGHT) this.#numbers.delete(peer);
    else this.#numbers.set(peer, number);
  }

  numberOf(peer: Address): number | undefined {
    return this.#numbers.get(peer);
  }

  /** The peer is gone. How often it let us down is not forgotten. */
  delete(peer: Address): void {
    this.#numbers.delete(peer);
  }

  /** The peer had not what it offered, or nothing could be made of it. */
  failed(peer: Address): void {
    const count = (this.#failures.get(peer) ?? 0) + 1;
    this.#failures.delete(peer);
    this.#failures.set(peer, count);
    const [oldest] = this.#failures;
    if (oldest !== undefined && this.#failures.size > MAX_REMEMBERED) this.#failures.delete(oldest[0]);
  }

  /** Those that have the snapshot of block `number`, or a newer one: the last but one is kept too. */
  atLeast(number: number): SnapshotOffer[] {
    return this.#all().filter((offer) => offer.number >= number);
  }

  /** Whose header to ask for, first choice first. */
  ranked(): SnapshotOffer[] {
    const offers = this.#all()
      .map((offer) => ({ ...offer, failures: this.#failures.get(offer.peer) ?? 0 }))
      .filter(({ failures }) => failures < MAX_FAILURES);
    const support = (number: number, of: (peer: Address) => boolean) =>
      offers.filter((offer) => offer.number === number && of(offer.peer)).length;
    return offers
      .map((offer) => ({
        ...offer,
        authorities: support(offer.number, this.#isAuthority),
        supporters: support(offer.number, () => true),
      }))
      .sort(
        (a, b) =>
          a.failures - b.failures ||
          b.authorities - a.authorities ||
          b.supporters - a.supporters ||
          b.number - a.number,
      );
  }

  #all(): SnapshotOffer[] {
    return [...this.#numbers].map(([peer, number]) => ({ peer, number }));
  }
}
