/** The head of an answer over HTTP, as far as a client needs it that has to cost less than the servers it measures. */

const HEAD_END = Buffer.from('\r\n\r\n');
const STATUS = /^HTTP\/1\.1 (\d{3}) /;
const LENGTH = /\r\ncontent-length: (\d+)\r\n/i;

export interface AnswerHead {
  readonly status: number;
  /** Where the body begins, in bytes. */
  readonly bodyAt: number;
  /** Of head and body. */
  readonly totalBytes: number;
}

/**
 * The head with which `bytes` begin; undefined while more of it is to come.
 * @throws Error if they begin with something else, or with an answer that does not say its length
 */
export function readHead(bytes: Buffer): AnswerHead | undefined {
  const end = bytes.indexOf(HEAD_END);
  if (end < 0) return undefined;
  const head = bytes.toString('latin1', 0, end + 2);
  const status = STATUS.exec(head)?.[1];
  const length = LENGTH.exec(head)?.[1];
  if (status === undefined || length === undefined)
    throw new Error(`an answer that is none: ${head.slice(0, 200)}`);
  const bodyAt = end + HEAD_END.length;
  return { status: Number(status), bodyAt, totalBytes: bodyAt + Number(length) };
}
