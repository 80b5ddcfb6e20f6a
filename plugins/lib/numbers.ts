/** Whole numbers as flags carry them: yargs would read 1e3, 0x10 and 0.1 as numbers too, and round large ones. */
import { UsageError } from './errors.js';

/** @throws UsageError if `text` is no decimal integer from `min` to 2^53-1 */
export function wholeNumber(flag: string, text: string, min = 0): number {
  const value = /^(?:0|[1-9][0-9]{0,15})$/.test(text) ? Number(text) : Number.NaN;
  if (Number.isSafeInteger(value) && value >= min) return value;
  throw new UsageError(`--${flag} must be an integer from ${min} to ${Number.MAX_SAFE_INTEGER}`);
}

const MAX_PORT = 65_535;

/** @throws Error if `port`, as yargs read it, is given and is none */
export function assertPort(flag: string, port: number | undefined): void {
  if (port === undefined || (Number.isInteger(port) && port >= 0 && port <= MAX_PORT)) return;
  throw new Error(`--${flag} must be an integer from 0 to ${MAX_PORT}`);
}
