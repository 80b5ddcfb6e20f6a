/** What can be wrong with what is on the disk, as far as an operator can do something about it. */

/** A code, and what its message tells the operator to do. */
export type StorageErrorCode =
  /** Another process holds the database: stop it, or use another directory. */
  | 'LOCKED'
  /** Bytes are missing or not what was written: repair the chain, or delete it and sync again. */
  | 'DAMAGED'
  /** The directory cannot be made or written: mend its path or its permissions. */
  | 'NOT_WRITABLE'
  /** Written by a newer ccoin: use that one. */
  | 'NEWER_FORMAT'
  /** Written by an older ccoin, and not read any more: delete the chain and sync again, or export it with that one. */
  | 'OLDER_FORMAT'
  /** The chain of another network: use another directory. */
  | 'OTHER_GENESIS'
  /** Make room. */
  | 'DISK_FULL';

/** Its message is one sentence for the operator; the technical reason is its `cause`. */
export class StorageError extends Error {
  override readonly name = 'StorageError';
  readonly code: StorageErrorCode;
  /** The message without what to do about it, for whoever is about to do it. */
  readonly why: string;

  constructor(code: StorageErrorCode, message: string, options: ErrorOptions & { why?: string } = {}) {
    super(message, options);
    this.code = code;
    this.why = options.why ?? message;
  }
}

/** @param what which database, `why` without a full stop */
export function damaged(what: string, why: string, cause?: unknown): StorageError {
  const message = `${what} is damaged: ${why}; run ccoin repair, or delete it and sync again`;
  return new StorageError('DAMAGED', message, { cause, why });
}
