/**
 * Which blocks to ask of whom, and what to make of the answers (RBL/ABL, section 9). Ranges are fetched from several
 * peers at once and arrive in any order; the next block to apply is handed out as soon as it is here. Plain data in,
 * plain data out: it sends nothing, applies nothing and knows no clock but the `nowMs` it is given.
 *
 * Nothing that arrives is believed: an answer is only checked for being one to the question. A block is proved by
 * applying it, and until then it is held under the name of the peer that gave it.
 */
import type { Address } from '../protocol/bytes.js';
import { ProtocolError } from '../protocol/errors.js';
import { numberOfBlock } from './block-number.js';
import { type HeldBlock, HeldBlocks, MAX_AHEAD_BLOCKS, MAX_HELD_BYTES } from './held-blocks.js';
import { Ranges } from './ranges.js';

/** A request counts this much against `MAX_HELD_BYTES` while its answer is awaited: the longest frame. */
const ANSWER_BYTES = 3_000_000;
/** Requests waited for at once, so that ordinary answers find room. */
export const MAX_REQUESTS = 16;
/** Two, so that a peer has something to do while its last answer travels. */
export const MAX_REQUESTS_PER_PEER = 2;
/** Blocks asked for in one request: how many depends on how fast the peer answered before. */
export const FIRST_WINDOW = 16;
export const MIN_WINDOW = 4;
export const MAX_WINDOW = 256;
/** Within this a full answer doubles a peer's window; later than `SLOW_MS` any answer halves it. */
const FAST_MS = 500;
const SLOW_MS = 1_000;
/** A request older than this is given to others as well; its peer has not made good on what it claimed. */
export const OVERDUE_MS = 2_000;
/** An overdue answer is still welcome this long; afterwards its peer may be asked anew. */
export const FORGET_MS = 30_000;
/** If the block that everything waits for was asked for this long ago, another peer is asked too: six within 2 s. */
export const STALL_MS = 300;
/** Ids of forgotten requests kept per peer, so that a very late answer is no offence. */
const MAX_FORGOTTEN = 32;
/** An answer shorter than this had room for one more block, whatever its size: frame less block and certificate. */
const ROOMY_ANSWER_BYTES = 750_000;

/** A peer that says it has blocks up to `height`. */
export interface Source {
  readonly address: Address;
  readonly height: number;
}

export interface BlockRequest {
  readonly id: number;
  readonly peer: Address;
  readonly from: number;
  readonly count: number;
}

export type Answer =
  /** To a request that was given up: not used. */
  | { readonly kind: 'stale' }
  /** Not an answer to any question of ours; the peer deserves blame. */
  | { readonly kind: 'offence'; readonly detail: string }
  /** `last` is the highest block it gave; `short` if it gave less than it said it had although there was room. */
  | { readonly kind: 'taken'; readonly last: number; readonly short: boolean };

interface Pending extends BlockRequest {
  readonly sentMs: number;
  overdue: boolean;
}

/** How a peer has answered so far. */
interface Pace {
  window: number;
  readonly forgotten: number[];
}

export class Download {
  #next: number;
  #lastId = 0;
  /** What is neither held nor asked for, from the next block on. */
  readonly #missing = new Ranges();
  readonly #held: HeldBlocks;
  readonly #pending = new Map<number, Pending>();
  readonly #paces = new Map<Address, Pace>();

  /** @param head the number of the last block applied */
  constructor(head: number) {
    this.#next = head + 1;
    this.#held = new HeldBlocks(head);
    this.#missing.add(this.#next, Number.POSITIVE_INFINITY);
  }

  get heldBytes(): number {
    return this.#held.bytes;
  }

  get heldBlocks(): number {
    return this.#held.count;
  }

  /** The block after the head, if it is here. */
  get next(): HeldBlock | undefined {
    return this.#held.get(this.#next);
  }

  /** Block `number`, if it is here. */
  at(number: number): HeldBlock | undefined {
    return this.#held.get(number);
  }

  /** The last block of the unbroken run that is here after the head; the head itself if there is none. */
  get reach(): number {
    return this.#held.reach;
  }

  /** The head is `head` now: what was wanted or held up to it is done with. Never goes back. */
  advance(head: number): void {
    if (head < this.#next) return;
    this.#held.advance(head);
    this.#next = head + 1;
    this.#missing.remove(0, head);
  }

  /**
   * The requests to send now. Those of `sources` who answer faster are asked first and for more.
   * @param sources peers in good standing, each once
   */
  plan(sources: readonly Source[], nowMs: number): BlockRequest[] {
    const requests: BlockRequest[] = [];
    const ranked = [...sources].sort((a, b) => this.#windowOf(b.address) - this.#windowOf(a.address));
    for (let share = 1; share <= MAX_REQUESTS_PER_PEER; share++) {
      for (const source of ranked) {
        if (this.#load(source.address) >= share) continue;
        const range = this.#lowestFor(source);
        if (range !== undefined) requests.push(this.#request(source.address, range.from, range.count, nowMs));
      }
    }
    const rescue = this.#rescue(ranked, nowMs);
    if (rescue !== undefined) requests.push(rescue);
    return requests;
  }

  /** Requests that became overdue: others may have their blocks, and their peers are slower than they should be. */
  expire(nowMs: number): BlockRequest[] {
    const overdue: BlockRequest[] = [];
    for (const request of [...this.#pending.values()]) {
      const ageMs = nowMs - request.sentMs;
      if (ageMs >= FORGET_MS) this.#forget(request);
      else if (ageMs >= OVERDUE_MS && !request.overdue) {
        request.overdue = true;
        this.#shrink(request.peer);
        this.#giveBack(request);
        overdue.push(request);
      }
    }
    return overdue;
  }

  /** Takes the answer to a request; its bytes are copied, so that no block holds on to a whole frame. */
  answer(
    peer: Address,
    id: number,
    blocks: readonly (readonly [block: Uint8Array, certificate: Uint8Array | null])[],
    nowMs: number,
  ): Answer {
    const request = this.#pending.get(id);
    if (request === undefined || request.peer !== peer) return this.#unexpected(peer, id);
    this.#pending.delete(id);
    const detail = faultOf(request, blocks);
    const short = blocks.length < Math.min(request.count, MIN_WINDOW) && sizeOf(blocks) < ROOMY_ANSWER_BYTES;
    if (detail === undefined) {
      blocks.forEach(([block, certificate], i) => {
        const number = request.from + i;
        this.#hold({
          number,
          block,
          certificate: certificate ?? EMPTY,
          peer,
          fetched: true,
          founded: !short,
        });
      });
    }
    if (!request.overdue) this.#giveBack(request);
    if (detail !== undefined) return { kind: 'offence', detail };
    this.#adapt(request, blocks.length, nowMs - request.sentMs);
    return { kind: 'taken', last: request.from + blocks.length - 1, short };
  }

  /** Takes a block nobody asked for, if it is soon needed and there is room. */
  offer(peer: Address, number: number, block: Uint8Array, certificate: Uint8Array): void {
    this.#hold({ number, block, certificate, peer, fetched: false, founded: false });
  }

  /** Throws away all that `peer` gave and asks it for nothing more: its blocks are fetched elsewhere. */
  discard(peer: Address): void {
    for (const number of this.#held.discard(peer)) this.#want(number);
    this.release(peer);
  }

  /** The peer is gone: what it was asked for is fetched elsewhere; what it gave stays. */
  release(peer: Address): void {
    for (const request of [...this.#pending.values()]) {
      if (request.peer !== peer) continue;
      this.#pending.delete(request.id);
      if (!request.overdue) this.#giveBack(request);
    }
    this.#paces.delete(peer);
  }

  #windowOf(peer: Address): number {
    return this.#paces.get(peer)?.window ?? FIRST_WINDOW;
  }

  #paceOf(peer: Address): Pace {
    let pace = this.#paces.get(peer);
    if (pace === undefined) {
      pace = { window: FIRST_WINDOW, forgotten: [] };
      this.#paces.set(peer, pace);
    }
    return pace;
  }

  /** How many answers a peer owes us, overdue ones too: who is slow is asked for less. */
  #load(peer: Address): number {
    let load = 0;
    for (const request of this.#pending.values()) if (request.peer === peer) load++;
    return load;
  }

  #awaited(): number {
    let count = 0;
    for (const request of this.#pending.values()) if (!request.overdue) count++;
    return count;
  }

  #lowestFor(source: Source): { from: number; count: number } | undefined {
    const range = this.#missing.first;
    if (range === undefined) return undefined;
    const limit = Math.min(source.height, this.#next + MAX_AHEAD_BLOCKS - 1);
    if (range.from > limit) return undefined;
    const awaited = this.#awaited();
    const full = awaited >= MAX_REQUESTS || this.#held.bytes + (awaited + 1) * ANSWER_BYTES > MAX_HELD_BYTES;
    if (full && range.from !== this.#next) return undefined;
    const to = Math.min(range.to, limit, range.from + this.#windowOf(source.address) - 1);
    return { from: range.from, count: to - range.from + 1 };
  }

  /** If the next block is long in coming, the best peer that was not asked for it is. */
  #rescue(ranked: readonly Source[], nowMs: number): BlockRequest | undefined {
    if (this.#held.has(this.#next)) return undefined;
    const asked = [...this.#pending.values()].filter((request) => covers(request, this.#next));
    if (asked.length === 0) return undefined;
    if (asked.some((request) => nowMs - request.sentMs < STALL_MS)) return undefined;
    const source = ranked.find(
      ({ address, height }) =>
        height >= this.#next &&
        this.#load(address) <= MAX_REQUESTS_PER_PEER &&
        asked.every((request) => request.peer !== address),
    );
    if (source === undefined) return undefined;
    let count = 1;
    const most = Math.min(this.#windowOf(source.address), source.height - this.#next + 1);
    while (count < most && !this.#held.has(this.#next + count)) count++;
    return this.#request(source.address, this.#next, count, nowMs);
  }

  #request(peer: Address, from: number, count: number, nowMs: number): BlockRequest {
    const request: Pending = { id: ++this.#lastId, peer, from, count, sentMs: nowMs, overdue: false };
    this.#paceOf(peer);
    this.#pending.set(request.id, request);
    this.#missing.remove(from, from + count - 1);
    return request;
  }

  #unexpected(peer: Address, id: number): Answer {
    const forgotten = this.#paces.get(peer)?.forgotten ?? [];
    const place = forgotten.indexOf(id);
    if (place < 0) return { kind: 'offence', detail: `blocks for request ${id}, which it was not sent` };
    forgotten.splice(place, 1);
    return { kind: 'stale' };
  }

  #forget(request: Pending): void {
    this.#pending.delete(request.id);
    const { forgotten } = this.#paceOf(request.peer);
    forgotten.push(request.id);
    if (forgotten.length > MAX_FORGOTTEN) forgotten.shift();
  }

  #adapt(request: Pending, got: number, tookMs: number): void {
    const pace = this.#paceOf(request.peer);
    if (tookMs > SLOW_MS) this.#shrink(request.peer);
    // As many as fitted into its frame: asking for more would only be given back.
    else if (got < request.count) pace.window = Math.max(MIN_WINDOW, got);
    else if (tookMs <= FAST_MS && got >= pace.window) pace.window = Math.min(MAX_WINDOW, pace.window * 2);
  }

  #shrink(peer: Address): void {
    const pace = this.#paceOf(peer);
    pace.window = Math.max(MIN_WINDOW, pace.window >> 1);
  }

  #giveBack(request: BlockRequest): void {
    for (let number = request.from; number < request.from + request.count; number++) this.#want(number);
  }

  #want(number: number): void {
    if (number < this.#next || this.#held.has(number)) return;
    for (const request of this.#pending.values()) if (!request.overdue && covers(request, number)) return;
    this.#missing.add(number, number);
  }

  #hold(block: HeldBlock): void {
    if (this.#held.add(block)) this.#missing.remove(block.number, block.number);
  }
}

const EMPTY = new Uint8Array(0);

function covers(request: BlockRequest, number: number): boolean {
  return number >= request.from && number < request.from + request.count;
}

function sizeOf(blocks: readonly (readonly [Uint8Array, Uint8Array | null])[]): number {
  return blocks.reduce((sum, [block, certificate]) => sum + block.length + (certificate?.length ?? 0), 0);
}

/** What makes these blocks no answer to the request; undefined if they are one. */
function faultOf(
  request: BlockRequest,
  blocks: readonly (readonly [Uint8Array, Uint8Array | null])[],
): string | undefined {
  if (blocks.length > request.count) return `${blocks.length} blocks where ${request.count} were asked for`;
  for (const [i, [block, certificate]] of blocks.entries()) {
    const expected = request.from + i;
    if (certificate === null) return `block ${expected} without a certificate`;
    try {
      const number = numberOfBlock(block);
      if (number !== expected) return `block ${number} where ${expected} belongs`;
    } catch (error) {
      if (!(error instanceof ProtocolError)) throw error;
      return `block ${expected}: ${error.message}`;
    }
  }
  return undefined;
}
