/**
 * A network in memory for one `Sync`: a clock that is turned by hand, peers that answer as told, and a chain of blocks
 * of which only the number means anything. Repeatable: nothing happens but by the clock.
 */
import type { Clock, Timer } from '../../../src/ports/clock.js';
import { encodeHeader } from '../../../src/protocol/block.js';
import { type Address, type Hash, utf8, ZERO_ADDRESS, ZERO_HASH } from '../../../src/protocol/bytes.js';
import { encode } from '../../../src/protocol/encoding.js';
import { ProtocolError } from '../../../src/protocol/errors.js';
import type { Message, MessageOf } from '../../../src/protocol/messages.js';
import { numberOfBlock } from '../../../src/sync/block-number.js';
import type { Phase } from '../../../src/sync/life.js';
import { BlockServer } from '../../../src/sync/serve.js';
import { Sync, type SyncDependencies, type SyncMessage } from '../../../src/sync/sync.js';

export class FakeClock implements Clock {
  #nowMs = 0;
  #order = 0;
  #timers: { atMs: number; order: number; fire: () => void }[] = [];

  now(): number {
    return 1_700_000_000_000 + this.#nowMs;
  }

  monotonic(): number {
    return this.#nowMs;
  }

  after(delayMs: number, fire: () => void): Timer {
    const timer = { atMs: this.#nowMs + delayMs, order: this.#order++, fire };
    this.#timers.push(timer);
    return { cancel: () => this.#remove(timer) };
  }

  get pendingTimers(): number {
    return this.#timers.length;
  }

  /** Lets time pass in which nothing could run: the process was busy or suspended. */
  freeze(durationMs: number): void {
    this.#nowMs += durationMs;
  }

  /** Fires all timers of the next `durationMs` in order, and lets promises settle after each. */
  async run(durationMs: number): Promise<void> {
    const endMs = this.#nowMs + durationMs;
    await settle();
    for (;;) {
      const [next] = this.#timers.sort((a, b) => a.atMs - b.atMs || a.order - b.order);
      if (next === undefined || next.atMs > endMs) break;
      this.#remove(next);
      this.#nowMs = Math.max(this.#nowMs, next.atMs);
      next.fire();
      await settle();
    }
    this.#nowMs = Math.max(this.#nowMs, endMs);
  }

  #remove(timer: { fire: () => void }): void {
    this.#timers = this.#timers.filter((other) => other !== timer);
  }
}

function settle(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve));
}

export const CERTIFICATE = utf8('certificate');

/** A block of which only the number is looked at, and whether it is `bad`. */
export function blockOf(number: number, options: { bad?: boolean; sizeBytes?: number } = {}): Uint8Array {
  const header = encodeHeader({
    number,
    time: 0,
    hashParent: ZERO_HASH,
    hashState: ZERO_HASH,
    hashTxns: ZERO_HASH,
    hashAuthorities: ZERO_HASH,
    coinbase: ZERO_ADDRESS,
    reward: 0,
    difficulty: 0,
    data: options.bad ? utf8('bad') : null,
  });
  return encode([header, 0, null, [new Uint8Array(options.sizeBytes ?? 0)]]);
}

export function idOf(number: number): Hash {
  return number.toString(16).padStart(64, '0');
}

export function addressOf(index: number): Address {
  return index.toString(16).padStart(40, '0');
}

/** How a peer behaves; by default it is honest, quick and has blocks up to `height`. */
export interface PeerOptions {
  height: number;
  /** Keeps only the blocks above this one. */
  base?: number;
  /** What it says its height is, if that is a lie. */
  claims?: number;
  latencyMs?: number;
  /** Never says anything after the handshake. */
  silent?: boolean;
  /** Answers questions for its height, never those for blocks. */
  withholds?: boolean;
  /** The number of a block that it forges. */
  forges?: number;
  blockBytes?: number;
  /** Changes an answer before it is sent. */
  twist?: (answer: MessageOf<'ABL'>) => MessageOf<'ABL'>;
}

export class FakePeer {
  readonly address: Address;
  readonly options: PeerOptions;
  /** Every request for blocks it got. */
  readonly asked: MessageOf<'RBL'>[] = [];
  readonly received: Message[] = [];
  readonly #server: BlockServer;

  constructor(address: Address, options: PeerOptions) {
    this.address = address;
    this.options = options;
    const blockAt = (number: number) => {
      const { height, base = 0, forges } = this.options;
      if (number > height || number <= base) return undefined;
      const bad = forges === number;
      return { block: blockOf(number, { bad, sizeBytes: options.blockBytes }), certificate: CERTIFICATE };
    };
    this.#server = new BlockServer(blockAt, () => this.options.base ?? 0);
  }

  get claimed(): number {
    return this.options.claims ?? this.options.height;
  }

  answersTo(message: Message, nowMs: number): SyncMessage[] {
    this.received.push(message);
    if (message.type === 'RBL') this.asked.push(message);
    if (this.options.silent) return [];
    if (message.type === 'RBH') {
      const height = this.claimed;
      return [{ type: 'BLH', request_id: message.request_id, block_number: height, block_id: idOf(height) }];
    }
    if (message.type === 'RBL' && !this.options.withholds) this.#server.request(this.address, message, nowMs);
    return this.answersDue(nowMs);
  }

  /** Answers that had to wait for the peer's allowance. */
  answersDue(nowMs: number): SyncMessage[] {
    const twist = this.options.twist ?? ((answer) => answer);
    return this.#server.due(nowMs).map((answer) => twist(answer.message));
  }
}

/** One node that syncs, and its peers. */
export class World {
  readonly clock = new FakeClock();
  readonly phases: Phase[] = [];
  readonly branches: { peer: Address; number: number }[] = [];
  readonly offences: { peer: Address; offence: string; detail: string }[] = [];
  /** The numbers handed to `apply`, in order. */
  readonly applied: number[] = [];
  readonly warnings: string[] = [];
  readonly sent: { to: Address; message: Message }[] = [];
  readonly sync: Sync;
  head: number;
  applyMs = 1;
  /** Blocks that may be applied at once. */
  room = 4;
  /** The most that were. */
  mostAtOnce = 0;
  /** What `apply` does instead, if set. */
  applyInstead: ((number: number) => Promise<ProtocolError | null>) | undefined;
  onPhase: (phase: Phase) => void = () => {};
  readonly #peers = new Map<Address, FakePeer>();
  #peerCount = 0;
  /** Numbers of the blocks that are being applied, and whether one of them was bad. */
  #inLine: number[] = [];
  #broken = false;
  #lastApplied: Promise<unknown> = Promise.resolve();

  constructor(head: number) {
    this.head = head;
    const dependencies: SyncDependencies = {
      head: () => ({ number: this.head, id: idOf(this.head) }),
      hasRoom: () => this.#inLine.length < this.room,
      apply: (block, certificate) => this.#apply(block, certificate),
      blockBytes: (number) =>
        number <= this.head
          ? { block: blockOf(number), certificate: number === 1 ? null : CERTIFICATE }
          : undefined,
      base: () => 0,
      send: (to, message) => this.#deliver(to, message),
      offend: (peer, offence, detail) => this.offences.push({ peer, offence, detail }),
      otherBranch: (peer, number) => this.branches.push({ peer, number }),
      phaseChanged: (phase) => {
        this.phases.push(phase);
        this.onPhase(phase);
      },
      log: (level, _fields, text) => {
        if (level === 'warn') this.warnings.push(text);
      },
    };
    this.sync = new Sync(this.clock, dependencies);
  }

  /** A peer connects. */
  connect(options: PeerOptions): FakePeer {
    const peer = new FakePeer(addressOf(++this.#peerCount), options);
    this.reconnect(peer);
    return peer;
  }

  reconnect(peer: FakePeer): void {
    this.#peers.set(peer.address, peer);
    this.sync.peerUp(peer.address, peer.claimed);
  }

  disconnect(peer: FakePeer): void {
    this.#peers.delete(peer.address);
    this.sync.peerDown(peer.address);
  }

  /** Boots with everybody connected and lets `durationMs` pass. */
  async boot(durationMs: number): Promise<void> {
    this.sync.start();
    this.sync.dialsDone();
    await this.clock.run(durationMs);
  }

  /** A peer sends a final block unasked. */
  offer(peer: FakePeer, number: number, options: { bad?: boolean } = {}): void {
    this.sync.message(peer.address, {
      type: 'BLK',
      block: blockOf(number, options),
      certificate: CERTIFICATE,
    });
  }

  #deliver(to: Address, message: Message): void {
    this.sent.push({ to, message });
    const peer = this.#peers.get(to);
    if (peer === undefined) return;
    const receive = (answers: SyncMessage[]): void => {
      if (this.#peers.get(to) !== peer) return;
      for (const answer of answers) this.sync.message(to, answer);
    };
    const latencyMs = peer.options.latencyMs ?? 5;
    this.clock.after(latencyMs, () => receive(peer.answersTo(message, this.clock.monotonic())));
    if (message.type !== 'RBL') return;
    for (let delayMs = 50; delayMs <= 200; delayMs += 50) {
      this.clock.after(latencyMs + delayMs, () => receive(peer.answersDue(this.clock.monotonic())));
    }
  }

  /** As the chain does it: in order, and those behind a bad block come back unjudged. */
  #apply(block: Uint8Array, certificate: Uint8Array): Promise<ProtocolError | null | undefined> {
    const number = numberOfBlock(block);
    const expected = (this.#inLine.at(-1) ?? this.head) + 1;
    if (number > expected || this.#broken) throw new Error(`block ${number} where ${expected} belongs`);
    this.applied.push(number);
    this.#inLine.push(number);
    this.mostAtOnce = Math.max(this.mostAtOnce, this.#inLine.length);
    const result = this.#lastApplied.then(async () => {
      const verdict = this.#broken ? undefined : await this.#judge(number, block, certificate);
      this.#inLine.shift();
      this.#broken = (this.#broken || verdict !== null) && this.#inLine.length > 0;
      return verdict;
    });
    this.#lastApplied = result.catch(() => {});
    return result;
  }

  async #judge(
    number: number,
    block: Uint8Array,
    certificate: Uint8Array,
  ): Promise<ProtocolError | null | undefined> {
    if (this.applyInstead !== undefined) return this.applyInstead(number);
    await new Promise<void>((resolve) => this.clock.after(this.applyMs, resolve));
    if (number <= this.head) return null;
    if (number !== this.head + 1) throw new Error(`block ${number} on ${this.head}`);
    if (Buffer.compare(certificate, CERTIFICATE) !== 0) return new ProtocolError('BAD_CERTIFICATE', 'forged');
    if (Buffer.compare(block, blockOf(number, { sizeBytes: this.#sizeOf(block) })) !== 0) {
      return new ProtocolError('BAD_BLOCK', 'forged');
    }
    this.head = number;
    return null;
  }

  /** The size of the block's payload, so that blocks of any size can be compared with the true one. */
  #sizeOf(block: Uint8Array): number {
    let sizeBytes = block.length - blockOf(numberOfBlock(block)).length;
    while (sizeBytes > 0 && blockOf(numberOfBlock(block), { sizeBytes }).length > block.length) sizeBytes--;
    return sizeBytes;
  }
}
