/** `Files` in a directory. */
import { type FileHandle, mkdir, open, readdir, rename, rm } from 'node:fs/promises';
import { join } from 'node:path';
import type { Files, OpenFile } from '../ports/files.js';
import { syncDirectory } from './sync-directory.js';

/** Written bytes are handed to the disk in such portions, so that no other sync has to wait for hundreds of megabytes. */
const SYNC_EVERY_BYTES = 8 * 1024 * 1024;
const TEMPORARY = '.part';

export class DiskFiles implements Files {
  readonly #directory: string;

  /** @param directory is made when it is first written to */
  constructor(directory: string) {
    this.#directory = directory;
  }

  async names(): Promise<string[]> {
    try {
      return (await readdir(this.#directory)).filter((name) => !name.endsWith(TEMPORARY));
    } catch (error) {
      if (isMissing(error)) return [];
      throw error;
    }
  }

  async write(name: string, pieces: Iterable<Uint8Array> | AsyncIterable<Uint8Array>): Promise<void> {
    await mkdir(this.#directory, { recursive: true, mode: 0o700 });
    const path = join(this.#directory, name);
    const temporary = path + TEMPORARY;
    try {
      const file = await open(temporary, 'w', 0o600);
      try {
        await writeAll(file, pieces);
      } finally {
        await file.close();
      }
      await rename(temporary, path);
      await syncDirectory(this.#directory);
    } catch (error) {
      await rm(temporary, { force: true });
      throw error;
    }
  }

  async open(name: string): Promise<OpenFile | undefined> {
    try {
      const file = await open(join(this.#directory, name), 'r');
      return new OpenDiskFile(file, (await file.stat()).size);
    } catch (error) {
      if (isMissing(error)) return undefined;
      throw error;
    }
  }

  remove(name: string): Promise<void> {
    return rm(join(this.#directory, name), { force: true });
  }
}

class OpenDiskFile implements OpenFile {
  readonly sizeBytes: number;
  readonly #file: FileHandle;

  constructor(file: FileHandle, sizeBytes: number) {
    this.#file = file;
    this.sizeBytes = sizeBytes;
  }

  async read(at: number, lengthBytes: number): Promise<Uint8Array> {
    this.#assertHas(at, lengthBytes);
    const bytes = Buffer.allocUnsafeSlow(lengthBytes);
    await this.readInto(at, bytes);
    return bytes;
  }

  async readInto(at: number, target: Uint8Array): Promise<void> {
    this.#assertHas(at, target.length);
    let done = 0;
    while (done < target.length) {
      const { bytesRead } = await this.#file.read(target, done, target.length - done, at + done);
      if (bytesRead === 0) throw new RangeError(`the file ends at ${at + done}`);
      done += bytesRead;
    }
  }

  close(): Promise<void> {
    return this.#file.close();
  }

  /** Before memory is set apart for what is not there. */
  #assertHas(at: number, lengthBytes: number): void {
    if (at + lengthBytes > this.sizeBytes) throw new RangeError(`the file ends at ${this.sizeBytes}`);
  }
}

async function writeAll(
  file: FileHandle,
  pieces: Iterable<Uint8Array> | AsyncIterable<Uint8Array>,
): Promise<void> {
  let unsynced = 0;
  for await (const piece of pieces) {
    await file.writeFile(piece);
    unsynced += piece.length;
    if (unsynced < SYNC_EVERY_BYTES) continue;
    await file.datasync();
    unsynced = 0;
  }
  await file.sync();
}

function isMissing(error: unknown): boolean {
  return (error as NodeJS.ErrnoException).code === 'ENOENT';
}
