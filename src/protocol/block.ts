/** Blocks: their bytes, proof of work and seal (section 5). Whether one is valid on a parent is for the ledger. */
import { type Address, concat, fromHex, type Hash, utf8 } from './bytes.js';
import { encode } from './encoding.js';
import { malformed } from './errors.js';
import { Fields, MAX_HEIGHT } from './fields.js';
import { sha256Hex, tag } from './hash.js';
import type { SignatureCheck } from './keys.js';
import { transactionsRoot } from './merkle.js';
import { blockIdOf } from './proof-of-work.js';
import { decodeTransaction, type Transaction } from './transaction.js';

export const PROTOCOL_VERSION = 1;
export const MAX_BLOCK_BYTES = 2_000_000;
export const MAX_BLOCK_DATA_BYTES = 4_096;
/** How far ahead of our clock a fresh proposal's time may be. */
export const MAX_CLOCK_AHEAD_MS = 15_000;
export const GENESIS_NUMBER = 1;

export interface Header {
  readonly number: number;
  readonly time: number;
  readonly hashParent: Hash;
  readonly hashState: Hash;
  readonly hashTxns: Hash;
  readonly hashAuthorities: Hash;
  readonly coinbase: Address;
  readonly reward: number;
  readonly difficulty: number;
  readonly data: Uint8Array | null;
}

/** A decoded block: well-formed, with nothing else checked. */
export interface Block {
  readonly wire: Uint8Array;
  readonly header: Header;
  readonly miningHash: Hash;
  readonly nonce: number;
  /** Nil in genesis only. */
  readonly signature: Uint8Array | null;
  readonly transactions: readonly Transaction[];
  /** Also the proof of work: hash of nonce and mining hash. */
  readonly id: Hash;
}

const HEADER_TAG = tag('ccoin/blk');
const SEAL_TAG = tag('ccoin/seal');

export function encodeHeader(header: Header): Uint8Array {
  return encode([
    PROTOCOL_VERSION,
    header.number,
    header.time,
    fromHex(header.hashParent),
    fromHex(header.hashState),
    fromHex(header.hashTxns),
    fromHex(header.hashAuthorities),
    fromHex(header.coinbase),
    header.reward,
    header.difficulty,
    header.data,
  ]);
}

export function miningHashOf(header: Header): Hash {
  return miningHashOfBytes(encodeHeader(header));
}

/** As `miningHashOf`, of a header as it came. */
export function miningHashOfBytes(header: Uint8Array): Hash {
  return sha256Hex(concat(HEADER_TAG, header));
}

/** The bytes that the coinbase's key signs. */
export function sealBytes(id: Hash, genesisId: Uint8Array): Uint8Array {
  return concat(SEAL_TAG, genesisId, fromHex(id));
}

export function sealCheck(block: Block, publicKey: Uint8Array, genesisId: Uint8Array): SignatureCheck {
  return { publicKey, message: sealBytes(block.id, genesisId), signature: block.signature ?? utf8('') };
}

/** Puts a mined and sealed block together from parts that are ours, so nothing is decoded again. */
export function assembleBlock(
  header: Header,
  nonce: number,
  signature: Uint8Array | null,
  transactions: readonly Transaction[],
): Block {
  const miningHash = miningHashOf(header);
  const wire = encode([
    encodeHeader(header),
    nonce,
    signature,
    transactions.map((transaction) => transaction.wire),
  ]);
  return { wire, header, miningHash, nonce, signature, transactions, id: blockIdOf(nonce, miningHash) };
}

/** The transaction of this H(wire form), if it was decoded before: the same bytes are the same transaction. */
export type DecodedBefore = (wireHash: Hash) => Transaction | undefined;

/**
 * @param decodedBefore spares decoding, and keeping, again what is at hand
 * @throws ProtocolError MALFORMED
 */
export function decodeBlock(
  wire: Uint8Array,
  genesisId: Uint8Array,
  decodedBefore: DecodedBefore = () => undefined,
): Block {
  if (wire.length > MAX_BLOCK_BYTES)
    throw malformed(`a block of ${wire.length} bytes, over ${MAX_BLOCK_BYTES}`);
  const fields = Fields.decode(wire, 4, 'block');
  const headerBytes = fields.bytes('header');
  const nonce = fields.integer('nonce');
  const signature = fields.bytesOrNil('signature');
  const transactions = fields.array('transactions').map((bytes) => {
    if (!(bytes instanceof Uint8Array)) throw malformed('block: a transaction is not a byte string');
    const wireHash = sha256Hex(bytes);
    return decodedBefore(wireHash) ?? decodeTransaction(bytes, genesisId, wireHash);
  });
  const miningHash = miningHashOfBytes(headerBytes);
  return {
    wire,
    header: decodeHeader(headerBytes),
    miningHash,
    nonce,
    signature,
    transactions,
    id: blockIdOf(nonce, miningHash),
  };
}

export function decodeHeader(bytes: Uint8Array): Header {
  const fields = Fields.decode(bytes, 11, 'block header');
  const version = fields.integer('version');
  if (version !== PROTOCOL_VERSION) throw malformed(`block header: protocol version ${version} is not known`);
  return {
    number: fields.integer('number', MAX_HEIGHT),
    time: fields.integer('time'),
    hashParent: fields.hash('hash_parent'),
    hashState: fields.hash('hash_state'),
    hashTxns: fields.hash('hash_txns'),
    hashAuthorities: fields.hash('hash_authorities'),
    coinbase: fields.address('coinbase'),
    reward: fields.integer('reward'),
    difficulty: fields.integer('difficulty'),
    data: fields.bytesOrNil('data'),
  };
}

/** Of lists whose root is known: a proposal's is asked for when it is heard and when its block is checked. */
const roots = new WeakMap<readonly Transaction[], Hash>();

export function hashTxnsOf(transactions: readonly Transaction[]): Hash {
  let root = roots.get(transactions);
  if (root === undefined) {
    root = transactionsRoot(transactions.map((transaction) => transaction.wire));
    roots.set(transactions, root);
  }
  return root;
}
