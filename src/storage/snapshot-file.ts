/**
 * A snapshot as a file: the state after one final block, in the parts in which it is given to others (section 9,
 * protocol/state-part.ts), and what proves that block.
 *
 * ```
 * accounts of a part ‖ … ‖ index ‖ uint32 CRC-32 of index ‖ uint32 length of index
 * index = enc([version, number, sealed header, certificate, hash_state, parts])
 * parts = (depth:1 ‖ hash:32 ‖ uint32 length ‖ uint32 CRC-32 of its accounts) of each, joined
 * ```
 *
 * The index comes last, as it is known last, and with a checksum each, so that a damaged disk never makes us tell others
 * what is not so. A file that is not whole is no snapshot.
 */
import { crc32 } from 'node:zlib';
import type { Files, OpenFile } from '../ports/files.js';
import { fromHex, type Hash, toHex } from '../protocol/bytes.js';
import { encode } from '../protocol/encoding.js';
import { ProtocolError } from '../protocol/errors.js';
import { Fields, MAX_HEIGHT } from '../protocol/fields.js';
import {
  accountsBelow,
  encodeSubtrees,
  innerHash,
  type KeyPath,
  MAX_SUBTREE_LEVELS,
  type PlacedHash,
} from '../protocol/state-part.js';

const VERSION = 1;
const PREFIX = 'snapshot-';
const PART_BYTES = 41;
const TAIL_BYTES = 8;
/** More than the index of a billion accounts: a damaged length makes nothing large. */
const MAX_INDEX_BYTES = 128 * 1024 * 1024;
/** What takes as long as so many bytes of a part, read and handed on: to find some accounts in one … */
const SEARCH_COST_BYTES = 400_000;
/** … and to tell one byte of subtrees. */
const SUBTREES_COST = 8;

/** What a snapshot is of. */
export interface SnapshotHead {
  readonly number: number;
  readonly sealedHeader: Uint8Array;
  readonly certificate: Uint8Array;
  readonly hashState: Hash;
}

/** A part as it goes into the file. */
export interface SnapshotPart extends PlacedHash {
  /** See state-part.ts. */
  readonly accounts: Uint8Array;
}

/** What there is at a place of the state, as ASP has it. */
export interface PartAnswer {
  readonly subtrees: Uint8Array | null;
  readonly accounts: Uint8Array | null;
  /** What making it cost, as the bytes of a part that are read and handed on in the same time. */
  readonly costBytes: number;
}

/** A place with its subtrees, or a part with its place in the file. */
interface Place extends PlacedHash {
  readonly children?: readonly [Place, Place];
  readonly at: number;
  readonly lengthBytes: number;
  readonly checksum: number;
}

/** The blocks of which there are snapshots, newest first. */
export async function snapshotNumbers(files: Files): Promise<number[]> {
  const names = (await files.names()).filter((name) => /^snapshot-[1-9]\d*$/.test(name));
  return names.map((name) => Number(name.slice(PREFIX.length))).sort((a, b) => b - a);
}

export function removeSnapshot(files: Files, number: number): Promise<void> {
  return files.remove(PREFIX + number);
}

/** @param parts of the whole state, in the order of keys; what they throw leaves no file */
export function writeSnapshot(
  files: Files,
  head: SnapshotHead,
  parts: AsyncIterable<SnapshotPart>,
): Promise<void> {
  return files.write(PREFIX + head.number, piecesOf(head, parts));
}

async function* piecesOf(
  { number, sealedHeader, certificate, hashState }: SnapshotHead,
  parts: AsyncIterable<SnapshotPart>,
): AsyncGenerator<Uint8Array> {
  const rows: Uint8Array[] = [];
  for await (const { path, hash, accounts } of parts) {
    const row = Buffer.alloc(PART_BYTES);
    row[0] = path.length;
    row.set(fromHex(hash), 1);
    row.writeUInt32BE(accounts.length, 33);
    row.writeUInt32BE(crc32(accounts), 37);
    rows.push(row);
    yield accounts;
  }
  const index = encode([VERSION, number, sealedHeader, certificate, fromHex(hashState), Buffer.concat(rows)]);
  const tail = Buffer.alloc(TAIL_BYTES);
  tail.writeUInt32BE(crc32(index), 0);
  tail.writeUInt32BE(index.length, 4);
  yield index;
  yield tail;
}

export class Snapshot {
  readonly head: SnapshotHead;
  readonly #files: Files;
  readonly #root: Place;

  private constructor(files: Files, head: SnapshotHead, root: Place) {
    this.#files = files;
    this.head = head;
    this.#root = root;
  }

  /** Undefined if there is none that is whole. @throws what the disk throws */
  static async open(files: Files, number: number): Promise<Snapshot | undefined> {
    const read = async (file: OpenFile) => {
      const { head, root } = await readIndex(file);
      return head.number === number ? new Snapshot(files, head, root) : undefined;
    };
    return withFile(files, number, read);
  }

  /**
   * What there is below `path`: its accounts, or its subtrees if those are too many for a part. Undefined if the file is
   * gone or damaged.
   */
  async answer(path: KeyPath): Promise<PartAnswer | undefined> {
    const place = this.#descend(path);
    if (place.children !== undefined) {
      const subtrees = encodeSubtrees(path, subtreesOf(place, path.length + MAX_SUBTREE_LEVELS));
      return { subtrees, accounts: null, costBytes: subtrees.length * SUBTREES_COST };
    }
    const part = await withFile(this.#files, this.head.number, (file) => readPart(file, place));
    if (part === undefined) return undefined;
    if (place.path === path) return { subtrees: null, accounts: part, costBytes: part.length };
    const accounts = accountsBelow(path, part);
    return { subtrees: null, accounts, costBytes: part.length + SEARCH_COST_BYTES };
  }

  /** The place at the path, or the part that it is in. */
  #descend(path: KeyPath): Place {
    let place = this.#root;
    while (place.children !== undefined && place.path.length < path.length)
      place = place.children[path[place.path.length] === '1' ? 1 : 0];
    return place;
  }
}

/** Undefined if there is no such file, or `read` finds it damaged. */
async function withFile<T>(
  files: Files,
  number: number,
  read: (file: OpenFile) => Promise<T | undefined>,
): Promise<T | undefined> {
  const file = await files.open(PREFIX + number);
  if (file === undefined) return undefined;
  try {
    return await read(file);
  } catch (error) {
    // It ends too early, or is not what was written.
    if (error instanceof RangeError || error instanceof ProtocolError) return undefined;
    throw error;
  } finally {
    await file.close();
  }
}

async function readIndex(file: OpenFile): Promise<{ head: SnapshotHead; root: Place }> {
  const tailAt = file.sizeBytes - TAIL_BYTES;
  if (tailAt < 0) throw new RangeError('shorter than its end');
  const tail = Buffer.from(await file.read(tailAt, TAIL_BYTES));
  const length = tail.readUInt32BE(4);
  if (length > Math.min(tailAt, MAX_INDEX_BYTES)) throw new RangeError('the index is longer than the file');
  const index = await file.read(tailAt - length, length);
  if (crc32(index) !== tail.readUInt32BE(0)) throw new RangeError('the index fails its checksum');
  const fields = Fields.decode(index, 6, 'snapshot');
  if (fields.integer('version') !== VERSION) throw new RangeError('of another version');
  const head = {
    number: fields.integer('number', MAX_HEIGHT),
    sealedHeader: fields.bytes('sealed header'),
    certificate: fields.bytes('certificate'),
    hashState: fields.hash('hash_state'),
  };
  const root = placesOf(fields.bytes('parts'));
  if (root.hash !== head.hashState) throw new RangeError('its parts are of another state');
  return { head, root };
}

/** The tree over parts that stand in the order of keys, each with its depth. */
function placesOf(rows: Uint8Array): Place {
  const view = Buffer.from(rows.buffer, rows.byteOffset, rows.byteLength);
  let row = 0;
  let at = 0;
  const build = (path: KeyPath): Place => {
    const start = row * PART_BYTES;
    const depth = view.readUInt8(start);
    if (depth < path.length) throw new RangeError('its parts make up no tree');
    if (depth > path.length) {
      const children = [build(`${path}0`), build(`${path}1`)] as const;
      const hash = innerHash(children[0].hash, children[1].hash);
      return { path, hash, children, at: 0, lengthBytes: 0, checksum: 0 };
    }
    row++;
    const lengthBytes = view.readUInt32BE(start + 33);
    const part = { at, lengthBytes, checksum: view.readUInt32BE(start + 37) };
    at += lengthBytes;
    return { path, hash: toHex(view.subarray(start + 1, start + 33)), ...part };
  };
  return build('');
}

async function readPart(
  file: OpenFile,
  { at, lengthBytes, checksum }: Place,
): Promise<Uint8Array | undefined> {
  const accounts = await file.read(at, lengthBytes);
  return crc32(accounts) === checksum ? accounts : undefined;
}

function subtreesOf(place: Place, maxDepth: number, found: PlacedHash[] = []): PlacedHash[] {
  if (place.children === undefined || place.path.length === maxDepth) found.push(place);
  else for (const child of place.children) subtreesOf(child, maxDepth, found);
  return found;
}
