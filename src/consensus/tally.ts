/**
 * The votes of one round and type. An authority that signed two values counts for each of them, once, and once among
 * the authorities (section 8, "Equivocation counts"): dropping its second vote would leave nodes that heard it in
 * another order unable to agree on what they hold.
 */
import type { Hash } from '../protocol/bytes.js';
import type { Vote } from '../protocol/vote.js';

export class Tally {
  readonly #byValue = new Map<Hash | null, Map<number, Vote>>();
  readonly #first = new Map<number, Vote>();

  add(vote: Vote): void {
    let votes = this.#byValue.get(vote.blockId);
    if (votes === undefined) {
      votes = new Map();
      this.#byValue.set(vote.blockId, votes);
    }
    votes.set(vote.authority, vote);
    if (!this.#first.has(vote.authority)) this.#first.set(vote.authority, vote);
  }

  has(authority: number, value: Hash | null): boolean {
    return this.#byValue.get(value)?.has(authority) === true;
  }

  /** The first vote of an authority, whatever its value. */
  first(authority: number): Vote | undefined {
    return this.#first.get(authority);
  }

  /** How many authorities voted for `value`. */
  count(value: Hash | null): number {
    return this.#byValue.get(value)?.size ?? 0;
  }

  /** How many authorities voted at all. */
  get authorities(): number {
    return this.#first.size;
  }

  votesFor(value: Hash | null): Vote[] {
    return [...(this.#byValue.get(value)?.values() ?? [])];
  }

  values(): Iterable<Hash | null> {
    return this.#byValue.keys();
  }
}
