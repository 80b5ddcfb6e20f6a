/** What takes how much in a database: entries and bytes of keys and values, by kind. Before compression. */
import type { Store } from '../ports/store.js';
import {
  ACCOUNT,
  BLOCK_ID,
  BODY,
  CHANGES,
  EVERYTHING,
  EVIDENCE,
  HEADER,
  META,
  MILESTONE,
  PUBLIC_KEY,
  TRANSACTION,
} from './keys.js';

export interface KindStats {
  readonly kind: string;
  readonly entries: number;
  /** Of keys and values. */
  readonly bytes: number;
}

/** In the order in which they are shown. */
const KINDS: readonly (readonly [prefix: number, kind: string])[] = [
  [HEADER, 'headers and certificates'],
  [BODY, 'transactions'],
  [CHANGES, 'history of accounts'],
  [MILESTONE, 'milestones in it'],
  [ACCOUNT, 'accounts'],
  [PUBLIC_KEY, 'public keys'],
  [TRANSACTION, 'index of transactions'],
  [BLOCK_ID, 'index of block ids'],
  [EVIDENCE, 'evidence'],
  [META, 'head and format'],
];
const UNKNOWN = 'of no kind';

/** Of a chain's database. Reads all of it. @throws StorageError DAMAGED */
export async function chainStats(store: Store, signal?: AbortSignal): Promise<KindStats[]> {
  const names = new Map(KINDS);
  const found = new Map<string, { entries: number; bytes: number }>();
  for (const kind of names.values()) found.set(kind, { entries: 0, bytes: 0 });
  for await (const [key, value] of store.entries(EVERYTHING)) {
    count(found, names.get(key[0] ?? -1) ?? UNKNOWN, key, value);
    signal?.throwIfAborted();
  }
  return [...found].map(([kind, counts]) => ({ kind, ...counts }));
}

/** Of a store with one kind of entries. */
export async function totalStats(store: Store, kind: string): Promise<KindStats> {
  const found = new Map([[kind, { entries: 0, bytes: 0 }]]);
  for await (const [key, value] of store.entries(EVERYTHING)) count(found, kind, key, value);
  return { kind, ...(found.get(kind) ?? { entries: 0, bytes: 0 }) };
}

function count(
  found: Map<string, { entries: number; bytes: number }>,
  kind: string,
  key: Uint8Array,
  value: Uint8Array,
): void {
  const counts = found.get(kind) ?? { entries: 0, bytes: 0 };
  counts.entries++;
  counts.bytes += key.length + value.length;
  found.set(kind, counts);
}
