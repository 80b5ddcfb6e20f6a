/**
 * A disk with one database on it, as `Store` promises it and no better: a batch is on the disk when a synced write has
 * ended, and not before. A crash keeps some first ones of what was under way and drops the rest, whole batches: one that
 * is torn the database leaves out when it opens. Writes may fail, and bits may flip: then reading says so.
 */
import type { KeyRange, Store, StoreOperation } from '../../src/ports/store.js';
import { damaged, StorageError } from '../../src/storage/errors.js';
import { MemoryStore } from '../../src/storage/memory-store.js';
import type { Chance } from './chance.js';

/** The process that has the disk open. What it began is void once it is gone. */
export interface DiskUser {
  /** Calls back after a time that passes for this process only, and never once it is gone. */
  after(delayMs: number, run: () => void): void;
  /** Whether the process ends at this very effect. */
  strikes(effect: string): boolean;
  readonly gone: boolean;
}

export interface DiskCounts {
  dropped: number;
  kept: number;
}

/** A write that failed as no file system explains it. */
export class SyncError extends Error {
  override readonly name = 'SyncError';
}

interface Batch {
  readonly operations: readonly StoreOperation[];
  /** What it replaced, once it can be read. */
  before: readonly StoreOperation[] | undefined;
}

/** So many synced batches can be cut off again: a log holds many more. */
const MAX_CUT = 8;
const ALL: KeyRange = { from: new Uint8Array(0), to: new Uint8Array(64).fill(0xff) };

export class SimDisk {
  readonly name: string;
  readonly counts: DiskCounts;
  readonly #chance: Chance;
  #content = new MemoryStore();
  #blank = true;
  /** Written, in this order, but not synced yet. */
  #unsynced: Batch[] = [];
  readonly #damaged = new Set<string>();
  /** Where an entry was whose key is another now. */
  #lost: Uint8Array[] = [];
  /** What the last synced batches replaced, oldest first. */
  #replaced: (readonly StoreOperation[])[] = [];
  /** Every write fails, and nothing of it is kept. */
  full = false;
  /** The next sync fails; nobody knows what is kept. */
  failsNext = false;
  latencyMs = 1;

  constructor(name: string, chance: Chance, counts: DiskCounts) {
    this.name = name;
    this.#chance = chance;
    this.counts = counts;
  }

  open(user: DiskUser): Store {
    return new OpenDisk(this, user);
  }

  wipe(): void {
    this.#content = new MemoryStore();
    this.#blank = true;
    this.#unsynced = [];
    this.#replaced = [];
    this.#damaged.clear();
    this.#lost = [];
  }

  /** The process is gone: what is on the disk now is what the next one finds. */
  crash(): void {
    const batches = this.#unsynced;
    this.#unsynced = [];
    const kept = this.#chance.below(batches.length + 1);
    for (const batch of batches.slice(kept).reverse()) {
      this.counts.dropped++;
      if (batch.before !== undefined) this.#write(batch.before);
    }
    for (const batch of batches.slice(0, kept)) {
      this.counts.kept++;
      if (batch.before === undefined) this.#write(batch.operations);
    }
  }

  /**
   * Flips a bit of one entry, if there is any. With one of its value it fails its checksum; with one of its key it is gone
   * from where it was, and what lies elsewhere now fails its checksum, which covers the key.
   */
  async flip(what: 'value' | 'key'): Promise<void> {
    const keys: Uint8Array[] = [];
    for await (const [key] of this.#content.entries(ALL)) keys.push(key);
    if (keys.length === 0) return;
    const key = this.#chance.pick(keys);
    if (what === 'value') {
      this.#damaged.add(nameOf(key));
      return;
    }
    const other = key.slice();
    const at = this.#chance.below(other.length);
    other[at] = (other[at] ?? 0) ^ (1 << this.#chance.below(8));
    const value = this.#content.get(key) ?? null;
    this.#write([
      { key, value: null },
      { key: other, value },
    ]);
    this.#damaged.add(nameOf(other));
    this.#lost.push(key);
  }

  /** Whether there is an end of its log to cut off. */
  get cuttable(): boolean {
    return this.#replaced.length > 0;
  }

  /** A bit flips in the log: the database opens as if the last batches, synced ones, had never been written. */
  cut(): void {
    const count = 1 + this.#chance.below(MAX_CUT);
    for (const operations of this.#replaced.splice(-count).reverse()) this.#write(operations);
  }

  /** Whether nothing was ever written. */
  get blank(): boolean {
    return this.#blank;
  }

  /**
   * Where something cannot be read any more that was written: for checks at the end. What lies in a wrong place may be
   * written over, and then nothing fails its checksum; the right one still has nothing.
   */
  get isDamaged(): boolean {
    return this.#damaged.size > 0 || this.#lost.some((key) => this.#content.get(key) === undefined);
  }

  read(key: Uint8Array): Uint8Array | undefined {
    this.#assertSound(key);
    return this.#content.get(key);
  }

  async *entries(range: KeyRange): AsyncGenerator<readonly [Uint8Array, Uint8Array]> {
    for await (const entry of this.#content.entries(range)) {
      this.#assertSound(entry[0]);
      yield entry;
    }
  }

  /** A batch is under way from here on. */
  begin(operations: readonly StoreOperation[]): Batch {
    const batch: Batch = {
      operations: operations.map(({ key, value }) => ({ key: key.slice(), value: value?.slice() ?? null })),
      before: undefined,
    };
    this.#unsynced.push(batch);
    return batch;
  }

  /** From here on the batch is read. */
  show(batch: Batch): void {
    batch.before = batch.operations.map(({ key }) => ({ key, value: this.#content.get(key) ?? null }));
    this.#write(batch.operations);
  }

  /** The batch, and all before it, are on the disk. */
  sync(batch: Batch): void {
    const place = this.#unsynced.indexOf(batch);
    for (const done of this.#unsynced.splice(0, place + 1)) {
      if (done.before === undefined) this.show(done);
      this.#replaced.push(done.before ?? []);
    }
    this.#replaced = this.#replaced.slice(-MAX_CUT);
  }

  /** Nothing of the batch will ever be on the disk. */
  forget(batch: Batch): void {
    this.#unsynced = this.#unsynced.filter((other) => other !== batch);
  }

  drawLatencyMs(): number {
    return this.#chance.chance(0.02)
      ? this.#chance.between(0, 50 * this.latencyMs)
      : this.#chance.between(0.1, 2) * this.latencyMs;
  }

  #write(operations: readonly StoreOperation[]): void {
    this.#blank = false;
    for (const { key } of operations) this.#damaged.delete(nameOf(key));
    // It has written when it returns; its promise is a formality.
    void this.#content.write(operations, { sync: true });
  }

  #assertSound(key: Uint8Array): void {
    if (this.#damaged.has(nameOf(key))) {
      throw damaged(`the database ${this.name}`, `the entry ${nameOf(key)} fails its checksum`);
    }
  }
}

/** The database as one process has it open. */
class OpenDisk implements Store {
  readonly #disk: SimDisk;
  readonly #user: DiskUser;
  /** As with LevelDB, nothing is written after a failed write. */
  #failure: Error | undefined;
  #readyMs: Promise<void> = Promise.resolve();

  constructor(disk: SimDisk, user: DiskUser) {
    this.#disk = disk;
    this.#user = user;
  }

  get(key: Uint8Array): Uint8Array | undefined {
    return this.#disk.read(key);
  }

  getMany(keys: readonly Uint8Array[]): (Uint8Array | undefined)[] {
    return keys.map((key) => this.#disk.read(key));
  }

  entries(range: KeyRange): AsyncIterable<readonly [Uint8Array, Uint8Array]> {
    return this.#disk.entries(range);
  }

  write(operations: readonly StoreOperation[], { sync }: { sync: boolean }): Promise<void> {
    if (this.#user.gone) return NEVER;
    const batch = this.#disk.begin(operations);
    if (this.#user.strikes(`write to ${this.#disk.name}`)) return NEVER;
    if (!sync) {
      this.#disk.show(batch);
      return Promise.resolve();
    }
    const written = this.#readyMs.then(() => this.#write(batch));
    this.#readyMs = written.catch(() => undefined);
    return written;
  }

  close(): Promise<void> {
    return Promise.resolve();
  }

  #write(batch: Batch): Promise<void> {
    const disk = this.#disk;
    if (this.#failure !== undefined) {
      disk.forget(batch);
      return Promise.reject(this.#failure);
    }
    return new Promise((resolve, reject) => {
      this.#user.after(disk.drawLatencyMs(), () => {
        const failure = this.#failureNow(batch);
        if (failure !== undefined) {
          this.#failure = failure;
          return reject(failure);
        }
        disk.sync(batch);
        // Others may read it before the writer learns that it is there.
        this.#user.after(disk.drawLatencyMs() / 4, () => {
          if (!this.#user.strikes(`synced ${disk.name}`)) resolve();
        });
      });
    });
  }

  #failureNow(batch: Batch): Error | undefined {
    const disk = this.#disk;
    if (disk.full) {
      disk.forget(batch);
      return new StorageError('DISK_FULL', `the disk of ${disk.name} is full`);
    }
    if (!disk.failsNext) return undefined;
    disk.failsNext = false;
    return new SyncError(`an error of the disk of ${disk.name} on sync`);
  }
}

export const NEVER: Promise<never> = new Promise(() => {});

function nameOf(key: Uint8Array): string {
  return Buffer.from(key.buffer, key.byteOffset, key.byteLength).toString('hex');
}
