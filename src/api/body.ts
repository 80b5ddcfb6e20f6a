/**
 * Reads JSON bodies more strictly than JSON.parse: well-formed UTF-8, bounded depth, no key twice in one object, and no
 * number that is not an integer from 0 to 2^53-1 as it is written. JSON.parse would round 9007199254740990.5 to an
 * amount nobody meant, and take the last of two amounts where whoever approved the body may have read the first.
 */
import { ApiError } from './errors.js';

const decoder = new TextDecoder('utf-8', { fatal: true });
const INTEGER = /^(?:0|[1-9]\d{0,15})$/;
const NUMBER_CHARACTERS = /[-+.\dA-Za-z]+/y;
const COLON = /[ \t\r\n]*:/y;

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
  assertPlain(text, maxDepth);
  try {
    return JSON.parse(text);
  } catch (error) {
    throw new ApiError('BAD_REQUEST', `the body is not JSON: ${(error as Error).message}`);
  }
}

/** One pass over the text, outside of its strings. What is no JSON at all passes: JSON.parse refuses it next. */
function assertPlain(text: string, maxDepth: number): void {
  /** Of each object or array that is open, the keys so far. */
  const open: Set<string>[] = [];
  for (let at = 0; at < text.length; at++) {
    const character = text[at] as string;
    if (character === '"') {
      const end = endOfString(text, at);
      COLON.lastIndex = end + 1;
      if (COLON.test(text)) addKey(text.slice(at, end + 1), open.at(-1));
      at = end;
    } else if (character === '[' || character === '{') {
      if (open.push(new Set()) > maxDepth)
        throw new ApiError('BAD_REQUEST', `the body is nested deeper than ${maxDepth}`);
    } else if (character === ']' || character === '}') open.pop();
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

/** @param quoted as it is written, escapes and all: there is more than one way to write a key */
function addKey(quoted: string, keys: Set<string> | undefined): void {
  let key: string;
  try {
    key = JSON.parse(quoted);
  } catch {
    return;
  }
  if (keys?.has(key)) {
    const shown = key.length > 40 ? `${key.slice(0, 40)}…` : key;
    throw new ApiError('BAD_REQUEST', `the body has the key ${JSON.stringify(shown)} twice in one object`);
  }
  keys?.add(key);
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
