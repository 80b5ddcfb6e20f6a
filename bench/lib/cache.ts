/**
 * What is dear to make and the same in every run, kept in `.cache/bench` of the repository: keys and signed transfers.
 * The databases of a run lie there too, as they must be on a real disk (the system's temporary directory may be memory).
 * Deleting the folder costs only time.
 */
import { mkdir, mkdtemp, readFile, rename, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { decode, encode } from '../../src/protocol/encoding.js';

/** From dist/bench/lib. */
const ROOT = fileURLToPath(new URL('../../../', import.meta.url));
const CACHE = join(ROOT, '.cache', 'bench');

export const ACCOUNTS_PATH = join(CACHE, 'accounts');
export const RESULTS_PATH = join(ROOT, 'bench', 'results');

/** Byte strings as they were stored under `name`, or, where nothing is, as `make` gives them. */
export async function cachedBytes(
  name: string,
  make: () => Promise<readonly Uint8Array[]>,
): Promise<readonly Uint8Array[]> {
  const path = join(CACHE, name);
  try {
    return decode(await readFile(path)) as Uint8Array[];
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw error;
  }
  const made = await make();
  await mkdir(CACHE, { recursive: true });
  // Whole or not at all: a run may be interrupted.
  await writeFile(`${path}.new`, encode(made));
  await rename(`${path}.new`, path);
  return made;
}

/** Lends an empty directory on the repository's disk. */
export async function withDirectory<T>(use: (directory: string) => Promise<T>): Promise<T> {
  await mkdir(CACHE, { recursive: true });
  const directory = await mkdtemp(join(CACHE, 'run-'));
  try {
    return await use(directory);
  } finally {
    await rm(directory, { recursive: true, force: true });
  }
}
