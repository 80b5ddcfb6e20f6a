/**
 * The key space of the chain's database: a prefix byte, then fields of fixed length, numbers big-endian, so that the
 * order of keys is the order of addresses and blocks. Values are `enc(…)` of the protocol where no other form is
 * given; tables.ts and block-changes.ts read and write them. A change here needs a new format number (format.ts).
 *
 * | prefix | key                                 | value                                                          |
 * | ------ | ----------------------------------- | -------------------------------------------------------------- |
 * | 00     | 00                                  | format number; 0 while a snapshot is being taken: no chain yet |
 * | 00     | 01                                  | genesis id                                                     |
 * | 00     | 02                                  | head: [number, id, time in ms, supply]                         |
 * | 00     | 03                                  | base: [number, lowest header, newest block up to it with       |
 * |        |                                     | transactions]; absent if all is kept                           |
 * | 01     | number:4                            | [sealed header, certificate wire form or nil in genesis]       |
 * | 02     | number:4                            | the rest of the block's wire form: its transactions, as it is  |
 * | 03     | block id:32                         | number                                                         |
 * | 04     | transaction id:32                   | [number of its block, index in it]                             |
 * | 05     | address:20                          | account now: [nonce, balance, stake, last block that touched   |
 * |        |                                     | it, last block with a transaction of it (0: none), how many    |
 * |        |                                     | blocks touched it]                                             |
 * | 06     | number:4                            | what the block did to each account it touched: see             |
 * |        |                                     | block-changes.ts                                               |
 * | 07     | address:20                          | public key, PKCS#1 DER as it is                                |
 * | 08     | address:20 height:4 round:4 type:1  | evidence: [found at ms, message, other message]                |
 * | 09     | address:20 number:4                 | nil: a milestone, every so many blocks that touched an account |
 *
 * The two block numbers in 05 link an account's history backwards through the records in 06: lists of an account's
 * transactions follow them without passing over blocks that merely paid it a reward, and an entry that is missing is
 * noticed. Milestones are where to enter that history, so that the past of a busy account is found in a few steps.
 *
 * Of the blocks above genesis up to the base there is no record in 02, 04, 06 and 09, and none in 01 and 03 below the
 * lowest header.
 */
import type { Address, Hash } from '../protocol/bytes.js';
import { MAX_HEIGHT } from '../protocol/fields.js';

export const META = 0x00;
export const HEADER = 0x01;
export const BODY = 0x02;
export const BLOCK_ID = 0x03;
export const TRANSACTION = 0x04;
export const ACCOUNT = 0x05;
export const CHANGES = 0x06;
export const PUBLIC_KEY = 0x07;
export const EVIDENCE = 0x08;
export const MILESTONE = 0x09;

export const FORMAT_KEY = Uint8Array.of(META, 0x00);
export const GENESIS_ID_KEY = Uint8Array.of(META, 0x01);
export const HEAD_KEY = Uint8Array.of(META, 0x02);
export const BASE_KEY = Uint8Array.of(META, 0x03);

/** Bounds of a range: `from` inclusive, `to` exclusive. */
export interface Bounds {
  readonly from: Uint8Array;
  readonly to: Uint8Array;
}

export const EVERYTHING: Bounds = { from: Uint8Array.of(0x00), to: Uint8Array.of(0xff) };
export const HEADERS = table(HEADER);
export const BODIES = table(BODY);
export const EVIDENCES = table(EVIDENCE);
/** Where there is no table (yet). */
export const NO_TABLE: Bounds = { from: Uint8Array.of(MILESTONE + 1), to: EVERYTHING.to };

export const headerKey = (number: number) => numberKey(HEADER, number);
export const bodyKey = (number: number) => numberKey(BODY, number);
export const changesKey = (number: number) => numberKey(CHANGES, number);
export const blockIdKey = (id: Hash) => hexKey(BLOCK_ID, id);
export const transactionKey = (id: Hash) => hexKey(TRANSACTION, id);
export const accountKey = (address: Address) => hexKey(ACCOUNT, address);
export const publicKeyKey = (address: Address) => hexKey(PUBLIC_KEY, address);

export function milestoneKey(address: Address, number: number): Uint8Array {
  return hexKey(MILESTONE, address, number);
}

export function evidenceKey(authority: Address, height: number, round: number, type: number): Uint8Array {
  const key = Buffer.alloc(30);
  key.set(hexKey(EVIDENCE, authority, height, round));
  key[29] = type;
  return key;
}

/** Every account, or those behind `after`. */
export function accountsBehind(after: Address | undefined): Bounds {
  const from =
    after === undefined ? Uint8Array.of(ACCOUNT) : Buffer.concat([accountKey(after), Uint8Array.of(0)]);
  return { from, to: Uint8Array.of(ACCOUNT + 1) };
}

/** The milestones of an account behind block `number`. */
export function milestonesBehind(address: Address, number: number): Bounds {
  return { from: milestoneKey(address, number + 1), to: milestoneKey(address, MAX_HEIGHT + 1) };
}

export function evidenceOf(authority: Address): Bounds {
  const to = evidenceKey(authority, MAX_HEIGHT + 1, 0, 0);
  return { from: evidenceKey(authority, 0, 0, 0), to };
}

/** The address behind the prefix. */
export function addressIn(key: Uint8Array): Address {
  return Buffer.from(key.buffer, key.byteOffset + 1, 20).toString('hex');
}

/** The big-endian number at `at`. */
export function numberIn(key: Uint8Array, at: number): number {
  return Buffer.from(key.buffer, key.byteOffset, key.byteLength).readUInt32BE(at);
}

/** All entries with that prefix. */
export function table(prefix: number): Bounds {
  return { from: Uint8Array.of(prefix), to: Uint8Array.of(prefix + 1) };
}

function numberKey(prefix: number, number: number): Uint8Array {
  const key = Buffer.allocUnsafe(5);
  key[0] = prefix;
  key.writeUInt32BE(number, 1);
  return key;
}

function hexKey(prefix: number, hex: string, ...numbers: number[]): Uint8Array {
  const hexBytes = hex.length / 2;
  const key = Buffer.allocUnsafe(1 + hexBytes + 4 * numbers.length);
  key[0] = prefix;
  if (key.write(hex, 1, 'hex') !== hexBytes) throw new TypeError(`not hexadecimal: ${hex}`);
  for (const [i, number] of numbers.entries()) key.writeUInt32BE(number, 1 + hexBytes + 4 * i);
  return key;
}
