/**
 * What heights the peers claim, and how far each may be believed. A claim costs nothing, so it is only ever a reason to
 * ask: a peer that does not make good on one is not acted upon for a while, which grows with each time (section 8: "no
 * leaving of sync on a mere claim of a height").
 */
import type { Address } from '../protocol/bytes.js';
import { MAX_HEIGHT } from '../protocol/fields.js';
import type { Source } from './download.js';
import { WAIT_MS } from './life.js';

/** The claims of a peer that did not make good on one are ignored this long, twice as long the next time … */
export const FIRST_BACKOFF_MS = 5_000;
/** … up to this. */
export const MAX_BACKOFF_MS = 300_000;
/** Peers whose standing is remembered after they left, so that connecting anew does not mend it. */
export const MAX_REMEMBERED = 1_000;

interface Standing {
  readonly unfounded: number;
  readonly ignoredUntilMs: number;
}

interface Claimant {
  height: number;
  /** It says that of the blocks above genesis it has only those above this one. */
  base: number;
  /** When the oldest question for its height without an answer was asked; null if there is none. */
  askedMs: number | null;
  /** The newest such question. */
  requestId: number;
  unfounded: number;
  ignoredUntilMs: number;
  barred: boolean;
}

export interface OutOfReach {
  /** The highest block that any of them claims. */
  readonly height: number;
  /** The lowest block above which any of them keeps all. */
  readonly base: number;
}

const GOOD_STANDING: Standing = { unfounded: 0, ignoredUntilMs: Number.NEGATIVE_INFINITY };

export class Claims {
  readonly #peers = new Map<Address, Claimant>();
  /** The longest gone first. */
  readonly #remembered = new Map<Address, Standing>();
  #lastId = 0;

  /** A peer, whose handshake told its height: that counts as an answer. */
  add(peer: Address, height: number): void {
    const standing = this.#remembered.get(peer) ?? GOOD_STANDING;
    this.#remembered.delete(peer);
    this.#peers.set(peer, {
      ...standing,
      height: bounded(height),
      base: 0,
      askedMs: null,
      requestId: 0,
      barred: false,
    });
  }

  remove(peer: Address): void {
    const claimant = this.#peers.get(peer);
    if (claimant === undefined) return;
    this.#peers.delete(peer);
    const { unfounded, ignoredUntilMs } = claimant;
    if (unfounded > 0) this.#remembered.set(peer, { unfounded, ignoredUntilMs });
    const [oldest] = this.#remembered.keys();
    if (oldest !== undefined && this.#remembered.size > MAX_REMEMBERED) this.#remembered.delete(oldest);
  }

  /** Whether we are connected to the peer and still listen to it. */
  hears(peer: Address): boolean {
    return this.#peers.get(peer)?.barred === false;
  }

  /** The peer proved to be bad: nothing it says counts until it connects anew. */
  bar(peer: Address): void {
    const claimant = this.#peers.get(peer);
    if (claimant !== undefined) claimant.barred = true;
  }

  /** Asks everybody; gives the request id to send to each. */
  ask(nowMs: number): { readonly peer: Address; readonly id: number }[] {
    return [...this.#peers].map(([peer, claimant]) => {
      claimant.askedMs ??= nowMs;
      claimant.requestId = ++this.#lastId;
      return { peer, id: claimant.requestId };
    });
  }

  /** The peer says that its head is `height`; `requestId` if that is an answer. */
  tells(peer: Address, height: number, requestId?: number): void {
    const claimant = this.#peers.get(peer);
    if (claimant === undefined) return;
    claimant.height = bounded(height);
    if (requestId !== undefined && requestId === claimant.requestId) claimant.askedMs = null;
  }

  /** The peer did something that only makes sense with a head of `height` or more. */
  implies(peer: Address, height: number): void {
    const claimant = this.#peers.get(peer);
    if (claimant !== undefined) claimant.height = Math.max(claimant.height, bounded(height));
  }

  /** What the peer claims, believed or not; 0 if there is no such peer. */
  heightOf(peer: Address): number {
    return this.#peers.get(peer)?.height ?? 0;
  }

  /** The peer says that up to `base` it keeps no blocks any more. That costs it nothing, and us only this one source. */
  keepsAbove(peer: Address, base: number): void {
    const claimant = this.#peers.get(peer);
    if (claimant !== undefined) claimant.base = bounded(base);
  }

  /** The peer claimed to have blocks and did not give them. */
  unfounded(peer: Address, nowMs: number): void {
    const claimant = this.#peers.get(peer);
    if (claimant === undefined) return;
    const backoffMs = Math.min(FIRST_BACKOFF_MS * 2 ** claimant.unfounded, MAX_BACKOFF_MS);
    claimant.ignoredUntilMs = nowMs + backoffMs;
    claimant.unfounded++;
  }

  /** A block that we asked the peer for was good, and all were given that it claimed to have. */
  founded(peer: Address, number: number): void {
    const claimant = this.#peers.get(peer);
    if (claimant === undefined) return;
    claimant.height = Math.max(claimant.height, number);
    claimant.unfounded = Math.max(0, claimant.unfounded - 1);
    claimant.ignoredUntilMs = Number.NEGATIVE_INFINITY;
  }

  /** The peers worth asking for the block after `head`. */
  sources(head: number, nowMs: number): Source[] {
    const sources: Source[] = [];
    for (const [address, { height, base, barred, ignoredUntilMs }] of this.#peers) {
      if (height > head && base <= head && !barred && ignoredUntilMs <= nowMs)
        sources.push({ address, height });
    }
    return sources;
  }

  /** The highest block that a peer in good standing claims which has the block after `head`; 0 if there is none. */
  best(head: number, nowMs: number): number {
    let best = 0;
    for (const { height, base, barred, ignoredUntilMs } of this.#peers.values()) {
      if (height > best && base <= head && !barred && ignoredUntilMs <= nowMs) best = height;
    }
    return best;
  }

  /** Of the peers that say they have gone on but keep the block after `head` no more: up to where, and above which block. */
  outOfReach(head: number): OutOfReach | null {
    let height = 0;
    let lowest = Number.POSITIVE_INFINITY;
    for (const { height: claimed, base, barred } of this.#peers.values()) {
      if (barred || base <= head || claimed <= base) continue;
      height = Math.max(height, claimed);
      lowest = Math.min(lowest, base);
    }
    return height === 0 ? null : { height, base: lowest };
  }

  /** How many peers were asked for their height and may still answer: after `WAIT_MS` nobody waits for a peer. */
  unanswered(nowMs: number): number {
    let count = 0;
    for (const { askedMs, barred } of this.#peers.values()) {
      if (askedMs !== null && !barred && nowMs - askedMs < WAIT_MS) count++;
    }
    return count;
  }
}

function bounded(height: number): number {
  return Math.min(height, MAX_HEIGHT);
}
