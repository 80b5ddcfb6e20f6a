/** What is said to an operator of errors of the file system and of LevelDB. */
import { damaged, StorageError } from './errors.js';

export function nameOf(directory: string): string {
  return `the database ${directory}`;
}

/** What an operator should be told about an error of the file system or of LevelDB; its own errors pass. */
export function storageError(directory: string, error: unknown): Error {
  const chain = causes(error);
  const own = chain.find((link) => link instanceof StorageError);
  if (own !== undefined) return own;
  const codes = chain.map((link) => (link as NodeJS.ErrnoException).code);
  // The innermost error is LevelDB's or the system's own sentence.
  const reason = chain.at(-1)?.message ?? String(error);
  const options = { cause: error };
  if (codes.includes('LEVEL_LOCKED')) {
    return new StorageError('LOCKED', `${nameOf(directory)} is in use by another process`, options);
  }
  if (/no space left|ENOSPC|quota exceeded/i.test(reason)) {
    return new StorageError('DISK_FULL', `the disk of ${directory} is full`, options);
  }
  if (/EACCES|EPERM|EROFS|ENOTDIR|EEXIST|permission denied|read-only|not a directory/i.test(reason)) {
    return new StorageError(
      'NOT_WRITABLE',
      `the directory ${directory} cannot be written: ${reason}`,
      options,
    );
  }
  if (codes.includes('LEVEL_CORRUPTION') || /^(Corruption|IO error|Invalid argument):/.test(reason)) {
    return damaged(nameOf(directory), reason.replace(/^Corruption: /, ''), error);
  }
  return error instanceof Error ? error : new Error(reason);
}

function causes(error: unknown): Error[] {
  const chain: Error[] = [];
  for (let link = error; link instanceof Error; link = link.cause) chain.push(link);
  return chain;
}
