/** The one error that the client throws for what a node, or the way to it, refused. */
import type { ProblemJson } from './types.js';

/** Codes beside those that nodes answer with (docs/api.md). */
export type ClientErrorCode =
  /** No answer: nothing listens there, or it took too long. */
  | 'UNREACHABLE'
  /** An answer that no node of ccoin gives. */
  | 'BAD_ANSWER'
  /** The transaction that was waited for left the pool without becoming final. */
  | 'DROPPED'
  /** The transaction that was waited for is not final yet; it may still become so. */
  | 'NOT_FINAL';

/**
 * @example
 * try { await client.submit(wire); }
 * catch (error) { if (error instanceof CcoinError && error.code === 'INSUFFICIENT_BALANCE') … }
 */
export class CcoinError extends Error {
  override readonly name = 'CcoinError';
  /** What went wrong, for programs: a code of the node's, or a ClientErrorCode. */
  readonly code: string;
  /** The HTTP status, 0 if there was no answer. */
  readonly status: number;
  /** What to do about it, for people; may be empty. */
  readonly advice: string;

  constructor(
    message: string,
    { code, status, advice }: Omit<ProblemJson, 'title' | 'detail'>,
    cause?: unknown,
  ) {
    super(message, cause === undefined ? {} : { cause });
    this.code = code;
    this.status = status;
    this.advice = advice;
  }

  static of(code: ClientErrorCode, message: string, advice = '', cause?: unknown): CcoinError {
    return new CcoinError(message, { code, status: 0, advice }, cause);
  }
}
