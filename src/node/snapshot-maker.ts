/**
 * Makes a snapshot after every so many blocks, for nodes that join later (section 9), and keeps the last two: who began
 * to take one has as long as the next takes to come. It is made beside everything else, in short turns with pauses
 * between them, from the state tree as it was held at that block.
 */
import type { Clock } from '../ports/clock.js';
import type { Files } from '../ports/files.js';
import type { AccountEntry } from '../protocol/state-part.js';
import { encodeAccounts, MAX_PART_ACCOUNTS } from '../protocol/state-part.js';
import type { HeldTree, StateTree, Subtree } from '../protocol/state-tree.js';
import type { ChainStore } from '../storage/chain-store.js';
import {
  removeSnapshot,
  Snapshot,
  type SnapshotPart,
  snapshotNumbers,
  writeSnapshot,
} from '../storage/snapshot-file.js';
import { present } from '../storage/tables.js';
import type { Log } from './log.js';

export const KEPT_SNAPSHOTS = 2;
/** Accounts whose public keys are read in one turn: a millisecond or two. */
const ACCOUNTS_A_TURN = 128;
/** Between two turns; others come first. */
const PAUSE_MS = 2;

/** The node stops. */
class Abandoned extends Error {}

export interface SnapshotMakerParts {
  readonly store: ChainStore;
  readonly tree: StateTree;
  readonly files: Files;
  readonly clock: Clock;
  readonly log: Log;
  /** Blocks from one to the next; 0 for none. */
  readonly everyBlocks: number;
  /** If fewer than usual. */
  readonly maxPartAccounts?: number | undefined;
}

export class SnapshotMaker {
  readonly #parts: SnapshotMakerParts;
  /** Whole ones, newest first. */
  #snapshots: Snapshot[] = [];
  #making: Promise<void> = Promise.resolve();
  #isMaking = false;
  /** The last block whose turn came, whatever came of it. */
  #lastTurn = 0;
  #closed = false;

  constructor(parts: SnapshotMakerParts) {
    this.#parts = parts;
  }

  /** Finds those that were made before. */
  async open(): Promise<void> {
    const { files, store } = this.#parts;
    for (const number of await snapshotNumbers(files)) {
      const snapshot =
        this.#snapshots.length < KEPT_SNAPSHOTS ? await Snapshot.open(files, number) : undefined;
      const isOurs = snapshot !== undefined && this.#isOf(snapshot, store);
      if (isOurs) this.#snapshots.push(snapshot);
      else await removeSnapshot(files, number);
    }
    const { everyBlocks, store: chain } = this.#parts;
    if (everyBlocks > 0) this.#lastTurn = turnAt(chain.head.number - 1, everyBlocks);
    this.headMoved();
  }

  /** Of the newest; undefined if there is none. */
  get newest(): number | undefined {
    return this.#snapshots[0]?.head.number;
  }

  of(number: number): Snapshot | undefined {
    return this.#snapshots.find(({ head }) => head.number === number);
  }

  /** To be called whenever the head has moved. */
  headMoved(): void {
    const { everyBlocks, store, tree } = this.#parts;
    const { number } = store.head;
    if (everyBlocks === 0 || this.#closed) return;
    const turn = turnAt(number, everyBlocks);
    if (turn <= this.#lastTurn) return;
    this.#lastTurn = turn;
    if (this.of(turn) !== undefined) return;
    if (turn !== number) return this.#leaveOut(turn, 'the head passed it together with later blocks');
    if (this.#isMaking) return this.#leaveOut(turn, 'the last one is still being made');
    this.#isMaking = true;
    const held = tree.hold();
    this.#making = this.#make(number, held).finally(() => {
      held.release();
      this.#isMaking = false;
    });
  }

  /** Resolves when nothing is being made any more. */
  close(): Promise<void> {
    this.#closed = true;
    return this.#making;
  }

  #leaveOut(number: number, reason: string): void {
    this.#parts.log('info', { number, reason }, 'no snapshot is made');
  }

  async #make(number: number, held: HeldTree): Promise<void> {
    const { store, files, log, clock } = this.#parts;
    const startedMs = clock.monotonic();
    const { sealedHeader, certificate } = present(store.header(number), `block ${number}`);
    // Genesis, which everybody has.
    if (certificate === null) return;
    try {
      await writeSnapshot(
        files,
        { number, sealedHeader, certificate, hashState: held.root },
        this.#read(held),
      );
      const made = await Snapshot.open(files, number);
      if (made === undefined || this.#closed) return;
      this.#snapshots.unshift(made);
      for (const old of this.#snapshots.splice(KEPT_SNAPSHOTS)) await removeSnapshot(files, old.head.number);
      const tookMs = Math.round(clock.monotonic() - startedMs);
      log('info', { event: 'snapshot', number, took_ms: tookMs }, `made a snapshot of block ${number}`);
    } catch (error) {
      // One less is nothing that a node has to stop for.
      if (!(error instanceof Abandoned))
        log('warn', { number, reason: String(error) }, 'no snapshot could be made');
    }
  }

  async *#read(held: HeldTree): AsyncGenerator<SnapshotPart> {
    const { maxPartAccounts = MAX_PART_ACCOUNTS } = this.#parts;
    for (const subtree of held.subtrees(maxPartAccounts)) {
      const entries = await this.#entriesOf(subtree);
      await this.#pause();
      const { path, hash } = subtree;
      yield { path, hash, accounts: encodeAccounts(entries) };
    }
  }

  async #entriesOf({ accounts }: Subtree): Promise<AccountEntry[]> {
    const { store } = this.#parts;
    const entries: AccountEntry[] = [];
    for (const [address, account] of accounts) {
      if (entries.length % ACCOUNTS_A_TURN === 0) await this.#pause();
      entries.push(store.entryOf(address, account));
    }
    return entries;
  }

  async #pause(): Promise<void> {
    await new Promise<void>((resolve) => this.#parts.clock.after(PAUSE_MS, resolve));
    if (this.#closed) throw new Abandoned();
  }

  #isOf({ head }: Snapshot, store: ChainStore): boolean {
    const stored = head.number <= store.head.number ? store.header(head.number) : undefined;
    return stored !== undefined && Buffer.compare(stored.sealedHeader, head.sealedHeader) === 0;
  }
}

/** The newest block up to `number` that is to have a snapshot; 0 for none. */
function turnAt(number: number, everyBlocks: number): number {
  return number - (number % everyBlocks);
}
