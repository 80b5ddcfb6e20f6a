/**
 * What is looked at when a chain's database is opened. A block is one atomic batch, so either all of its records are
 * there or the disk is damaged; and a log damaged in the middle may lose a block between two that are there.
 * The accounts are held against the head's state root when the state tree is built from them.
 */
import type { Store } from '../ports/store.js';
import { decodeBlock, GENESIS_NUMBER } from '../protocol/block.js';
import { fromHex, type Hash } from '../protocol/bytes.js';
import { decodeCertificate } from '../protocol/certificate.js';
import { decodeSealedHeader, type SealedHeader } from '../protocol/sealed-header.js';
import type { BlockChanges } from './block-changes.js';
import { StorageError } from './errors.js';
import { BODIES, HEADERS, numberIn } from './keys.js';
import { WRITE_BUFFER_BYTES } from './level-store.js';
import {
  type Base,
  type ChainTables,
  chainDamaged,
  changesName,
  decodeHeaderBytes,
  type Head,
  missing,
  parsed,
  present,
} from './tables.js';

/** More than LevelDB's two logs can hold, each of them one batch above its buffer: further down lie only tables. */
const LOGGED_BYTES = 3 * WRITE_BUFFER_BYTES;

export interface CheckedHead {
  readonly genesisId: Hash;
  readonly base: Base;
  readonly head: Head;
  readonly block: SealedHeader;
  /** What the head did; undefined if it is the base. */
  readonly changes: BlockChanges | undefined;
}

/** @throws StorageError OTHER_GENESIS, DAMAGED */
export async function checkChain(
  store: Store,
  tables: ChainTables,
  wanted: Hash | undefined,
): Promise<CheckedHead> {
  const genesisId = present(tables.genesisId(), 'the genesis id');
  if (wanted !== undefined && wanted !== genesisId) {
    const message = `the chain database belongs to the network of genesis ${genesisId}, not to that of ${wanted}`;
    throw new StorageError('OTHER_GENESIS', message);
  }
  const base = tables.base();
  const head = present(tables.head(), 'the head');
  if (base.number > head.number)
    throw chainDamaged(`the head is block ${head.number}, below the base ${base.number}`);
  const block = checkHead(tables, genesisId, head);
  const changes = head.number === base.number ? undefined : checkRecords(tables, genesisId, block);
  await checkNoneMissing(store, head.number, base);
  return { genesisId, base, head, block, changes };
}

function checkHead(tables: ChainTables, genesisId: Hash, head: Head): SealedHeader {
  const { number } = head;
  const what = `block ${number}`;
  const stored = present(tables.header(number), what);
  const block = parsed(what, stored.sealedHeader, decodeSealedHeader);
  if (block.id !== head.id || block.header.number !== number || block.header.time !== head.timeMs) {
    throw chainDamaged(`the head is not ${what}`);
  }
  if (number === GENESIS_NUMBER) {
    if (block.id !== genesisId) throw chainDamaged('the genesis block is not the genesis id');
  } else if (stored.certificate === null) throw missing(`the certificate of ${what}`);
  else parsed(`the certificate of ${what}`, stored.certificate, decodeCertificate);
  if (tables.blockNumber(genesisId) !== GENESIS_NUMBER) throw missing('the index of the genesis block');
  if (tables.blockNumber(block.id) !== number) throw missing(`the index of ${what}`);
  return block;
}

/** Every other record of the head's batch, against the block itself. */
function checkRecords(
  tables: ChainTables,
  genesisId: Hash,
  { header: { number } }: SealedHeader,
): BlockChanges {
  const what = `block ${number}`;
  const stored = present(tables.block(number), what);
  const { transactions } = parsed(what, stored.block, (bytes) => decodeBlock(bytes, fromHex(genesisId)));
  const changes = present(tables.changes(number), changesName(number));
  if (changes.transactionCount !== transactions.length) {
    throw chainDamaged(`${changesName(number)} does not fit it`);
  }
  transactions.forEach(({ id }, index) => {
    const place = tables.place(id);
    if (place?.blockNumber !== number || place.index !== index) {
      throw missing(`the index of transaction ${id}`);
    }
  });
  for (const [address, { nonce, balance, stake }] of changes) {
    const account = present(tables.account(address), `account ${address}`);
    if (
      account.touchedIn !== number ||
      account.nonce !== nonce ||
      account.balance !== balance ||
      account.stake !== stake
    ) {
      throw chainDamaged(`account ${address} is not as ${what} left it`);
    }
  }
  return changes;
}

/**
 * No block between two that are there, as far back as its records may have been in the log. Headers and bodies are read
 * side by side, in pieces: one by one they would take longer, and fill LevelDB's cache.
 */
async function checkNoneMissing(store: Store, head: number, base: Base): Promise<void> {
  const headers = store.entries({ ...HEADERS, reverse: true })[Symbol.asyncIterator]();
  try {
    let header = await headers.next();
    const assertNotAbove = (number: number): void => {
      if (number > head) throw chainDamaged(`there is a block ${number} above the head ${head}`);
    };
    if (header.done !== true) assertNotAbove(numberIn(header.value[0], 1));
    const lowest = Math.max(base.number, GENESIS_NUMBER - 1);
    let expected = head;
    let bytes = 0;
    for await (const [key, value] of store.entries({ ...BODIES, reverse: true })) {
      if (expected === lowest) return;
      const number = numberIn(key, 1);
      assertNotAbove(number);
      const what = `block ${expected}`;
      if (number !== expected || header.done === true || numberIn(header.value[0], 1) !== expected)
        throw missing(what);
      parsed(what, header.value[1], decodeHeaderBytes);
      header = await headers.next();
      expected--;
      bytes += value.length;
      if (bytes > LOGGED_BYTES) return;
    }
    if (expected > lowest) throw missing(`block ${expected}`);
  } finally {
    await headers.return?.();
  }
}
