import { open } from 'node:fs/promises';

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
