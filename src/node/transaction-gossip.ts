/** Passes transactions on: new ones once to every peer, in batches, and what is pending to a peer that just came. */
import type { Clock, Timer } from '../ports/clock.js';
import type { Address } from '../protocol/bytes.js';
import type { Message } from '../protocol/messages.js';
import type { Transaction } from '../protocol/transaction.js';

/** The first transaction goes at once; those that follow within this wait for each other. */
const COALESCE_MS = 5;
/** Wire forms in one frame. */
const MAX_FRAME_BYTES = 1_000_000;
/** Offered to one peer at once, well below its send queue; the rest is offered again with the next LDR. */
const MAX_OFFER_BYTES = 4_000_000;

export interface GossipDependencies {
  send(peer: Address, message: Message): void;
  broadcast(message: Message, except: Address | null): void;
  /** What is pending, in the order in which it can be applied. */
  pending(): Iterable<Transaction>;
}

export class TransactionGossip {
  readonly #clock: Clock;
  readonly #dependencies: GossipDependencies;
  /** Waiting to go, by where they came from; bounded by what the mempool accepts within COALESCE_MS. */
  #waiting = new Map<Address | null, Uint8Array[]>();
  #timer: Timer | null = null;
  #flushedMs = Number.NEGATIVE_INFINITY;

  constructor(clock: Clock, dependencies: GossipDependencies) {
    this.#clock = clock;
    this.#dependencies = dependencies;
  }

  spread(transactions: readonly Transaction[], source: Address | null): void {
    const wires = this.#waiting.get(source) ?? [];
    for (const { wire } of transactions) wires.push(wire);
    this.#waiting.set(source, wires);
    if (this.#timer !== null) return;
    const restMs = this.#flushedMs + COALESCE_MS - this.#clock.monotonic();
    if (restMs <= 0) this.#flush();
    else this.#timer = this.#clock.after(restMs, () => this.#flush());
  }

  offer(peer: Address): void {
    const wires: Uint8Array[] = [];
    let bytes = 0;
    for (const { wire } of this.#dependencies.pending()) {
      bytes += wire.length;
      if (bytes > MAX_OFFER_BYTES) break;
      wires.push(wire);
    }
    for (const txns of frames(wires)) this.#dependencies.send(peer, { type: 'TXN', txns });
  }

  stop(): void {
    this.#timer?.cancel();
  }

  #flush(): void {
    this.#timer = null;
    this.#flushedMs = this.#clock.monotonic();
    const waiting = this.#waiting;
    this.#waiting = new Map();
    for (const [source, wires] of waiting) {
      for (const txns of frames(wires)) this.#dependencies.broadcast({ type: 'TXN', txns }, source);
    }
  }
}

function frames(wires: readonly Uint8Array[]): Uint8Array[][] {
  const frames: Uint8Array[][] = [];
  let bytes = MAX_FRAME_BYTES;
  for (const wire of wires) {
    if (bytes + wire.length > MAX_FRAME_BYTES) {
      frames.push([]);
      bytes = 0;
    }
    bytes += wire.length;
    frames[frames.length - 1]?.push(wire);
  }
  return frames;
}
