/** The format number of the chain's database: refusing newer ones, bringing older ones up to date. */
import type { Store, StoreOperation } from '../ports/store.js';
import { StorageError } from './errors.js';
import { type Bounds, EVERYTHING, EVIDENCE, FORMAT_KEY, GENESIS_ID_KEY, table } from './keys.js';
import { chainDamaged, decodeInteger, parsed, put } from './tables.js';

/** Rises by one with every change to keys.ts or tables.ts that older code would misread. */
export const FORMAT = 2;

/** Entries that are deleted in one write. */
const CLEARED_AT_ONCE = 10_000;

/** In the place of the format number: no chain yet, as its state is still being taken from others (snapshot-loader.ts). */
export const UNFINISHED = 0;

/** Rewrites a database of one format into the next. Killed midway it runs again, so running twice must do no harm. */
export type Migration = (store: Store) => Promise<void>;

/** Of each older format that is still read, what makes it the next one. */
export const MIGRATIONS: ReadonlyMap<number, Migration> = new Map();

/** The first record of a new database. */
export const putFormat = () => put(FORMAT_KEY, FORMAT);

/**
 * Brings the database to the present format, one migration after the other.
 * @returns false if the database is empty, or unfinished: then it is emptied, but for its number and evidence
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
  if (found === UNFINISHED) {
    await clear(store);
    return false;
  }
  for (; found < format; found++) {
    const migrate = migrations.get(found);
    if (migrate === undefined) throw tooOld(found);
    await migrate(store);
    await store.write([put(FORMAT_KEY, found + 1)], { sync: true });
  }
  return true;
}

/**
 * The format number stays until a chain begins: killed midway, this begins again. Every write is synced: LevelDB syncs the
 * log it is at, not one that it left a moment ago, and what a power cut brought back from there would be in a new chain.
 */
async function clear(store: Store): Promise<void> {
  const behindFormat: Bounds = { from: GENESIS_ID_KEY, to: table(EVIDENCE).from };
  for (const bounds of [behindFormat, { from: table(EVIDENCE).to, to: EVERYTHING.to }]) {
    let operations: StoreOperation[] = [];
    for await (const [key] of store.entries(bounds)) {
      if (operations.push({ key, value: null }) < CLEARED_AT_ONCE) continue;
      await store.write(operations, { sync: true });
      operations = [];
    }
    await store.write(operations, { sync: true });
  }
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
