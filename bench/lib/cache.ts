/**
 * What is dear to make and the same in every run, kept in `.cache/bench` of the repository: keys, signed transfers and
 * long chains. The databases of a run lie there too, as they must be on a real disk (the system's temporary directory
 * may be memory). Deleting the folder costs only time.
 */
import { access, mkdir, mkdtemp, readFile, rename, rm, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { decode, encode } from '../../src/protocol/encoding.js';

/** From dist/bench/lib. */
const ROOT = fileURLToPath(new URL('../../../', import.meta.url));
const CACHE = join(ROOT, '.cache', 'bench');

export const ACCOUNTS_PATH = join(CACHE, 'accounts');
/** The addresses of the accounts in the order in which they are used. */
export const ORDER_PATH = join(CACHE, 'accounts.json');
export const CHAINS_PATH = join(CACHE, 'chains');
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
  await writeWhole(path, encode(made));
  return made;
}

/** Whole or not at all: a run may be interrupted. */
export async function writeWhole(path: string, content: string | Uint8Array): Promise<void> {
  await mkdir(dirname(path), { recursive: true });
  await writeFile(`${path}.new`, content);
  await rename(`${path}.new`, path);
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

export async function exists(path: string): Promise<boolean> {
  try {
    await access(path);
    return true;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw error;
    return false;
  }
}
