/**
 * The bytes of a journal (see JournalStore): batches one after the other in a file of fixed size, zeros behind them.
 *
 *     file  = "ccoin-j1" size ~size batch+ zeros
 *     batch = length ~length content zeros checksum
 *
 * `size` (of the file), `length` (of the content) and `checksum` (CRC-32 of all of the batch before it) are u32, `~x` has
 * every bit of x turned over; `content` is the MessagePack of [[key, value or nil], …]. A batch is a multiple of 16 bytes
 * long, so that neither its lengths nor its checksum ever lies on two pages.
 *
 * A write that its process did not live to finish leaves zeros where its checksum belongs, and behind it. That, and
 * nothing else, is taken for one that nobody confirmed; any other wrong byte, also among the last zeros, is damage. The
 * first batch is synced before the file has its name, and so never unfinished. When the power fails within a write of several
 * pages, a later one may be on the disk without an earlier: that looks like damage, as it cannot be told from it.
 */
import { crc32 } from 'node:zlib';
import type { StoreOperation } from '../ports/store.js';
import { decode, encode } from '../protocol/encoding.js';
import { Fields } from '../protocol/fields.js';

const MAGIC = Buffer.from('ccoin-j1', 'latin1');
const HEADER_BYTES = 16;
const LENGTHS_BYTES = 8;
const CHECKSUM_BYTES = 4;
const ALIGNMENT = 16;

/** What a journal says. */
export interface JournalContent {
  readonly batches: readonly (readonly StoreOperation[])[];
  /** What is wrong behind the last of these batches, where others may have been; null if nothing is. */
  readonly damage: string | null;
}

export function encodeBatch(operations: readonly StoreOperation[]): Buffer {
  const content = encode(operations.map(({ key, value }) => [key, value]));
  const batch = Buffer.alloc(batchBytes(content.length));
  writeTwice(batch, content.length, 0);
  batch.set(content, LENGTHS_BYTES);
  const checked = batch.length - CHECKSUM_BYTES;
  batch.writeUInt32BE(crc32(batch.subarray(0, checked)), checked);
  return batch;
}

/**
 * The bytes of a journal that begins with this batch, and where the next one belongs.
 * @param spareBytes room for what follows, at least
 */
export function encodeJournal(
  batch: Uint8Array,
  minBytes: number,
  spareBytes: number,
): { readonly bytes: Buffer; readonly end: number } {
  const end = HEADER_BYTES + batch.length;
  const bytes = Buffer.alloc(Math.max(minBytes, end + spareBytes));
  bytes.set(MAGIC);
  writeTwice(bytes, bytes.length, MAGIC.length);
  bytes.set(batch, HEADER_BYTES);
  return { bytes, end };
}

/** Undefined for what does not even begin as a journal. @throws ProtocolError if a sound batch holds something else */
export function decodeJournal(bytes: Buffer): JournalContent | undefined {
  if (!bytes.subarray(0, MAGIC.length).equals(MAGIC)) return undefined;
  const size = readTwice(bytes, MAGIC.length);
  const batches: StoreOperation[][] = [];
  const stop = (damage: string | null): JournalContent =>
    damage === null && batches.length === 0
      ? { batches, damage: 'it has no beginning' }
      : { batches, damage };
  let at = HEADER_BYTES;
  for (;;) {
    const length = readTwice(bytes, at);
    if (length === 0 || at === bytes.length) {
      if (!isZero(bytes.subarray(at))) return stop(`there is something behind its end at byte ${at}`);
      return stop(size === bytes.length ? null : `it has ${bytes.length} bytes, and not those that it had`);
    }
    const end = at + batchBytes(length ?? 0);
    if (length === undefined || end > bytes.length) return stop(`the length at byte ${at} is wrong`);
    const checked = end - CHECKSUM_BYTES;
    if (bytes.readUInt32BE(checked) !== crc32(bytes.subarray(at, checked)))
      return stop(isZero(bytes.subarray(checked)) ? null : `the batch at byte ${at} fails its checksum`);
    batches.push(decodeContent(bytes.subarray(at + LENGTHS_BYTES, at + LENGTHS_BYTES + length)));
    at = end;
  }
}

function decodeContent(content: Uint8Array): StoreOperation[] {
  return Fields.of([decode(content)], 1, 'batch')
    .array('operations')
    .map((operation) => {
      const fields = Fields.of(operation, 2, 'operation');
      return { key: fields.bytes('key'), value: fields.bytesOrNil('value') };
    });
}

function batchBytes(contentBytes: number): number {
  return Math.ceil((LENGTHS_BYTES + contentBytes + CHECKSUM_BYTES) / ALIGNMENT) * ALIGNMENT;
}

function writeTwice(bytes: Buffer, value: number, at: number): void {
  bytes.writeUInt32BE(value, at);
  bytes.writeUInt32BE(~value >>> 0, at + 4);
}

/** 0 for zeros, which is what stands where nothing was written; undefined for what was not written so. */
function readTwice(bytes: Buffer, at: number): number | undefined {
  if (at + 8 > bytes.length) return undefined;
  const [value, turned] = [bytes.readUInt32BE(at), bytes.readUInt32BE(at + 4)];
  if (value === 0 && turned === 0) return 0;
  return turned === ~value >>> 0 ? value : undefined;
}

function isZero(bytes: Buffer): boolean {
  return bytes.equals(Buffer.alloc(bytes.length));
}
