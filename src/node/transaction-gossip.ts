/**
 * Passes transactions on: new ones once to every peer, in batches, and what is pending to a peer that just came. To whom
 * they are likely to come without us they go a moment later, and only if they are still pending then. An authority is
 * connected to all the others whenever all is well, and tells them itself; followers tell each other by drawing some.
 */
import type { Clock, Timer } from '../ports/clock.js';
import type { Random } from '../ports/random.js';
import type { Address } from '../protocol/bytes.js';
import type { Message } from '../protocol/messages.js';
import type { Transaction } from '../protocol/transaction.js';
import { DelayLine } from './delay-line.js';
import { drawFanout } from './fanout.js';

/** The first transaction goes at once; those that follow within this wait for each other. */
const COALESCE_MS = 5;
/** Longer than most heights take, between continents too; who waits for a transfer bears it where two cannot connect. */
const DELAY_MS = 1_000;
/** Wire forms in one frame. */
const MAX_FRAME_BYTES = 1_000_000;
/** Offered to one peer at once, well below its send queue; the rest is offered again with the next LDR. */
const MAX_OFFER_BYTES = 4_000_000;

export interface GossipDependencies {
  readonly self: Address;
  peers(): Iterable<Address>;
  send(peer: Address, message: Message): void;
  /** To the peers for which `isFor` holds, to those for which `isFirst` does before the others. */
  broadcast(message: Message, isFor: (peer: Address) => boolean, isFirst: (peer: Address) => boolean): void;
  isAuthority(peer: Address): boolean;
  /** Whether the next block is likely to be the peer's: everybody waits until it has what that takes. */
  isNextLeader(peer: Address): boolean;
  isPending(transaction: Transaction): boolean;
  /** What is pending, in the order in which it can be applied. */
  pending(): Iterable<Transaction>;
}

interface Batch {
  readonly source: Address | null;
  readonly transactions: Transaction[];
}

interface Told extends Batch {
  /** Those who were told at once. */
  readonly told: ReadonlySet<Address>;
}

export class TransactionGossip {
  readonly #clock: Clock;
  readonly #random: Random;
  readonly #dependencies: GossipDependencies;
  /** Waiting to go, by where they came from; bounded by what the mempool accepts within COALESCE_MS. */
  #waiting = new Map<Address | null, Batch>();
  /** For those who were not told at once; bounded by what the mempool accepts within the delay. */
  readonly #delayed: DelayLine<Told>;
  #timer: Timer | null = null;
  #flushedMs = Number.NEGATIVE_INFINITY;

  constructor(clock: Clock, random: Random, dependencies: GossipDependencies) {
    this.#clock = clock;
    this.#random = random;
    this.#dependencies = dependencies;
    this.#delayed = new DelayLine(clock, DELAY_MS, (batches) => this.#tellTheRest(batches));
  }

  spread(transactions: readonly Transaction[], source: Address | null): void {
    const batch = this.#waiting.get(source) ?? { source, transactions: [] };
    batch.transactions.push(...transactions);
    this.#waiting.set(source, batch);
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
    this.#delayed.clear();
  }

  #flush(): void {
    this.#timer = null;
    this.#flushedMs = this.#clock.monotonic();
    const waiting = this.#waiting;
    this.#waiting = new Map();
    for (const batch of waiting.values()) {
      const others = [...this.#dependencies.peers()].filter((peer) => peer !== batch.source);
      const told = this.#toldAtOnce(others, batch.source);
      this.#tell(batch, (peer) => told.has(peer));
      if (told.size < others.length) this.#delayed.put({ ...batch, told });
    }
  }

  #toldAtOnce(peers: readonly Address[], source: Address | null): ReadonlySet<Address> {
    const { self, isAuthority } = this.#dependencies;
    const draw = (candidates: readonly Address[]) => drawFanout(candidates, this.#random);
    // Whoever brought it up told the authorities it knows, and any that is drawn tells them all.
    if (source !== null && !isAuthority(source) && !isAuthority(self)) return draw(peers);
    const followers = draw(peers.filter((peer) => !isAuthority(peer)));
    if (source !== null && isAuthority(source)) return followers;
    return new Set([...peers.filter(isAuthority), ...followers]);
  }

  #tellTheRest(batches: readonly Told[]): void {
    const { isPending } = this.#dependencies;
    for (const { source, transactions, told } of batches) {
      const batch = { source, transactions: transactions.filter(isPending) };
      this.#tell(batch, (peer) => peer !== source && !told.has(peer));
    }
  }

  #tell({ transactions }: Batch, isFor: (peer: Address) => boolean): void {
    const { broadcast, isNextLeader } = this.#dependencies;
    for (const txns of frames(transactions.map(({ wire }) => wire)))
      broadcast({ type: 'TXN', txns }, isFor, isNextLeader);
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
