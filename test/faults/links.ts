/**
 * What lies between the nodes: each direction between two of them can be cut, slowed, narrowed, stalled and broken. It
 * acts on streams, as TCP shows a bad network to a program: nothing is lost within a connection, but it comes late, and
 * connections end. What is sent into a cut waits for its end, as it does in TCP's retransmissions.
 */
import type { Socket } from 'node:net';
import type { Address } from '../../src/protocol/bytes.js';
import type { Chance } from '../simulation/chance.js';

/** What one direction does to what it carries. */
export interface Trouble {
  readonly cut?: boolean;
  readonly delayMs?: number;
  /** Added to the delay, from none to all of it. */
  readonly jitterMs?: number;
  readonly bytesPerSecond?: number;
  /** For each piece of a stream: how likely it, and all after it, waits for `stallMs` more. */
  readonly stallChance?: number;
  readonly stallMs?: number;
  /** For each piece of a stream: how likely its connection ends instead. */
  readonly breakChance?: number;
}

const NONE: Trouble = {};
/** What waits in one stream; its sender then has to wait too. */
const MAX_WAITING_BYTES = 1_000_000;

/** One direction between two nodes, for all their connections. */
export class Lane {
  readonly chance: Chance;
  trouble: Trouble = NONE;
  readonly #flows = new Set<Flow>();
  #opened: (() => void)[] = [];

  constructor(chance: Chance) {
    this.chance = chance;
  }

  set(trouble: Trouble): void {
    this.trouble = trouble;
    if (trouble.cut === true) return;
    for (const flow of this.#flows) flow.pump();
    for (const wake of this.#opened.splice(0)) wake();
  }

  /** Resolves once this direction is not cut. */
  async untilOpen(): Promise<void> {
    while (this.trouble.cut === true) await new Promise<void>((wake) => this.#opened.push(wake));
  }

  /** Ends all connections; what waited in them never arrives. */
  sever(): void {
    for (const flow of [...this.#flows]) flow.sever();
  }

  /** Carries what `source` gives to `sink`, `first` before all, until both have closed. */
  carry(source: Socket, sink: Socket, first: readonly Buffer[], tap: (bytes: Uint8Array) => void): void {
    const flow = new Flow(this, source, sink, tap);
    this.#flows.add(flow);
    sink.once('close', () => this.#flows.delete(flow));
    for (const bytes of first) flow.arrived(bytes);
  }
}

class Flow {
  readonly #lane: Lane;
  readonly #source: Socket;
  readonly #sink: Socket;
  readonly #tap: (bytes: Uint8Array) => void;
  /** Null for the end. */
  readonly #waiting: { readonly bytes: Buffer | null; readonly dueMs: number }[] = [];
  #waitingBytes = 0;
  #lastDueMs = 0;
  #timer: NodeJS.Timeout | undefined;

  constructor(lane: Lane, source: Socket, sink: Socket, tap: (bytes: Uint8Array) => void) {
    this.#lane = lane;
    this.#source = source;
    this.#sink = sink;
    this.#tap = tap;
    source.on('data', (bytes: Buffer) => this.arrived(bytes));
    source.once('close', () => this.#push(null, 0));
    sink.once('close', () => clearTimeout(this.#timer));
  }

  arrived(bytes: Buffer): void {
    this.#tap(bytes);
    const { breakChance = 0, stallChance = 0, stallMs = 0, bytesPerSecond } = this.#lane.trouble;
    const { chance } = this.#lane;
    if (breakChance > 0 && chance.chance(breakChance)) {
      this.sever();
      return;
    }
    const stalledMs = stallChance > 0 && chance.chance(stallChance) ? stallMs : 0;
    const carriedMs = bytesPerSecond === undefined ? 0 : (bytes.length / bytesPerSecond) * 1000;
    this.#push(bytes, stalledMs + carriedMs);
  }

  /** @param extraMs what this piece, and so all after it, takes beyond the delay */
  #push(bytes: Buffer | null, extraMs: number): void {
    const { delayMs = 0, jitterMs = 0 } = this.#lane.trouble;
    const jitter = jitterMs > 0 ? this.#lane.chance.between(0, jitterMs) : 0;
    this.#lastDueMs = Math.max(this.#lastDueMs, performance.now() + delayMs + jitter) + extraMs;
    this.#waiting.push({ bytes, dueMs: this.#lastDueMs });
    this.#waitingBytes += bytes?.length ?? 0;
    if (this.#waitingBytes > MAX_WAITING_BYTES) this.#source.pause();
    this.pump();
  }

  /** Hands on what is due. */
  pump(): void {
    clearTimeout(this.#timer);
    while (this.#lane.trouble.cut !== true) {
      const [next] = this.#waiting;
      if (next === undefined) return;
      const leftMs = next.dueMs - performance.now();
      if (leftMs > 0) {
        this.#timer = setTimeout(() => this.pump(), leftMs);
        return;
      }
      this.#waiting.shift();
      this.#deliver(next.bytes);
    }
  }

  sever(): void {
    this.#waiting.length = 0;
    this.#source.destroy();
    this.#sink.destroy();
  }

  #deliver(bytes: Buffer | null): void {
    if (bytes === null) {
      this.#sink.destroySoon();
      return;
    }
    this.#waitingBytes -= bytes.length;
    if (this.#waitingBytes <= MAX_WAITING_BYTES) this.#source.resume();
    if (!this.#sink.destroyed) this.#sink.write(bytes);
  }
}

/** All directions between the nodes of a network. */
export class Links {
  readonly #lanes = new Map<string, Lane>();
  readonly #chance: Chance;

  constructor(chance: Chance) {
    this.#chance = chance;
  }

  lane(from: Address, to: Address): Lane {
    const name = `${from} ${to}`;
    const lane = this.#lanes.get(name) ?? new Lane(this.#chance.of(name));
    this.#lanes.set(name, lane);
    return lane;
  }

  /** Cuts everything between those of different groups. */
  partition(...groups: readonly (readonly Address[])[]): void {
    for (const group of groups) {
      const others = groups.filter((other) => other !== group).flat();
      for (const from of group) for (const to of others) this.lane(from, to).set({ cut: true });
    }
  }

  /** The same trouble everywhere between these. */
  trouble(all: readonly Address[], trouble: Trouble): void {
    for (const from of all) for (const to of all) if (from !== to) this.lane(from, to).set(trouble);
  }

  /** Ends all connections of this node; what waited in them never arrives. */
  sever(node: Address): void {
    for (const [name, lane] of this.#lanes) if (name.includes(node)) lane.sever();
  }

  heal(): void {
    for (const lane of this.#lanes.values()) lane.set(NONE);
  }
}
