/** The records of the chain's database in words, for whoever is told that one of them is wrong. */
import { equalBytes, toHex } from '../protocol/bytes.js';
import { decode } from '../protocol/encoding.js';
import { BlockChanges, decodeRecord } from './block-changes.js';
import {
  ACCOUNT,
  addressIn,
  BLOCK_ID,
  BODY,
  CHANGES,
  EVIDENCE,
  GENESIS_ID_KEY,
  HEADER,
  META,
  MILESTONE,
  numberIn,
  PUBLIC_KEY,
  TRANSACTION,
} from './keys.js';
import { changesName } from './tables.js';

/** Longer texts are cut to this, around the place where they differ. */
const SHOWN_LENGTH = 240;
const SHOWN_BEFORE = 60;

interface Kind {
  readonly keyBytes: number;
  name(key: Uint8Array): string;
}

const META_NAMES = ['the format number', 'the genesis id', 'the head record', 'the base record'];

const KINDS: ReadonlyMap<number, Kind> = new Map([
  [META, { keyBytes: 2, name: (key) => META_NAMES[key[1] ?? -1] ?? entryName(key) }],
  [HEADER, { keyBytes: 5, name: (key) => `block ${numberIn(key, 1)}` }],
  [BODY, { keyBytes: 5, name: (key) => `the body of block ${numberIn(key, 1)}` }],
  [BLOCK_ID, { keyBytes: 33, name: (key) => `the index of block id ${toHex(key.subarray(1))}` }],
  [TRANSACTION, { keyBytes: 33, name: (key) => `the index of transaction ${toHex(key.subarray(1))}` }],
  [ACCOUNT, { keyBytes: 21, name: (key) => `account ${addressIn(key)}` }],
  [CHANGES, { keyBytes: 5, name: (key) => changesName(numberIn(key, 1)) }],
  [PUBLIC_KEY, { keyBytes: 21, name: (key) => `the public key of ${addressIn(key)}` }],
  [EVIDENCE, { keyBytes: 30, name: (key) => `a piece of evidence against ${addressIn(key)}` }],
  [
    MILESTONE,
    { keyBytes: 25, name: (key) => `the milestone of ${addressIn(key)} at block ${numberIn(key, 21)}` },
  ],
]);

/** Whether the key has the form of its table's keys. */
export function isWellFormed(key: Uint8Array): boolean {
  return KINDS.get(key[0] ?? -1)?.keyBytes === key.length;
}

/** Such as "the history of 4b7d… in block 7". */
export function nameOfRecord(key: Uint8Array): string {
  return isWellFormed(key) ? (KINDS.get(key[0] ?? -1)?.name(key) ?? entryName(key)) : entryName(key);
}

/** What a record should be and what it is; undefined where there is none. */
export function contrast(
  key: Uint8Array,
  expected: Uint8Array | undefined,
  found: Uint8Array | undefined,
): string {
  const texts = [expected, found].map((value) => (value === undefined ? 'nothing' : textOf(key, value)));
  const [one = '', other = ''] = texts;
  const differs = [...one].findIndex((character, at) => character !== other[at]);
  const [expectedText, foundText] = texts.map((text) => cut(text, Math.max(0, differs)));
  return `${nameOfRecord(key)}: expected ${expectedText}, found ${foundText}`;
}

function textOf(key: Uint8Array, value: Uint8Array): string {
  try {
    if (key[0] === PUBLIC_KEY || equalBytes(key, GENESIS_ID_KEY)) return toHex(value);
    if (key[0] === ACCOUNT) return JSON.stringify(decodeRecord(value));
    if (key[0] === CHANGES) return textOfChanges(value);
    return JSON.stringify(decode(value), (_, part) => (part instanceof Uint8Array ? toHex(part) : part));
  } catch {
    return `the bytes ${toHex(value)}`;
  }
}

function textOfChanges(value: Uint8Array): string {
  const changes = new BlockChanges(value);
  return JSON.stringify([changes.transactionCount, changes.previousTransacted, Object.fromEntries(changes)]);
}

function cut(text: string, differs: number): string {
  if (text.length <= SHOWN_LENGTH) return text;
  const from = Math.max(0, differs - SHOWN_BEFORE);
  const to = from + SHOWN_LENGTH;
  return `${from > 0 ? '…' : ''}${text.slice(from, to)}${to < text.length ? '…' : ''}`;
}

function entryName(key: Uint8Array): string {
  return `the entry ${toHex(key)}`;
}
