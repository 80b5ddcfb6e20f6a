/**
 * The state tree after one block as a file, so that a start need not hash a million accounts again.
 *
 * ```
 * uint32 length of head ‖ uint32 CRC-32 of head ‖ head ‖ part ‖ … ‖ part ‖ uint32 CRC-32 of each part
 * ```
 *
 * The head is JSON; the parts are the free places of inner nodes, those of leaves, and the pieces of the NodeArena,
 * numbers in the byte order of the machine: the file is for the node that wrote it. One that is not whole, or of
 * another version or machine, is no tree, and the tree is built anew from the accounts.
 */
import { endianness } from 'node:os';
import { crc32 } from 'node:zlib';
import type { Files, OpenFile } from '../ports/files.js';
import type { Hash } from '../protocol/bytes.js';
import { NodeArena } from '../protocol/state-arena.js';
import type { Fill } from '../protocol/state-places.js';
import { StateTree, type TreeImage } from '../protocol/state-tree.js';

/** To be raised with every change of the file's form, or of what the pieces of a NodeArena are. */
const VERSION = 2;
const NUMBER_BYTES = 4;
/** More than any head has: a damaged length makes nothing large. */
const MAX_HEAD_BYTES = 4_096;

/** The block after which the tree stood so. */
export interface TreePlace {
  readonly genesisId: Hash;
  /** From where on the chain has headers (Base.lowestHeader), and the accounts their trails. */
  readonly begin: number;
  readonly number: number;
  readonly blockId: Hash;
}

export interface StoredTree extends TreePlace {
  readonly tree: StateTree;
}

interface Head extends TreePlace {
  readonly version: number;
  readonly byteOrder: string;
  readonly root: Hash;
  readonly size: number;
  readonly ref: number;
  readonly innerEnd: number;
  readonly leafEnd: number;
  readonly freeInner: number;
  readonly freeLeaves: number;
}

/** Reads the image while it is written: it must not be released before. */
export function writeTree(files: Files, name: string, place: TreePlace, image: TreeImage): Promise<void> {
  return files.write(name, partsOf(place, image));
}

/** Undefined if there is none that is whole. @throws what the disk throws */
export async function readTree(files: Files, name: string): Promise<StoredTree | undefined> {
  const file = await files.open(name);
  if (file === undefined) return undefined;
  try {
    return await read(file);
  } catch (error) {
    // The file ends too early, a part is damaged, or they do not fit each other.
    if (error instanceof RangeError || error instanceof SyntaxError) return undefined;
    throw error;
  } finally {
    await file.close();
  }
}

function* partsOf({ genesisId, begin, number, blockId }: TreePlace, image: TreeImage): Generator<Uint8Array> {
  const { root, size, ref, layout } = image;
  const { leaves, inner } = layout;
  const head: Head = {
    version: VERSION,
    byteOrder: endianness(),
    genesisId,
    begin,
    number,
    blockId,
    root,
    size,
    ref,
    innerEnd: inner.end,
    leafEnd: leaves.end,
    freeInner: inner.free.length,
    freeLeaves: leaves.free.length,
  };
  const headBytes = Buffer.from(JSON.stringify(head));
  yield Buffer.concat([uint32(headBytes.length), uint32(crc32(headBytes)), headBytes]);
  const checksums: Uint8Array[] = [];
  const parts = function* () {
    yield bytesOf(inner.free);
    yield bytesOf(leaves.free);
    yield* image.pieces();
  };
  for (const part of parts()) {
    // A copy: places that are free in the image may be used while it is written.
    const copy = Buffer.from(part);
    checksums.push(uint32(crc32(copy)));
    yield copy;
  }
  yield Buffer.concat(checksums);
}

async function read(file: OpenFile): Promise<StoredTree | undefined> {
  const prefix = Buffer.from(await file.read(0, 2 * NUMBER_BYTES));
  const length = prefix.readUInt32BE();
  if (length > MAX_HEAD_BYTES) return undefined;
  const headBytes = await file.read(prefix.length, length);
  if (crc32(headBytes) !== prefix.readUInt32BE(NUMBER_BYTES)) return undefined;
  const head = JSON.parse(Buffer.from(headBytes).toString()) as Head;
  if (head.version !== VERSION || head.byteOrder !== endianness()) return undefined;

  const freeLengths = [head.freeInner, head.freeLeaves].map((count) => count * NUMBER_BYTES);
  const lengths = [...freeLengths, ...NodeArena.pieceLengths(head.leafEnd, head.innerEnd)];
  const fill = await partsFrom(file, prefix.length + length, lengths);
  const inner = { end: head.innerEnd, free: await integersFrom(fill, head.freeInner) };
  const leaves = { end: head.leafEnd, free: await integersFrom(fill, head.freeLeaves) };
  const { genesisId, begin, number, blockId } = head;
  const tree = await StateTree.restore({ ...head, layout: { leaves, inner } }, fill);
  return { genesisId, begin, number, blockId, tree };
}

/** Puts one part after the other where it is told to. @throws RangeError if one fails its checksum */
async function partsFrom(file: OpenFile, start: number, lengths: readonly number[]): Promise<Fill> {
  const end = lengths.reduce((sum, bytes) => sum + bytes, start);
  const checksums = Buffer.from(await file.read(end, lengths.length * NUMBER_BYTES));
  let at = start;
  let part = 0;
  return async (target) => {
    await file.readInto(at, target);
    if (crc32(target) !== checksums.readUInt32BE(part * NUMBER_BYTES)) throw new RangeError('a damaged part');
    at += target.length;
    part++;
  };
}

async function integersFrom(fill: Fill, count: number): Promise<Int32Array> {
  const integers = new Int32Array(count);
  await fill(bytesOf(integers));
  return integers;
}

function uint32(value: number): Uint8Array {
  const bytes = Buffer.allocUnsafe(NUMBER_BYTES);
  bytes.writeUInt32BE(value);
  return bytes;
}

function bytesOf(integers: Int32Array): Uint8Array {
  return new Uint8Array(integers.buffer, integers.byteOffset, integers.byteLength);
}
