/**
 * Answers requests for blocks (RBL with ABL): as many consecutive ones as fit into a frame. What one peer may cost is
 * bounded: an allowance of bytes that refills with time, below the network's send queue so that a greedy but honest
 * peer is made to wait rather than dropped, and a few requests that wait for it. So is what all of them may cost, as
 * blocks are read on the thread that decides; they take turns, an answer each.
 */
import type { Address } from '../protocol/bytes.js';
import type { MessageOf } from '../protocol/messages.js';

/** The frame's 3,000,000 bytes less room for its header and the lengths around blocks. */
export const MAX_ANSWER_BYTES = 2_900_000;
/** MessagePack's array, lengths and nil around one block and its certificate. */
const BLOCK_OVERHEAD_BYTES = 16;
export const MAX_SERVED_BLOCKS = 1_024;
/** Requests of one peer that wait; those beyond are not answered (ccoin sends at most four). */
export const MAX_WAITING_REQUESTS = 4;
/** Bytes that a peer may be sent at once: a good part of the send queue of 16 MiB. */
export const BURST_BYTES = 9_000_000;
/** How fast that refills: above what a node can verify, below what would starve the others. */
export const REFILL_BYTES_PER_MS = 64_000;
/** The same of all peers together: a few at their full pace, or many at what they can verify. */
export const SHARED_BURST_BYTES = 4 * BURST_BYTES;
export const SHARED_REFILL_BYTES_PER_MS = 2 * REFILL_BYTES_PER_MS;

/** A block as it stands in an ABL; the certificate is null for genesis. */
export interface ServedBlock {
  readonly block: Uint8Array;
  readonly certificate: Uint8Array | null;
}

/** Bytes that may be sent; one answer may overdraw it. */
export class Allowance {
  readonly #burstBytes: number;
  readonly #refillBytesPerMs: number;
  #bytes: number;
  #filledMs: number;

  constructor(burstBytes: number, refillBytesPerMs: number, nowMs: number) {
    this.#burstBytes = burstBytes;
    this.#refillBytesPerMs = refillBytesPerMs;
    this.#bytes = burstBytes;
    this.#filledMs = nowMs;
  }

  isUsedUp(nowMs: number): boolean {
    const refill = (nowMs - this.#filledMs) * this.#refillBytesPerMs;
    this.#bytes = Math.min(this.#burstBytes, this.#bytes + refill);
    this.#filledMs = nowMs;
    return this.#bytes <= 0;
  }

  take(bytes: number): void {
    this.#bytes -= bytes;
  }
}

interface Customer {
  readonly allowance: Allowance;
  readonly waiting: MessageOf<'RBL'>[];
}

export interface ServedAnswer {
  readonly peer: Address;
  readonly message: MessageOf<'ABL'>;
}

export class BlockServer {
  readonly #blockAt: (number: number) => ServedBlock | undefined;
  readonly #base: () => number;
  /** Whose turn it is comes first. */
  readonly #customers = new Map<Address, Customer>();
  readonly #shared = new Allowance(SHARED_BURST_BYTES, SHARED_REFILL_BYTES_PER_MS, 0);

  /** @param base up to where blocks above genesis are not kept; 0 if all are */
  constructor(blockAt: (number: number) => ServedBlock | undefined, base: () => number) {
    this.#blockAt = blockAt;
    this.#base = base;
  }

  /** Queues a request; false if the peer has too many waiting and it was dropped. */
  request(peer: Address, message: MessageOf<'RBL'>, nowMs: number): boolean {
    let customer = this.#customers.get(peer);
    if (customer === undefined) {
      customer = { allowance: new Allowance(BURST_BYTES, REFILL_BYTES_PER_MS, nowMs), waiting: [] };
      this.#customers.set(peer, customer);
    }
    if (customer.waiting.length >= MAX_WAITING_REQUESTS) return false;
    customer.waiting.push(message);
    return true;
  }

  /** The answers that may be sent now. */
  due(nowMs: number): ServedAnswer[] {
    const answers: ServedAnswer[] = [];
    // A peer that was answered goes to the end of the map, where this loop meets it again if more of its requests wait.
    for (const [peer, customer] of this.#customers) {
      if (this.#shared.isUsedUp(nowMs)) break;
      if (customer.waiting.length === 0 || customer.allowance.isUsedUp(nowMs)) continue;
      const request = customer.waiting.shift() as MessageOf<'RBL'>;
      const { start_from_block: from, request_id } = request;
      const { blocks, sizeBytes } = this.#collect(from, request.count);
      customer.allowance.take(sizeBytes);
      this.#shared.take(sizeBytes);
      const base = this.#base();
      const lacks = base > 0 && base >= from + blocks.length ? { base } : {};
      answers.push({ peer, message: { type: 'ABL', request_id, blocks, ...lacks } });
      this.#customers.delete(peer);
      this.#customers.set(peer, customer);
    }
    return answers;
  }

  forget(peer: Address): void {
    this.#customers.delete(peer);
  }

  #collect(from: number, count: number): { blocks: [Uint8Array, Uint8Array | null][]; sizeBytes: number } {
    const blocks: [Uint8Array, Uint8Array | null][] = [];
    // An answer without a block still costs a look into the store.
    let sizeBytes = BLOCK_OVERHEAD_BYTES;
    const end = from + Math.min(count, MAX_SERVED_BLOCKS);
    for (let number = from; number < end; number++) {
      const served = this.#blockAt(number);
      if (served === undefined) break;
      const { block, certificate } = served;
      const more = block.length + (certificate?.length ?? 0) + BLOCK_OVERHEAD_BYTES;
      if (sizeBytes + more > MAX_ANSWER_BYTES) break;
      sizeBytes += more;
      blocks.push([block, certificate]);
    }
    return { blocks, sizeBytes };
  }
}
