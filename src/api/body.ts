/**
 * Reads JSON bodies more strictly than JSON.parse: well-formed UTF-8, bounded depth, and no number that is not an
 * integer from 0 to 2^53-1 as it is written. JSON.parse would round 9007199254740990.5 to an amount nobody meant.
 */
import { ApiError } from './errors.js';

const decoder = new TextDecoder('utf-8', { fatal: true });
const INTEGER = /^(?:0|[1-9]\d{0,15})$/;
const NUMBER_CHARACTERS = /[-+.\dA-Za-z]+/y;

/**
 * @param maxDepth how many arrays and objects may be open at once
 * @throws ApiError BAD_REQUEST saying what is wrong
 */
export function parseBody(bytes: Uint8Array, maxDepth: number): unknown {
  if (bytes.length === 0) throw new ApiError('BAD_REQUEST', 'the body is empty');
  let text: string;
  try {
    text = decoder.decode(bytes);
  } catch {
    throw new ApiError('BAD_REQUEST', 'the body is not well-formed UTF-8');
  }
  assertShallowIntegers(text, maxDepth);
  try {
    return JSON.parse(text);
  } catch (error) {
    throw new ApiError('BAD_REQUEST', `the body is not JSON: ${(error as Error).message}`);
  }
}

/** One pass over the text, outside of its strings. What is no JSON at all passes: JSON.parse refuses it next. */
function assertShallowIntegers(text: string, maxDepth: number): void {
  let depth = 0;
  for (let at = 0; at < text.length; at++) {
    const character = text[at] as string;
    if (character === '"') at = endOfString(text, at);
    else if (character === '[' || character === '{') {
      if (++depth > maxDepth) throw new ApiError('BAD_REQUEST', `the body is nested deeper than ${maxDepth}`);
    } else if (character === ']' || character === '}') depth--;
    else if (character === '-' || (character >= '0' && character <= '9')) {
      NUMBER_CHARACTERS.lastIndex = at;
      const number = NUMBER_CHARACTERS.exec(text)?.[0] ?? character;
      if (!INTEGER.test(number) || Number(number) > Number.MAX_SAFE_INTEGER) {
        const shown = number.length > 40 ? `${number.slice(0, 40)}…` : number;
        throw new ApiError('BAD_REQUEST', `${shown} is not an integer from 0 to ${Number.MAX_SAFE_INTEGER}`);
      }
      at += number.length - 1;
    }
  }
}

/** The index of the quote that closes the string opened at `from`; the end of the text if none does. */
function endOfString(text: string, from: number): number {
  for (let at = text.indexOf('"', from + 1); at !== -1; at = text.indexOf('"', at + 1)) {
    let backslashes = 0;
    while (text[at - 1 - backslashes] === '\\') backslashes++;
    if (backslashes % 2 === 0) return at;
  }
  return text.length;
}
