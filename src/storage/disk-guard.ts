/** Keeps the disk from filling up under a block that is being written: the node stops in order before that. */
import { statfs } from 'node:fs/promises';
import { StorageError } from './errors.js';

/** Below this the node stops. */
export const MIN_FREE_BYTES = 200_000_000;

/** How many bytes of the disk of `directory` this process may still use. */
export type FreeBytes = (directory: string) => Promise<number>;

export const freeBytes: FreeBytes = async (directory) => {
  const { bavail, bsize } = await statfs(directory);
  return bavail * bsize;
};

export class DiskGuard {
  readonly #directory: string;
  readonly #freeBytes: FreeBytes;

  constructor(directory: string, measure: FreeBytes = freeBytes) {
    this.#directory = directory;
    this.#freeBytes = measure;
  }

  /**
   * To be called at start, before each commit and now and then between.
   * @throws StorageError DISK_FULL when less than MIN_FREE_BYTES are free
   */
  async check(): Promise<void> {
    const free = await this.#freeBytes(this.#directory);
    if (free >= MIN_FREE_BYTES) return;
    const [freeMb, leastMb] = [free, MIN_FREE_BYTES].map((bytes) => Math.floor(bytes / 1_000_000));
    throw new StorageError(
      'DISK_FULL',
      `the disk of ${this.#directory} has ${freeMb} MB free, below ${leastMb} MB: stopping before it is full`,
    );
  }
}
