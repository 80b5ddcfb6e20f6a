/** What can be wrong with a key on disk, said in one sentence; a command prints it and ends. */
export type KeyErrorCode =
  | 'MISSING'
  | 'UNREADABLE'
  | 'OPEN_TO_OTHERS'
  | 'PASSPHRASE_NEEDED'
  | 'WRONG_PASSPHRASE'
  | 'NOT_A_KEY'
  | 'UNFIT_KEY'
  | 'WRONG_ADDRESS';

export class KeyError extends Error {
  override readonly name = 'KeyError';
  readonly code: KeyErrorCode;

  constructor(code: KeyErrorCode, message: string, cause?: unknown) {
    super(message, { cause });
    this.code = code;
  }
}
