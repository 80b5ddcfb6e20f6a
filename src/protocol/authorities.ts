/** The set of authorities that decides a height: its order, its hash, its quorum (sections 4 and 8). */
import { type Address, fromHex, type Hash } from './bytes.js';
import { encode } from './encoding.js';
import { sha256Hex } from './hash.js';

export interface Authority {
  readonly address: Address;
  /** PKCS#1 DER. */
  readonly publicKey: Uint8Array;
}

export class AuthoritySet {
  /** Sorted by address; an authority's index in votes and certificates is its place here. */
  readonly list: readonly Authority[];
  readonly hash: Hash;
  /** How many of them may lie: floor((n-1)/3). */
  readonly faulty: number;
  /** How many must agree: ceil(2n/3). */
  readonly quorum: number;
  readonly #index: ReadonlyMap<Address, number>;

  constructor(authorities: readonly Authority[]) {
    this.list = [...authorities].sort((a, b) => (a.address < b.address ? -1 : 1));
    this.#index = new Map(this.list.map(({ address }, index) => [address, index]));
    if (this.#index.size !== this.list.length || this.list.length === 0) {
      throw new Error('an authority set needs at least one authority, each once');
    }
    this.hash = sha256Hex(encode(this.list.map(({ address, publicKey }) => [fromHex(address), publicKey])));
    this.faulty = Math.floor((this.list.length - 1) / 3);
    this.quorum = Math.ceil((2 * this.list.length) / 3);
  }

  get size(): number {
    return this.list.length;
  }

  at(index: number): Authority | undefined {
    return this.list[index];
  }

  has(address: Address): boolean {
    return this.#index.has(address);
  }

  /** The authority's index, or undefined if the address is none. */
  indexOf(address: Address): number | undefined {
    return this.#index.get(address);
  }
}
