/** What an application imports: sign a transfer, send it, read the ledger, and verify what was read. */
export { AuthoritySet } from '../protocol/authorities.js';
export type { Block } from '../protocol/block.js';
export { type Address, type Hash, isAddress, isHash } from '../protocol/bytes.js';
export { type ErrorCode, ProtocolError } from '../protocol/errors.js';
export { type DataJson, dataFromJson } from '../protocol/json.js';
export { addressOf } from '../protocol/keys.js';
export { type StateProof, verifyProof as verifyAccountProof } from '../protocol/state-proof.js';
export { CcoinClient, type ClientOptions, type PageOptions, type TransactionsOptions } from './client.js';
export { CcoinError, type ClientErrorCode } from './error.js';
export { publicKeyOf, type SignedTransfer, signTransfer, type Transfer } from './transfer.js';
export type * from './types.js';
export { verifyBlock, verifyGenesis } from './verify.js';
