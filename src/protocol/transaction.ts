/** Transactions: their bytes, ids and what is signed (section 3). Whether one may be applied is for the ledger. */
import { type Address, concat, fromHex, type Hash } from './bytes.js';
import { encode } from './encoding.js';
import { malformed, ProtocolError } from './errors.js';
import { Fields } from './fields.js';
import { sha256Hex, tag } from './hash.js';
import { addressOf, assertPublicKey, type SignatureCheck } from './keys.js';

export const TRANSFER = 0;

/** What a sender decides and signs. */
export interface Payload {
  readonly kind: typeof TRANSFER;
  readonly from: Address;
  readonly nonce: number;
  readonly to: Address;
  readonly amount: number;
  readonly fee: number;
  readonly data: Uint8Array | null;
  /** The sender's clock in milliseconds; informative. */
  readonly time: number;
  /** PKCS#1 DER, present exactly when the nonce is 0. */
  readonly publicKey: Uint8Array | null;
}

/** A decoded transaction: well-formed, with nothing else checked. Byte fields are views into `wire`. */
export interface Transaction extends Payload {
  readonly wire: Uint8Array;
  readonly payload: Uint8Array;
  readonly signature: Uint8Array;
  /** Of the payload: many wire forms share one id, as PSS is randomised. */
  readonly id: Hash;
  /** H(wire form): what a cache of checked signatures goes by. */
  readonly wireHash: Hash;
}

const TAG = tag('ccoin/txn');

export function encodePayload(payload: Payload): Uint8Array {
  return encode([
    payload.kind,
    fromHex(payload.from),
    payload.nonce,
    fromHex(payload.to),
    payload.amount,
    payload.fee,
    payload.data,
    payload.time,
    payload.publicKey,
  ]);
}

/** The bytes that a transaction's signature and id cover. */
export function signedTransactionBytes(payload: Uint8Array, genesisId: Uint8Array): Uint8Array {
  return concat(TAG, genesisId, payload);
}

export function encodeTransaction(payload: Uint8Array, signature: Uint8Array): Uint8Array {
  return encode([payload, signature]);
}

/**
 * @param wireHash H(wire form), where it is known already
 * @throws ProtocolError MALFORMED
 */
export function decodeTransaction(
  wire: Uint8Array,
  genesisId: Uint8Array,
  wireHash: Hash = sha256Hex(wire),
): Transaction {
  const outer = Fields.decode(wire, 2, 'transaction');
  const payload = outer.bytes('payload');
  const signature = outer.bytes('signature');
  const fields = Fields.decode(payload, 9, 'transaction payload');
  const kind = fields.integer('kind');
  if (kind !== TRANSFER) throw malformed(`transaction payload: kind ${kind} is not known in version 1`);
  return {
    kind,
    from: fields.address('from'),
    nonce: fields.integer('nonce'),
    to: fields.address('to'),
    amount: fields.integer('amount'),
    fee: fields.integer('fee'),
    data: fields.bytesOrNil('data'),
    time: fields.integer('time'),
    publicKey: fields.bytesOrNil('public_key'),
    wire,
    payload,
    signature,
    id: sha256Hex(signedTransactionBytes(payload, genesisId)),
    wireHash,
  };
}

/** The id alone, of a transaction that was decoded before. @throws ProtocolError MALFORMED */
export function transactionIdOf(wire: Uint8Array, genesisId: Uint8Array): Hash {
  const payload = Fields.decode(wire, 2, 'transaction').bytes('payload');
  return sha256Hex(signedTransactionBytes(payload, genesisId));
}

/**
 * Checks that the transaction carries its public key when it must, and only then (section 3).
 * @throws ProtocolError BAD_PUBLIC_KEY
 */
export function assertCarriedKey(transaction: Payload): void {
  const { nonce, publicKey, from } = transaction;
  if (nonce !== 0) {
    if (publicKey !== null)
      throw new ProtocolError('BAD_PUBLIC_KEY', `a public key although the nonce is ${nonce}`);
    return;
  }
  if (publicKey === null)
    throw new ProtocolError('BAD_PUBLIC_KEY', 'the nonce is 0 and the public key is missing');
  assertPublicKey(publicKey);
  if (addressOf(publicKey) !== from)
    throw new ProtocolError('BAD_PUBLIC_KEY', `the public key is not that of ${from}`);
}

export function transactionSignatureCheck(
  transaction: Transaction,
  publicKey: Uint8Array,
  genesisId: Uint8Array,
): SignatureCheck {
  return {
    publicKey,
    message: signedTransactionBytes(transaction.payload, genesisId),
    signature: transaction.signature,
  };
}

/**
 * The same transaction in bytes of its own, if its wire form is a small part of a larger buffer (a frame, a block)
 * that keeping it would keep as well.
 */
export function ownTransaction(transaction: Transaction): Transaction {
  const { wire } = transaction;
  if (wire.buffer.byteLength <= 2 * wire.length) return transaction;
  const own = new Uint8Array(wire);
  const inOwn = (view: Uint8Array): Uint8Array => {
    if (view.buffer !== wire.buffer) return new Uint8Array(view);
    const start = view.byteOffset - wire.byteOffset;
    return own.subarray(start, start + view.length);
  };
  return {
    ...transaction,
    wire: own,
    payload: inOwn(transaction.payload),
    signature: inOwn(transaction.signature),
    data: transaction.data && inOwn(transaction.data),
    publicKey: transaction.publicKey && inOwn(transaction.publicKey),
  };
}
