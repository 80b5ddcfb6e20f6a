/** Pages of a list of transactions, newest first, that is linked from block to block. */
import { GENESIS_NUMBER } from '../protocol/block.js';
import { malformed } from '../protocol/errors.js';
import { present, type TransactionPlace } from './tables.js';

/** One page of a list; `next` is the cursor of the page after it, null at the end. */
export interface Page<T> {
  readonly items: readonly T[];
  readonly next: string | null;
}

export interface PlaceList {
  /** The newest block that has any; 0 if there is none. */
  readonly newest: number;
  /** What the list has in a block, its indices rising, and the nearest block below that has any (0: none). */
  at(blockNumber: number): { readonly indices: readonly number[]; readonly previous: number } | undefined;
}

/** Block number and index of the last item given, so a page is the same however many blocks have come since. */
const CURSOR = /^([1-9]\d{0,9})-(0|[1-9]\d{0,9})$/;

/** What the chain has of blocks: those above `base`, up to `head`. */
export interface Kept {
  readonly base: number;
  readonly head: number;
}

/**
 * A page ends where nothing more is kept; the one after it is then undefined.
 * @throws ProtocolError MALFORMED for a cursor that is not of this list
 */
export function pageOfPlaces(
  list: PlaceList,
  cursor: string | undefined,
  limit: number,
  kept: Kept,
): Page<TransactionPlace> | undefined {
  const start =
    cursor === undefined ? { blockNumber: list.newest, index: Infinity } : parse(cursor, list, kept);
  if (start === undefined) return undefined;
  const items: TransactionPlace[] = [];
  let below = start.index;
  let blockNumber = start.blockNumber;
  while (blockNumber !== 0) {
    if (blockNumber <= kept.base)
      return items.length > 0 ? { items, next: cursorOf(items.at(-1)) } : undefined;
    const { indices, previous } = present(
      list.at(blockNumber),
      `the list of transactions in block ${blockNumber}`,
    );
    for (const index of indices.toReversed()) {
      if (index >= below) continue;
      if (items.length === limit) return { items, next: cursorOf(items.at(-1)) };
      items.push({ blockNumber, index });
    }
    below = Number.POSITIVE_INFINITY;
    blockNumber = previous;
  }
  return { items, next: null };
}

function cursorOf(place: TransactionPlace | undefined): string | null {
  return place === undefined ? null : `${place.blockNumber}-${place.index}`;
}

/** Undefined for a place that is not kept. */
function parse(cursor: string, list: PlaceList, { base, head }: Kept): TransactionPlace | undefined {
  const match = CURSOR.exec(cursor);
  const blockNumber = Number(match?.[1]);
  const index = Number(match?.[2]);
  if (match !== null && blockNumber <= base && blockNumber >= GENESIS_NUMBER) return undefined;
  if (match === null || blockNumber > head || !list.at(blockNumber)?.indices.includes(index)) {
    throw malformed('not a cursor of this list of transactions');
  }
  return { blockNumber, index };
}
