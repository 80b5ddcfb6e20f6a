/**
 * A whole chain as one file: what `ccoin export` writes and `ccoin import` reads, piece by piece, however long it is. It
 * holds blocks and certificates, which every node of the network has, and never a key or a signer's record.
 *
 *     magic "ccoin-chain\n", format number (uint32), genesis id (32 bytes)
 *     for each block from genesis on: length (uint32), CRC-32 of the body (uint32),
 *         body enc([block wire form, certificate wire form or nil in genesis])
 *     length 0, number of blocks (uint32), SHA-256 of everything before this line
 *
 * All numbers are little-endian, as in the frames of PROTOCOL section 7. The checksums tell a damaged file from a bad
 * chain, nothing more: whoever reads one checks the blocks as if a stranger had sent them.
 */
import { createHash, type Hash as Hasher } from 'node:crypto';
import { type FileHandle, link, open, rm } from 'node:fs/promises';
import { dirname } from 'node:path';
import { crc32 } from 'node:zlib';
import { syncDirectory } from '../keys/write-file.js';
import { GENESIS_NUMBER, MAX_BLOCK_BYTES } from '../protocol/block.js';
import { equalBytes, fromHex, type Hash, toHex, utf8 } from '../protocol/bytes.js';
import { encode } from '../protocol/encoding.js';
import { ProtocolError } from '../protocol/errors.js';
import { Fields } from '../protocol/fields.js';
import type { BlockBytes } from '../storage/tables.js';
import type { NumberedBlock } from './replay.js';

export const CHAIN_FILE_FORMAT = 1;
/** A block, and a certificate of 100 authorities with the largest keys, with room around them. */
const MAX_BODY_BYTES = MAX_BLOCK_BYTES + 200_000;

const MAGIC = utf8('ccoin-chain\n');
const HEADER_BYTES = MAGIC.length + 4 + 32;
const RECORD_HEADER_BYTES = 8;
const END_BYTES = 4 + 32;

/** The file cannot be used; the message says why, in one sentence. */
export class ChainFileError extends Error {
  override readonly name = 'ChainFileError';
}

/**
 * Writes `blocks`, from genesis on, to a new file, which is there once it is whole.
 * @returns how many
 * @throws EEXIST if the file is there already, and what `blocks` throws
 */
export async function writeChainFile(
  path: string,
  genesisId: Hash,
  blocks: Iterable<BlockBytes> | AsyncIterable<BlockBytes>,
): Promise<number> {
  const temporary = `${path}.${process.pid}.tmp`;
  await rm(temporary, { force: true });
  try {
    const file = await open(temporary, 'wx');
    let count: number;
    try {
      count = await writeAll(file, genesisId, blocks);
      await file.sync();
    } finally {
      await file.close();
    }
    // A hard link, unlike a rename, fails where a file is.
    await link(temporary, path);
    await syncDirectory(dirname(path));
    return count;
  } finally {
    await rm(temporary, { force: true });
  }
}

async function writeAll(
  file: FileHandle,
  genesisId: Hash,
  blocks: Iterable<BlockBytes> | AsyncIterable<BlockBytes>,
): Promise<number> {
  const hasher = createHash('sha256');
  const write = async (...parts: Uint8Array[]) => {
    const bytes = Buffer.concat(parts);
    hasher.update(bytes);
    await file.appendFile(bytes);
  };
  await write(MAGIC, uint32(CHAIN_FILE_FORMAT), fromHex(genesisId));
  let count = 0;
  for await (const { block, certificate } of blocks) {
    const body = encode([block, certificate]);
    await write(uint32(body.length), uint32(crc32(body)), body);
    count++;
  }
  const hash = hasher.digest();
  await file.appendFile(Buffer.concat([uint32(0), uint32(count), hash]));
  return count;
}

/** A chain's file, opened for reading from the front to the end. */
export class ChainFile {
  readonly genesisId: Hash;
  readonly #file: FileHandle;
  readonly #path: string;
  readonly #hasher: Hasher;

  private constructor(file: FileHandle, path: string, genesisId: Hash, hasher: Hasher) {
    this.#file = file;
    this.#path = path;
    this.genesisId = genesisId;
    this.#hasher = hasher;
  }

  /** @throws ChainFileError if it is no chain's file; errors of the file system */
  static async open(path: string): Promise<ChainFile> {
    const file = await open(path, 'r');
    try {
      const header = await readUpTo(file, HEADER_BYTES);
      if (!equalBytes(header.subarray(0, MAGIC.length), MAGIC)) {
        throw new ChainFileError(`${path} is no chain's file as ccoin export writes it`);
      }
      if (header.length < HEADER_BYTES) throw new ChainFileError(`${path} is cut off in its header`);
      const format = header.readUInt32LE(MAGIC.length);
      if (format !== CHAIN_FILE_FORMAT) {
        const message = `${path} has format ${format}, and this ccoin reads ${CHAIN_FILE_FORMAT} only`;
        throw new ChainFileError(message);
      }
      const hasher = createHash('sha256').update(header);
      return new ChainFile(file, path, toHex(header.subarray(MAGIC.length + 4)), hasher);
    } catch (error) {
      await file.close();
      throw error;
    }
  }

  /**
   * The blocks from genesis on; to be called once. Ends only if the file does as it should.
   * @throws ChainFileError where it is cut off or damaged
   */
  async *blocks(): AsyncGenerator<NumberedBlock> {
    for (let number = GENESIS_NUMBER; ; number++) {
      const header = await this.#read(4, number);
      const length = header.readUInt32LE();
      if (length === 0) return this.#end(number - GENESIS_NUMBER);
      if (length > MAX_BODY_BYTES) throw this.#damagedAt(number, `its length of ${length} bytes`);
      this.#hasher.update(header);
      const rest = await this.#read(RECORD_HEADER_BYTES - 4 + length, number);
      this.#hasher.update(rest);
      const body = rest.subarray(RECORD_HEADER_BYTES - 4);
      if (rest.readUInt32LE() !== crc32(body)) throw this.#damagedAt(number, 'its checksum');
      yield { number, ...this.#decode(body, number) };
    }
  }

  close(): Promise<void> {
    return this.#file.close();
  }

  async #end(count: number): Promise<void> {
    const end = await this.#read(END_BYTES, count + GENESIS_NUMBER);
    const stated = end.readUInt32LE();
    if (stated !== count) {
      throw new ChainFileError(`${this.#path} is damaged: it holds ${count} blocks and says ${stated}`);
    }
    if (!equalBytes(end.subarray(4), this.#hasher.digest())) {
      throw new ChainFileError(`${this.#path} is damaged: its hash is not that of its contents`);
    }
    if ((await readUpTo(this.#file, 1)).length > 0) {
      throw new ChainFileError(`${this.#path} is damaged: it goes on behind its end`);
    }
  }

  async #read(length: number, number: number): Promise<Buffer> {
    const bytes = await readUpTo(this.#file, length);
    if (bytes.length === length) return bytes;
    throw new ChainFileError(`${this.#path} is cut off at block ${number}`);
  }

  #decode(body: Uint8Array, number: number): BlockBytes {
    try {
      const fields = Fields.decode(body, 2, 'record');
      return { block: fields.bytes('block'), certificate: fields.bytesOrNil('certificate') };
    } catch (error) {
      if (!(error instanceof ProtocolError)) throw error;
      throw this.#damagedAt(number, `its form (${error.message})`);
    }
  }

  #damagedAt(number: number, what: string): ChainFileError {
    return new ChainFileError(`${this.#path} is damaged at block ${number}: ${what} is wrong`);
  }
}

/** The next `length` bytes, or fewer at the end of the file. */
async function readUpTo(file: FileHandle, length: number): Promise<Buffer> {
  const bytes = Buffer.alloc(length);
  let filled = 0;
  while (filled < length) {
    const { bytesRead } = await file.read(bytes, filled, length - filled, null);
    if (bytesRead === 0) break;
    filled += bytesRead;
  }
  return bytes.subarray(0, filled);
}

function uint32(value: number): Uint8Array {
  const bytes = Buffer.alloc(4);
  bytes.writeUInt32LE(value);
  return bytes;
}
