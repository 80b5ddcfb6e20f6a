/** The format number of the chain's database: refusing newer ones, bringing older ones up to date. */
import type { Store } from '../ports/store.js';
import { StorageError } from './errors.js';
import { EVERYTHING, FORMAT_KEY } from './keys.js';
import { chainDamaged, decodeInteger, parsed, put } from './tables.js';

/** Rises by one with every change to keys.ts or tables.ts that older code would misread. */
export const FORMAT = 2;

/** Rewrites a database of one format into the next. Killed midway it runs again, so running twice must do no harm. */
export type Migration = (store: Store) => Promise<void>;

/** Of each older format that is still read, what makes it the next one. */
export const MIGRATIONS: ReadonlyMap<number, Migration> = new Map();

/** The first record of a new database. */
export const putFormat = () => put(FORMAT_KEY, FORMAT);

/**
 * Brings the database to the present format, one migration after the other.
 * @returns false if the database is empty
 * @throws StorageError NEWER_FORMAT, OLDER_FORMAT, DAMAGED
 */
export async function bringUpToDate(
  store: Store,
  format = FORMAT,
  migrations: ReadonlyMap<number, Migration> = MIGRATIONS,
): Promise<boolean> {
  const bytes = store.get(FORMAT_KEY);
  if (bytes === undefined) {
    if (await isEmpty(store)) return false;
    throw chainDamaged('its format number is missing');
  }
  let found = parsed('the format number', bytes, decodeInteger);
  if (found > format) {
    const message = `the chain database has format ${found}, which is newer than ${format}: use a newer ccoin`;
    throw new StorageError('NEWER_FORMAT', message);
  }
  for (; found < format; found++) {
    const migrate = migrations.get(found);
    if (migrate === undefined) throw tooOld(found);
    await migrate(store);
    await store.write([put(FORMAT_KEY, found + 1)], { sync: true });
  }
  return true;
}

function tooOld(format: number): StorageError {
  return new StorageError(
    'OLDER_FORMAT',
    `the chain database has format ${format}, which this ccoin reads no more: delete it, and the node syncs the chain ` +
      'again; or export it with the ccoin that wrote it, and import that',
  );
}

async function isEmpty(store: Store): Promise<boolean> {
  for await (const _ of store.entries({ ...EVERYTHING, limit: 1 })) return false;
  return true;
}
