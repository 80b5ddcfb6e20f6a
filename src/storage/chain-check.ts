/**
 * What is looked at when a chain's database is opened. A block is one atomic batch, so either all of its records are
 * there or the disk is damaged; and a log damaged in the middle may lose a block between two that are there.
 * The accounts as a whole are checked by the node, which rebuilds the state tree from them.
 */
import type { Store } from '../ports/store.js';
import { type Block, decodeBlock, GENESIS_NUMBER } from '../protocol/block.js';
import { fromHex, type Hash } from '../protocol/bytes.js';
import { decodeCertificate } from '../protocol/certificate.js';
import { StorageError } from './errors.js';
import { BLOCKS, numberIn } from './keys.js';
import { WRITE_BUFFER_BYTES } from './level-store.js';
import {
  type BlockSummary,
  type ChainTables,
  chainDamaged,
  type Head,
  historyName,
  missing,
  parsed,
  present,
} from './tables.js';

/** More than LevelDB's two logs can hold, each of them one batch above its buffer: further down lie only tables. */
const LOGGED_BYTES = 3 * WRITE_BUFFER_BYTES;

export interface CheckedHead {
  readonly genesisId: Hash;
  readonly head: Head;
  readonly block: Block;
  readonly summary: BlockSummary;
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
  const checked = checkHead(tables, genesisId);
  await checkNoneMissing(store, checked.head.number);
  return checked;
}

/** Every record of the head's batch, against the block itself. */
function checkHead(tables: ChainTables, genesisId: Hash): CheckedHead {
  const head = present(tables.head(), 'the head');
  const { number } = head;
  const what = `block ${number}`;
  const stored = present(tables.block(number), what);
  const block = parsed(what, stored.block, (bytes) => decodeBlock(bytes, fromHex(genesisId)));
  if (block.id !== head.id || block.header.number !== number || block.header.time !== head.timeMs) {
    throw chainDamaged(`the head is not ${what}`);
  }
  if (number === GENESIS_NUMBER) {
    if (block.id !== genesisId) throw chainDamaged('the genesis block is not the genesis id');
  } else if (stored.certificate === null) throw missing(`the certificate of ${what}`);
  else parsed(`the certificate of ${what}`, stored.certificate, decodeCertificate);
  if (tables.blockNumber(genesisId) !== GENESIS_NUMBER) throw missing('the index of the genesis block');
  if (tables.blockNumber(block.id) !== number) throw missing(`the index of ${what}`);

  const summary = present(tables.summary(number), `the summary of ${what}`);
  if (summary.transactionCount !== block.transactions.length) {
    throw chainDamaged(`the summary of ${what} does not fit it`);
  }
  block.transactions.forEach(({ id }, index) => {
    const place = tables.place(id);
    if (place?.blockNumber !== number || place.index !== index) {
      throw missing(`the index of transaction ${id}`);
    }
  });
  for (const address of summary.touched) {
    const account = present(tables.account(address), `account ${address}`);
    const { nonce, balance, stake } = present(tables.history(address, number), historyName(address, number));
    if (
      account.touchedIn !== number ||
      account.nonce !== nonce ||
      account.balance !== balance ||
      account.stake !== stake
    ) {
      throw chainDamaged(`account ${address} is not as ${what} left it`);
    }
  }
  return { genesisId, head, block, summary };
}

async function checkNoneMissing(store: Store, head: number): Promise<void> {
  let expected = head;
  let bytes = 0;
  for await (const [key, value] of store.entries({ ...BLOCKS, reverse: true })) {
    const number = numberIn(key, 1);
    if (number > head) throw chainDamaged(`there is a block ${number} above the head ${head}`);
    if (number !== expected) throw missing(`block ${expected}`);
    expected--;
    bytes += value.length;
    if (bytes > LOGGED_BYTES) return;
  }
  if (expected >= GENESIS_NUMBER) throw missing(`block ${expected}`);
}
