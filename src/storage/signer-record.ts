/**
 * The signer's record: what one key signed on one network, and what that rested on (PROTOCOL section 8, "Own word
 * kept"). It lives in a store of its own, outlives a reset of the chain, and is never part of a backup: two copies of it
 * are two nodes that sign different things.
 */
import type { KeyRange, Store, StoreOperation } from '../ports/store.js';
import { fromHex, type Hash } from '../protocol/bytes.js';
import { encode, type Value } from '../protocol/encoding.js';
import { ProtocolError } from '../protocol/errors.js';
import { Fields } from '../protocol/fields.js';
import { StorageError } from './errors.js';

/** A stored message: 0 a proposal, 1 a prevote, 2 a precommit, with its wire form. */
export interface StoredMessage {
  readonly kind: number;
  readonly wire: Uint8Array;
}

export interface StoredSignerState {
  readonly height: number;
  /** The highest slot signed at that height. */
  readonly slot: number;
  readonly locked: { readonly round: number; readonly blockId: Hash } | null;
  readonly valid: { readonly round: number; readonly blockId: Hash } | null;
}

const STATE_KEY = Uint8Array.of(1);
const MESSAGE_PREFIX = 2;
/** There while the record may be an older one than was written. */
const DOUBT_KEY = Uint8Array.of(3);
const RECORD_VERSION = 1;
/** All of its store: no key is as long as the upper bound. */
export const WHOLE_RECORD: KeyRange = { from: new Uint8Array(0), to: new Uint8Array(16).fill(0xff) };

export class SignerRecordStore {
  readonly #store: Store;
  #state: StoredSignerState | null;
  /** How many messages of the state's height are stored. */
  #count: number;
  #doubtful: boolean;

  private constructor(store: Store, state: StoredSignerState | null, count: number) {
    this.#store = store;
    this.#state = state;
    this.#count = count;
    this.#doubtful = store.get(DOUBT_KEY) !== undefined;
  }

  /**
   * Notes that the database lost the end of its log: the record is an earlier one, and looks sound. To be noted before
   * anything else, as the next opening finds a whole log.
   */
  static distrust(store: Store): Promise<void> {
    return store.write([{ key: DOUBT_KEY, value: new Uint8Array(0) }], { sync: true });
  }

  /** @throws StorageError DAMAGED, NEWER_FORMAT: nothing may be signed then */
  static open(store: Store): SignerRecordStore {
    const bytes = readable('its state', () => store.get(STATE_KEY));
    if (bytes === undefined) return new SignerRecordStore(store, null, 0);
    const { state, count } = readable('its state', () => decodeState(bytes));
    return new SignerRecordStore(store, state, count);
  }

  /**
   * A flipped bit in its key hides the state: a store in which anything was written is not one of a key that never signed.
   * @throws StorageError DAMAGED
   */
  async assertWhole(): Promise<void> {
    if (this.#state !== null || this.#doubtful) return;
    let written = false;
    try {
      for await (const _ of this.#store.entries({ ...WHOLE_RECORD, limit: 1 })) written = true;
    } catch (error) {
      throw damageOf('its state', error);
    }
    if (written) throw recordDamaged('its state is missing');
  }

  /** Whether more may have been signed at the record's height, or at the next ones, than it knows. */
  get doubtful(): boolean {
    return this.#doubtful;
  }

  /** Null if this key never signed anything on this network through this record. */
  get state(): StoredSignerState | null {
    return this.#state;
  }

  /** The messages stored for the state's height, in the order in which they were counted. */
  messages(): StoredMessage[] {
    const messages: StoredMessage[] = [];
    const height = this.#state?.height ?? 0;
    for (let index = 0; index < this.#count; index++) {
      const what = `message ${index} of height ${height}`;
      const bytes = readable(what, () => this.#store.get(messageKey(height, index)));
      if (bytes === undefined) throw recordDamaged(`${what} is missing`);
      messages.push(readable(what, () => decodeMessage(bytes)));
    }
    return messages;
  }

  /** One synced batch: the state and further messages; those of lower heights go. Resolves when it is on the disk. */
  async persist(state: StoredSignerState, messages: readonly StoredMessage[]): Promise<void> {
    const operations: StoreOperation[] = [];
    const previous = this.#state;
    let count = this.#count;
    if (
      previous !== null &&
      (state.height < previous.height || (state.height === previous.height && state.slot < previous.slot))
    ) {
      throw new Error(`the signer's record would go back from height ${previous.height} to ${state.height}`);
    }
    if (previous !== null && state.height > previous.height) {
      for (let index = 0; index < count; index++)
        operations.push({ key: messageKey(previous.height, index), value: null });
      count = 0;
    }
    for (const { kind, wire } of messages) {
      operations.push({ key: messageKey(state.height, count++), value: encode([kind, wire]) });
    }
    operations.push({ key: STATE_KEY, value: encodeState(state, count) });
    // What is signed now is above all that could have been forgotten: see SigningPermission.
    if (this.#doubtful) operations.push({ key: DOUBT_KEY, value: null });
    this.#doubtful = false;
    // Moved before the write: what is being written must not be contradicted by a call that comes meanwhile.
    this.#state = state;
    this.#count = count;
    await this.#store.write(operations, { sync: true });
  }
}

function messageKey(height: number, index: number): Uint8Array {
  const key = new Uint8Array(9);
  key[0] = MESSAGE_PREFIX;
  const view = new DataView(key.buffer);
  view.setUint32(1, height);
  view.setUint32(5, index);
  return key;
}

function encodeState({ height, slot, locked, valid }: StoredSignerState, count: number): Uint8Array {
  return encode([
    RECORD_VERSION,
    height,
    slot,
    locked === null ? null : [locked.round, fromHex(locked.blockId)],
    valid === null ? null : [valid.round, fromHex(valid.blockId)],
    count,
  ]);
}

function decodeState(bytes: Uint8Array): { state: StoredSignerState; count: number } {
  const fields = Fields.decode(bytes, 6, "signer's record");
  const version = fields.integer('version');
  if (version !== RECORD_VERSION) {
    const message = `the signer's record has format ${version}, not ${RECORD_VERSION}: use a newer ccoin`;
    throw new StorageError('NEWER_FORMAT', message);
  }
  const height = fields.integer('height');
  const slot = fields.integer('slot');
  const locked = decodeQuorate(fields.arrayOrNil('locked'));
  const valid = decodeQuorate(fields.arrayOrNil('valid'));
  return { state: { height, slot, locked, valid }, count: fields.integer('count') };
}

function decodeMessage(bytes: Uint8Array): StoredMessage {
  const fields = Fields.decode(bytes, 2, 'stored message');
  return { kind: fields.integer('kind', 2), wire: fields.bytes('wire') };
}

function readable<T>(what: string, read: () => T): T {
  try {
    return read();
  } catch (error) {
    throw damageOf(what, error);
  }
}

function damageOf(what: string, error: unknown): unknown {
  if (error instanceof ProtocolError)
    return recordDamaged(`${what} is not readable (${error.message})`, error);
  return asRecordError(error);
}

/** What a store says of damage is advice for a chain, which would make of a record one that forgot. */
export function asRecordError(error: unknown): unknown {
  if (error instanceof StorageError && error.code === 'DAMAGED') return recordDamaged(error.why, error);
  return error;
}

/** Not what is said of a chain: a record is neither restored from an old copy nor synced from peers. */
export function recordDamaged(why: string, cause?: unknown): StorageError {
  const message = `the signer's record is damaged: ${why}; see "A lost signer's record" in docs/operations.md`;
  return new StorageError('DAMAGED', message, { cause, why });
}

function decodeQuorate(value: readonly Value[] | null): { round: number; blockId: Hash } | null {
  if (value === null) return null;
  const fields = Fields.of(value, 2, 'locked or valid block');
  return { round: fields.integer('round'), blockId: fields.hash('block id') };
}
