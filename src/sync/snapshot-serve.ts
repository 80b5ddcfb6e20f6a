/**
 * Answers requests for snapshots (RSN with ASN, RSP with ASP), one at a time and by turns. What one peer may cost, and
 * what all of them may, is bounded as where blocks are served (serve.ts); but it is the making of an answer that counts,
 * not its bytes: a few accounts may have to be looked for in a whole part. Parts are read from a disk, which nobody waits
 * for.
 */

import type { Clock, Timer } from '../ports/clock.js';
import type { Address } from '../protocol/bytes.js';
import { asError } from '../protocol/errors.js';
import type { Message, MessageOf } from '../protocol/messages.js';
import { type KeyPath, pathFromWire } from '../protocol/state-part.js';
import {
  Allowance,
  BURST_BYTES,
  REFILL_BYTES_PER_MS,
  SHARED_BURST_BYTES,
  SHARED_REFILL_BYTES_PER_MS,
} from './serve.js';

/** Requests of one peer that wait; those beyond are not answered (ccoin sends at most half as many). */
export const MAX_WAITING = 8;
/** What any answer counts: to open a file and to send a frame takes as long as to read so much. */
export const LEAST_COST_BYTES = 100_000;
/** When no allowance is left. */
const RETRY_MS = 20;

/** What there is at a place of a state, and what finding it cost, as bytes that are read and sent in the same time. */
export interface ServedPart extends Pick<MessageOf<'ASP'>, 'subtrees' | 'accounts'> {
  readonly costBytes: number;
}

/** A snapshot that can be given. */
export interface ServedSnapshot {
  readonly head: { readonly sealedHeader: Uint8Array; readonly certificate: Uint8Array };
  /** Undefined if it is not there any more. */
  answer(path: KeyPath): Promise<ServedPart | undefined>;
}

export interface SnapshotServerDependencies {
  readonly clock: Clock;
  snapshot(number: number): ServedSnapshot | undefined;
  send(peer: Address, message: Message): void;
  /** A failure of our own. */
  fail(error: Error): void;
}

type Request =
  | { readonly message: MessageOf<'RSN'> }
  | { readonly message: MessageOf<'RSP'>; readonly path: KeyPath };

interface Answer {
  readonly message: MessageOf<'ASN' | 'ASP'>;
  readonly costBytes: number;
}

interface Customer {
  readonly allowance: Allowance;
  readonly waiting: Request[];
}

export class SnapshotServer {
  readonly #dependencies: SnapshotServerDependencies;
  /** Whose turn it is comes first. */
  readonly #customers = new Map<Address, Customer>();
  readonly #shared: Allowance;
  #busy = false;
  #retry: Timer | null = null;
  #stopped = false;

  constructor(dependencies: SnapshotServerDependencies) {
    this.#dependencies = dependencies;
    const nowMs = dependencies.clock.monotonic();
    this.#shared = new Allowance(SHARED_BURST_BYTES, SHARED_REFILL_BYTES_PER_MS, nowMs);
  }

  /** @throws ProtocolError MALFORMED for a path that is none */
  request(peer: Address, message: MessageOf<'RSN' | 'RSP'>): void {
    const request =
      message.type === 'RSN' ? { message } : { message, path: pathFromWire(message.depth, message.prefix) };
    const nowMs = this.#dependencies.clock.monotonic();
    let customer = this.#customers.get(peer);
    if (customer === undefined) {
      customer = { allowance: new Allowance(BURST_BYTES, REFILL_BYTES_PER_MS, nowMs), waiting: [] };
      this.#customers.set(peer, customer);
    }
    if (customer.waiting.length >= MAX_WAITING) return;
    customer.waiting.push(request);
    this.#serve();
  }

  forget(peer: Address): void {
    this.#customers.delete(peer);
  }

  stop(): void {
    this.#stopped = true;
    this.#retry?.cancel();
  }

  #serve(): void {
    if (this.#busy || this.#stopped || this.#retry !== null) return;
    const next = this.#next();
    if (next === undefined) return this.#serveLater();
    const [peer, customer, request] = next;
    this.#busy = true;
    this.#answer(request).then(
      ({ message, costBytes }) => {
        this.#busy = false;
        customer.allowance.take(costBytes);
        this.#shared.take(costBytes);
        if (this.#stopped) return;
        if (this.#customers.get(peer) === customer) this.#dependencies.send(peer, message);
        this.#serve();
      },
      (error: unknown) => this.#dependencies.fail(asError(error)),
    );
  }

  #next(): [Address, Customer, Request] | undefined {
    const nowMs = this.#dependencies.clock.monotonic();
    if (this.#shared.isUsedUp(nowMs)) return undefined;
    for (const [peer, customer] of this.#customers) {
      if (customer.waiting.length === 0 || customer.allowance.isUsedUp(nowMs)) continue;
      const request = customer.waiting.shift() as Request;
      this.#customers.delete(peer);
      this.#customers.set(peer, customer);
      return [peer, customer, request];
    }
    return undefined;
  }

  #serveLater(): void {
    if (![...this.#customers.values()].some(({ waiting }) => waiting.length > 0)) return;
    this.#retry = this.#dependencies.clock.after(RETRY_MS, () => {
      this.#retry = null;
      this.#serve();
    });
  }

  async #answer(request: Request): Promise<Answer> {
    const { request_id, block_number } = request.message;
    const snapshot = this.#dependencies.snapshot(block_number);
    if (!('path' in request)) {
      const { sealedHeader: header = null, certificate = null } = snapshot?.head ?? {};
      return { message: { type: 'ASN', request_id, header, certificate }, costBytes: LEAST_COST_BYTES };
    }
    const part = await snapshot?.answer(request.path);
    const { subtrees = null, accounts = null, costBytes = 0 } = part ?? {};
    const message = { type: 'ASP', request_id, subtrees, accounts } as const;
    return { message, costBytes: Math.max(costBytes, LEAST_COST_BYTES) };
  }
}
