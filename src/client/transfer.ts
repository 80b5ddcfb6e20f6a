/** Transfers built and signed where the key is: nothing but the wire form needs to leave the machine. */
import { createPublicKey, type KeyObject } from 'node:crypto';
import { type Address, fromHex, type Hash, isAddress, isHash, utf8 } from '../protocol/bytes.js';
import { sha256Hex } from '../protocol/hash.js';
import { addressOf, assertPublicKey, sign } from '../protocol/keys.js';
import {
  encodePayload,
  encodeTransaction,
  signedTransactionBytes,
  TRANSFER,
} from '../protocol/transaction.js';

export interface Transfer {
  readonly to: Address;
  readonly amount: number;
  /** The sender's next nonce, as `GET /account/{address}` shows it. */
  readonly nonce: number;
  /** 0 unless given. */
  readonly fee?: number;
  readonly data?: string | Uint8Array | null;
  /** The sender's clock in milliseconds; now unless given. */
  readonly timeMs?: number;
}

export interface SignedTransfer {
  /** What the transaction is known by, everywhere and for ever. */
  readonly id: Hash;
  /** What is submitted, to any node of the network, and again if in doubt: it is applied once at most. */
  readonly wire: Uint8Array;
  readonly from: Address;
  readonly nonce: number;
}

/**
 * Builds and signs a transfer from the account that `privateKey` belongs to.
 * @param genesisId the network it is for; it is worth nothing on any other
 * @throws ProtocolError BAD_PUBLIC_KEY if the key is no RSA key that the protocol accepts
 * @throws TypeError for an address, amount, fee, nonce or text that has no form in the protocol
 * @example
 * const { id, wire } = signTransfer({ to, amount: 25, nonce: 0, data: 'rent' }, privateKey, genesisId);
 * await client.submit(wire);
 */
export function signTransfer(transfer: Transfer, privateKey: KeyObject, genesisId: Hash): SignedTransfer {
  const { to, amount, nonce, fee = 0, data = null, timeMs = Date.now() } = transfer;
  if (!isAddress(to)) throw new TypeError(`not an address (40 lower-case hex digits): ${String(to)}`);
  if (!isHash(genesisId)) throw new TypeError('genesisId must be 64 lower-case hex digits');
  if (typeof data === 'string' && !data.isWellFormed())
    throw new TypeError('data is a text with a lone surrogate');
  const publicKey = publicKeyOf(privateKey);
  const from = addressOf(publicKey);
  const payload = encodePayload({
    kind: TRANSFER,
    from,
    nonce,
    to,
    amount,
    fee,
    data: typeof data === 'string' ? utf8(data) : data,
    time: timeMs,
    // Section 3: the key goes with the first transaction of an account, and with no other.
    publicKey: nonce === 0 ? publicKey : null,
  });
  const signed = signedTransactionBytes(payload, fromHex(genesisId));
  return { id: sha256Hex(signed), wire: encodeTransaction(payload, sign(privateKey, signed)), from, nonce };
}

/**
 * The PKCS#1 DER of the public half.
 * @throws ProtocolError BAD_PUBLIC_KEY
 */
export function publicKeyOf(privateKey: KeyObject): Uint8Array {
  if (privateKey.asymmetricKeyType !== 'rsa') throw new TypeError('an account has an RSA key');
  const der = createPublicKey(privateKey).export({ type: 'pkcs1', format: 'der' });
  assertPublicKey(der);
  return der;
}
