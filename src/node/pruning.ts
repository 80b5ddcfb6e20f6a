/**
 * Keeps a chain's newest blocks whole and lets go of older ones, a little at a time: about one block for each that becomes
 * final, and where there are many of them, as after it was turned on for a long chain, small steps with pauses between
 * them, in which everything else goes on.
 */

import type { Clock, Timer } from '../ports/clock.js';
import { GENESIS_NUMBER } from '../protocol/block.js';
import { asError } from '../protocol/errors.js';
import type { ChainStore } from '../storage/chain-store.js';
import type { Log } from './log.js';

/** Entries of the database that one step deletes, and up to those of one block more. */
export const STEP_ENTRIES = 500;
/** Between two steps: several times what one takes of the thread that decides. */
export const PAUSE_MS = 50;
/** Fewer blocks than these go unsaid. */
const WORTH_TELLING_BLOCKS = 1_000;
const TELL_EVERY_MS = 10_000;
/** Blocks after which the disk is asked for the room that they took. */
export const RECLAIM_EVERY_BLOCKS = 1_000;

export class Pruning {
  readonly #store: ChainStore;
  readonly #keep: number;
  readonly #clock: Clock;
  readonly #log: Log;
  readonly #fail: (error: Error) => void;
  #pause: Timer | null = null;
  #step: Promise<void> | null = null;
  #closed = false;
  /** The base when room was reclaimed last. */
  #reclaimedTo: number;
  /** While many blocks go: when that was said last. */
  #toldMs: number | null = null;

  /** @param keep how many blocks stay whole */
  constructor(
    parts: { readonly store: ChainStore; readonly keep: number; readonly clock: Clock; readonly log: Log },
    fail: (error: Error) => void,
  ) {
    this.#store = parts.store;
    this.#keep = parts.keep;
    this.#clock = parts.clock;
    this.#log = parts.log;
    this.#fail = fail;
    this.#reclaimedTo = parts.store.base.number;
  }

  /** To be called at the start, and whenever the head has moved. */
  headMoved(): void {
    if (this.#closed || this.#step !== null || this.#pause !== null || this.#excess <= 0) return;
    this.#tell();
    this.#step = this.#takeStep().then(
      () => this.#stepped(),
      (error: unknown) => this.#fail(asError(error)),
    );
  }

  async #takeStep(): Promise<void> {
    await this.#store.prune(this.#target, STEP_ENTRIES);
    const { number } = this.#store.base;
    if (this.#excess > 0 || number - this.#reclaimedTo < RECLAIM_EVERY_BLOCKS) return;
    this.#reclaimedTo = number;
    await this.#store.reclaim();
  }

  /** Resolves when nothing is being deleted any more. */
  async close(): Promise<void> {
    this.#closed = true;
    this.#pause?.cancel();
    await this.#step;
  }

  get #target(): number {
    return this.#store.head.number - this.#keep;
  }

  /** Blocks that are to go. */
  get #excess(): number {
    return this.#target - Math.max(this.#store.base.number, GENESIS_NUMBER);
  }

  #stepped(): void {
    this.#step = null;
    if (this.#closed) return;
    if (this.#excess <= 0) return this.#tell();
    this.#pause = this.#clock.after(PAUSE_MS, () => {
      this.#pause = null;
      this.headMoved();
    });
  }

  #tell(): void {
    const excess = this.#excess;
    const nowMs = this.#clock.monotonic();
    const fields = { event: 'prune', base: this.#store.base.number, excess };
    if (
      this.#toldMs === null
        ? excess >= WORTH_TELLING_BLOCKS
        : excess > 0 && nowMs - this.#toldMs >= TELL_EVERY_MS
    ) {
      this.#toldMs = nowMs;
      this.#log('info', fields, `pruning: ${excess} blocks are still to go, up to block ${this.#target}`);
    } else if (this.#toldMs !== null && excess <= 0) {
      this.#toldMs = null;
      this.#log('info', fields, `pruned: the blocks above ${this.#store.base.number} are kept whole`);
    }
  }
}
