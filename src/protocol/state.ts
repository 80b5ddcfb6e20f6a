/** What the ledger knows of an address, and its bytes in the state tree (section 4). */
import { encode } from './encoding.js';
import { Fields } from './fields.js';

export interface Account {
  readonly nonce: number;
  readonly balance: number;
  readonly stake: number;
}

/**
 * The newest blocks that touched an account, by which its history is found: what a node notes beside the account's state,
 * and no hash covers.
 */
export interface Trail {
  readonly touchedIn: number;
  /** The newest block with a transaction from or to it; 0 if there is none. */
  readonly transactedIn: number;
  /** How many blocks touched it. */
  readonly touches: number;
}

export interface AccountRecord extends Account, Trail {}

/**
 * Of an account that came with the state after block `number`: what touched it before is not known, so it counts as
 * touched, and as transacted with, by that block.
 */
export function trailFrom(number: number): Trail {
  return { touchedIn: number, transactedIn: number, touches: 1 };
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
