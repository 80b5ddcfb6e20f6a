/** Writes a file whole or not at all, with its mode from the first byte on. */
import { link, mkdir, open, rename, rm } from 'node:fs/promises';
import { dirname } from 'node:path';

export interface WriteOptions {
  /** The file's permissions; never wider for a moment and narrowed after. */
  readonly mode: number;
  /** The permissions of directories that have to be made. */
  readonly directoryMode: number;
  /** Whether a file that is there already is replaced (default) or refused with EEXIST. */
  readonly exclusive?: boolean;
}

/** After this has resolved the file and its name are on the disk; a crash before leaves the old one, or none. */
export async function writeFileAtomic(
  path: string,
  contents: string | Uint8Array,
  { mode, directoryMode, exclusive = false }: WriteOptions,
): Promise<void> {
  await mkdir(dirname(path), { recursive: true, mode: directoryMode });
  const temporary = `${path}.${process.pid}.tmp`;
  await rm(temporary, { force: true });
  const file = await open(temporary, 'wx', mode);
  try {
    try {
      await file.writeFile(contents);
      await file.sync();
    } finally {
      await file.close();
    }
    // A hard link, unlike a rename, fails where a file is.
    if (exclusive) await link(temporary, path);
    else await rename(temporary, path);
    await syncDirectory(dirname(path));
  } finally {
    await rm(temporary, { force: true });
  }
}

/** After this has resolved the names in the directory are on the disk. */
export async function syncDirectory(path: string): Promise<void> {
  // Windows has no way to sync a directory, and does not need one.
  if (process.platform === 'win32') return;
  const directory = await open(path, 'r');
  try {
    await directory.sync();
  } finally {
    await directory.close();
  }
}
