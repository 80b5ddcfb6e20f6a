/**
 * What to ask of whom while a snapshot is taken (section 9), plain data in and out: it sends nothing, checks nothing and
 * knows no clock but the `nowMs` it is given. A header first, of one peer at a time; once that is proven, the parts of its
 * state, of all peers that have it. What a part is said to be is proven by whoever takes it, so all that a peer can do is
 * to be silent or useless, and then it is asked no more.
 */
import type { Address } from '../protocol/bytes.js';
import { MAX_HEIGHT } from '../protocol/fields.js';
import type { KeyPath } from '../protocol/state-part.js';
import { type SnapshotOffer, SnapshotOffers } from './snapshot-offers.js';

/** Parts that one peer is asked for at once … */
export const MAX_REQUESTS_PER_PEER = 4;
/** … and all of them together: each may be 600,000 bytes. */
export const MAX_REQUESTS = 16;
/** An answer that takes longer is given up, and so is its peer. */
export const ANSWER_MS = 10_000;
/** Ids of requests that were given up, so that a very late answer is no offence. */
const MAX_FORGOTTEN = 256;

export type SnapshotRequest =
  | { readonly kind: 'header'; readonly peer: Address; readonly id: number; readonly number: number }
  | {
      readonly kind: 'part';
      readonly peer: Address;
      readonly id: number;
      readonly number: number;
      readonly path: KeyPath;
    };

type Pending = SnapshotRequest & { readonly sentMs: number };

export class SnapshotDownload {
  readonly #offers: SnapshotOffers;
  /** Peers that did not have, or did not give, what they were asked for: until they offer something above this. */
  readonly #useless = new Map<Address, number>();
  readonly #pending = new Map<number, Pending>();
  readonly #forgotten = new Set<number>();
  /** The block whose state is taken; undefined while a header is looked for. */
  #taking: number | undefined;
  /** Who gave its header. */
  #giver: Address | undefined;
  #queue: KeyPath[] = [];
  #lastId = 0;

  constructor(isAuthority: (peer: Address) => boolean) {
    this.#offers = new SnapshotOffers(isAuthority);
  }

  /** The block whose state is being taken. */
  get taking(): number | undefined {
    return this.#taking;
  }

  /** Whether anybody is left who could answer. */
  get hopeful(): boolean {
    if (this.#pending.size > 0) return true;
    return this.#taking === undefined
      ? this.#bestOffer() !== undefined
      : this.#holders(this.#taking).length > 0;
  }

  /** The peer says that its newest snapshot is of block `number`; undefined if it has none. */
  offer(peer: Address, number: number | undefined): void {
    this.#offers.set(peer, number);
  }

  /** The peer is gone, or proved to be bad. What it offers when it comes back counts again, as far as it is trusted. */
  drop(peer: Address): void {
    this.#offers.delete(peer);
    this.#useless.delete(peer);
    for (const request of [...this.#pending.values()]) if (request.peer === peer) this.#giveUp(request);
  }

  /**
   * The peer was asked for something and had it not. A header is asked for again when it offers a newer one. A part of the
   * state that is being taken is not: whoever has it no more will not have it again, however new what it offers.
   */
  useless(peer: Address): void {
    if (this.#taking === undefined) this.#offers.failed(peer);
    const offer = this.#offers.numberOf(peer);
    if (offer !== undefined) this.#useless.set(peer, this.#taking === undefined ? offer : MAX_HEIGHT);
  }

  /** The header of block `number`, which `giver` gave, is proven: from now on its state is taken, from the root down. */
  begin(number: number, giver: Address): void {
    for (const request of [...this.#pending.values()]) this.#giveUp(request);
    this.#taking = number;
    this.#giver = giver;
    this.#queue = [''];
  }

  /** Nothing came of that: another header is looked for, and everybody has another chance, its giver after all others. */
  restart(): void {
    if (this.#giver !== undefined) this.#offers.failed(this.#giver);
    for (const request of [...this.#pending.values()]) this.#giveUp(request);
    this.#useless.clear();
    this.#taking = undefined;
    this.#giver = undefined;
    this.#queue = [];
  }

  /** These parts are to be taken too. */
  want(paths: readonly KeyPath[]): void {
    for (const path of paths) this.#queue.push(path);
  }

  /** The requests to send now. */
  plan(nowMs: number): SnapshotRequest[] {
    return this.#taking === undefined ? this.#planHeader(nowMs) : this.#planParts(this.#taking, nowMs);
  }

  /** Requests that became overdue: their peers are useless now. */
  expire(nowMs: number): SnapshotRequest[] {
    const overdue = [...this.#pending.values()].filter(({ sentMs }) => nowMs - sentMs >= ANSWER_MS);
    for (const request of overdue) {
      this.#giveUp(request);
      this.useless(request.peer);
    }
    return overdue;
  }

  /** The request that this answers: 'stale' if it was given up, undefined if the peer was never asked. */
  answered(peer: Address, id: number, kind: SnapshotRequest['kind']): SnapshotRequest | 'stale' | undefined {
    const request = this.#pending.get(id);
    if (request === undefined) return this.#forgotten.has(id) ? 'stale' : undefined;
    if (request.peer !== peer || request.kind !== kind) return undefined;
    this.#pending.delete(id);
    return request;
  }

  #planHeader(nowMs: number): SnapshotRequest[] {
    if (this.#pending.size > 0) return [];
    const best = this.#bestOffer();
    if (best === undefined) return [];
    const { peer, number } = best;
    return [this.#request({ kind: 'header', peer, id: this.#nextId(), number }, nowMs)];
  }

  #planParts(number: number, nowMs: number): SnapshotRequest[] {
    const requests: SnapshotRequest[] = [];
    const peers = this.#holders(number);
    for (let share = 1; share <= MAX_REQUESTS_PER_PEER; share++) {
      for (const peer of peers) {
        if (this.#pending.size >= MAX_REQUESTS || this.#queue.length === 0) return requests;
        if (this.#load(peer) >= share) continue;
        const path = this.#queue.pop() as KeyPath;
        requests.push(this.#request({ kind: 'part', peer, id: this.#nextId(), number, path }, nowMs));
      }
    }
    return requests;
  }

  #bestOffer(): SnapshotOffer | undefined {
    return this.#offers.ranked().find((offer) => this.#isOfUse(offer));
  }

  /** Whoever offers what is wanted, or something newer. */
  #holders(number: number): Address[] {
    return this.#offers
      .atLeast(number)
      .filter((offer) => this.#isOfUse(offer))
      .map(({ peer }) => peer);
  }

  #isOfUse({ peer, number }: SnapshotOffer): boolean {
    return number > (this.#useless.get(peer) ?? 0);
  }

  #load(peer: Address): number {
    let count = 0;
    for (const request of this.#pending.values()) if (request.peer === peer) count++;
    return count;
  }

  #request(request: SnapshotRequest, nowMs: number): SnapshotRequest {
    this.#pending.set(request.id, { ...request, sentMs: nowMs });
    return request;
  }

  #nextId(): number {
    this.#lastId++;
    return this.#lastId;
  }

  #giveUp(request: SnapshotRequest): void {
    this.#pending.delete(request.id);
    if (request.kind === 'part' && request.number === this.#taking) this.#queue.push(request.path);
    this.#forgotten.add(request.id);
    const [oldest] = this.#forgotten;
    if (oldest !== undefined && this.#forgotten.size > MAX_FORGOTTEN) this.#forgotten.delete(oldest);
  }
}
