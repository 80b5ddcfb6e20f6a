/** What the ledger knows of an address, and its bytes in the state tree (section 4). */
import { encode } from './encoding.js';
import { Fields } from './fields.js';

export interface Account {
  readonly nonce: number;
  readonly balance: number;
  readonly stake: number;
}

export const EMPTY_ACCOUNT: Account = { nonce: 0, balance: 0, stake: 0 };

export function encodeAccount({ nonce, balance, stake }: Account): Uint8Array {
  return encode([nonce, balance, stake]);
}

/** @throws ProtocolError MALFORMED */
export function decodeAccount(bytes: Uint8Array): Account {
  const fields = Fields.decode(bytes, 3, 'account');
  return {
    nonce: fields.integer('nonce'),
    balance: fields.integer('balance'),
    stake: fields.integer('stake'),
  };
}
