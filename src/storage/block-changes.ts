/**
 * What one block did to each account that it touched, as one record: the account afterwards, before, and which
 * transactions were from or to it. One record a block rather than one an account: writing, and dropping what is too old
 * to be kept, then cost one operation.
 *
 * ```
 * [transactions, previous block with any (0: none), addresses, ends, entries]
 * ```
 *
 * `addresses` are sorted and joined; `entries` are joined `enc([nonce, balance, stake, the six numbers of the
 * AccountRecord before (zeros if there was none), indices of its transactions])` in the same order; `ends` says of each,
 * in 4 bytes, where it ends. So one account is found without reading the others.
 */
import { type Address, fromHex, toHex } from '../protocol/bytes.js';
import { encode } from '../protocol/encoding.js';
import { malformed } from '../protocol/errors.js';
import { Fields } from '../protocol/fields.js';
import type { Account, AccountRecord } from '../protocol/state.js';

/** An account after a block that touched it. */
export interface AccountChange extends Account {
  /** Before the block; undefined if there was no such account. */
  readonly before: AccountRecord | undefined;
  /** Rising indices of the block's transactions from or to it. */
  readonly indices: readonly number[];
}

const ADDRESS_BYTES = 20;
const END_BYTES = 4;
const NONE: AccountRecord = { nonce: 0, balance: 0, stake: 0, touchedIn: 0, transactedIn: 0, touches: 0 };

export class BlockChanges {
  readonly transactionCount: number;
  /** The nearest block below that has transactions; 0 if there is none. */
  readonly previousTransacted: number;
  readonly #addresses: Buffer;
  readonly #ends: Buffer;
  readonly #entries: Uint8Array;

  /** @throws ProtocolError MALFORMED, also later, for entries that are not what `encodeChanges` writes */
  constructor(bytes: Uint8Array) {
    const fields = Fields.decode(bytes, 5, 'changes');
    this.transactionCount = fields.integer('transactions');
    this.previousTransacted = fields.integer('previous');
    this.#addresses = asBuffer(fields.bytes('addresses'));
    this.#ends = asBuffer(fields.bytes('ends'));
    this.#entries = fields.bytes('entries');
    if (
      this.#addresses.length !== this.accountCount * ADDRESS_BYTES ||
      this.#ends.length !== this.accountCount * END_BYTES
    ) {
      throw malformed('changes: the lengths of its parts do not agree');
    }
  }

  get accountCount(): number {
    return Math.floor(this.#addresses.length / ADDRESS_BYTES);
  }

  /** What the block did to the account; undefined if it did not touch it. */
  of(address: Address): AccountChange | undefined {
    const place = this.#placeOf(Buffer.from(address, 'hex'));
    return place === undefined ? undefined : this.#changeAt(place);
  }

  /** All of them, in address order. */
  *[Symbol.iterator](): Generator<readonly [Address, AccountChange]> {
    for (let place = 0; place < this.accountCount; place++) {
      yield [toHex(this.#addressAt(place)), this.#changeAt(place)];
    }
  }

  #placeOf(address: Buffer): number | undefined {
    let low = 0;
    let high = this.accountCount;
    while (low < high) {
      const middle = (low + high) >>> 1;
      const order = address.compare(this.#addressAt(middle));
      if (order === 0) return middle;
      if (order < 0) high = middle;
      else low = middle + 1;
    }
    return undefined;
  }

  #addressAt(place: number): Buffer {
    return this.#addresses.subarray(place * ADDRESS_BYTES, (place + 1) * ADDRESS_BYTES);
  }

  #changeAt(place: number): AccountChange {
    const from = place === 0 ? 0 : this.#ends.readUInt32BE((place - 1) * END_BYTES);
    const to = this.#ends.readUInt32BE(place * END_BYTES);
    const fields = Fields.decode(this.#entries.subarray(from, to), 10, 'change');
    const { nonce, balance, stake } = readAccount(fields);
    const before = readRecord(fields);
    const indices = fields.array('indices').map((index) => Fields.of([index], 1, 'change').integer('index'));
    return { nonce, balance, stake, before: before.touches === 0 ? undefined : before, indices };
  }
}

/** The account's record after block `number`, which did this to it. */
export function recordAfter(number: number, change: AccountChange): AccountRecord {
  const { nonce, balance, stake, before, indices } = change;
  return {
    nonce,
    balance,
    stake,
    touchedIn: number,
    transactedIn: indices.length > 0 ? number : (before?.transactedIn ?? 0),
    touches: (before?.touches ?? 0) + 1,
  };
}

/** @param changes of sorted addresses */
export function encodeChanges(
  transactionCount: number,
  previousTransacted: number,
  changes: ReadonlyMap<Address, AccountChange>,
): Uint8Array {
  const ends = Buffer.allocUnsafe(changes.size * END_BYTES);
  const entries: Uint8Array[] = [];
  let end = 0;
  for (const { nonce, balance, stake, before, indices } of changes.values()) {
    const entry = encode([nonce, balance, stake, ...numbersOf(before ?? NONE), indices]);
    end += entry.length;
    ends.writeUInt32BE(end, entries.length * END_BYTES);
    entries.push(entry);
  }
  const addresses = fromHex([...changes.keys()].join(''));
  return encode([transactionCount, previousTransacted, addresses, ends, Buffer.concat(entries, end)]);
}

/** An AccountRecord as the value of its key. */
export function encodeRecord(record: AccountRecord): Uint8Array {
  return encode(numbersOf(record));
}

/** @throws ProtocolError MALFORMED */
export function decodeRecord(bytes: Uint8Array): AccountRecord {
  return readRecord(Fields.decode(bytes, 6, 'account'));
}

function numbersOf({ nonce, balance, stake, touchedIn, transactedIn, touches }: AccountRecord): number[] {
  return [nonce, balance, stake, touchedIn, transactedIn, touches];
}

/** Not by spreading the account: with properties added behind it, that takes V8 100 times as long. */
function readRecord(fields: Fields): AccountRecord {
  const { nonce, balance, stake } = readAccount(fields);
  return {
    nonce,
    balance,
    stake,
    touchedIn: fields.integer('touched in'),
    transactedIn: fields.integer('transacted in'),
    touches: fields.integer('touches'),
  };
}

function readAccount(fields: Fields): Account {
  return {
    nonce: fields.integer('nonce'),
    balance: fields.integer('balance'),
    stake: fields.integer('stake'),
  };
}

function asBuffer(bytes: Uint8Array): Buffer {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}
