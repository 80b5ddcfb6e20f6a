/**
 * Every code with which ccoin refuses something: who is at fault, which HTTP status the API answers, and what the
 * user can do. One table: the API, the peers' misbehaviour scores, the documentation and a test read it.
 */
interface ErrorInfo {
  /** `sender`: whoever signed or posted it. `peer`: whoever passed it on could have known. `nobody`: neither. */
  readonly fault: 'sender' | 'peer' | 'nobody';
  readonly status: number;
  readonly advice: string;
}

export const ERRORS = {
  // Transactions, in the order in which they are checked (section 3).
  MALFORMED: { fault: 'peer', status: 400, advice: 'Encode it as the protocol says; see docs/protocol.md.' },
  DATA_TOO_LARGE: {
    fault: 'peer',
    status: 413,
    advice: "Keep data within the genesis block's transaction.max_data.",
  },
  FEE_TOO_LOW: {
    fault: 'peer',
    status: 400,
    advice: "Pay at least the genesis block's transaction.min_fee.",
  },
  BAD_PUBLIC_KEY: {
    fault: 'peer',
    status: 400,
    advice: 'Carry the public key of the sender exactly when the nonce is 0.',
  },
  UNKNOWN_KEY: {
    fault: 'nobody',
    status: 409,
    advice: 'Send the transaction with nonce 0, which carries the public key, first.',
  },
  BAD_SIGNATURE: { fault: 'peer', status: 400, advice: 'Sign with the key of the sender, for this network.' },
  UNKNOWN_SENDER: {
    fault: 'sender',
    status: 409,
    advice: 'The account must receive something before it can send.',
  },
  NONCE_TOO_LOW: {
    fault: 'sender',
    status: 409,
    advice: 'Use the next nonce that GET /account/{address} shows.',
  },
  NONCE_TOO_HIGH: {
    fault: 'sender',
    status: 409,
    advice: 'Send the transactions with the nonces before it first.',
  },
  INSUFFICIENT_BALANCE: { fault: 'sender', status: 409, advice: 'The balance must cover amount and fee.' },
  // Blocks and certificates (sections 5 and 8).
  BAD_BLOCK: { fault: 'peer', status: 400, advice: 'The block breaks a rule of the protocol.' },
  BAD_CERTIFICATE: { fault: 'peer', status: 400, advice: 'The certificate does not prove the block final.' },
  BAD_GENESIS: { fault: 'sender', status: 400, advice: 'Mend the genesis file where the message says.' },
  BAD_VOTE: { fault: 'peer', status: 400, advice: 'The vote or proposal breaks a rule of the protocol.' },
  // Reading.
  PRUNED: {
    fault: 'nobody',
    status: 410,
    advice: 'This node keeps no blocks or states so old: ask one that keeps all.',
  },
  // The mempool.
  REPLACEMENT_UNDERPRICED: {
    fault: 'sender',
    status: 409,
    advice: 'A replacement must pay a fee at least 10 % (and 1) higher.',
  },
  POOL_FULL: { fault: 'nobody', status: 503, advice: 'Pay a higher fee, or try again later.' },
  SENDER_LIMIT: {
    fault: 'sender',
    status: 429,
    advice: 'Wait until some of the pending transactions are final.',
  },
} as const satisfies Record<string, ErrorInfo>;

export type ErrorCode = keyof typeof ERRORS;

/** Somebody else's mistake, named by its code. Our own broken invariants are plain errors and stop the process. */
export class ProtocolError extends Error {
  override readonly name = 'ProtocolError';
  readonly code: ErrorCode;

  constructor(code: ErrorCode, message: string) {
    super(message);
    this.code = code;
  }
}

/** A block on another parent than it was held against. If its certificate holds, whoever gave it is not to blame. */
export class OtherParentError extends ProtocolError {
  constructor(message: string) {
    super('BAD_BLOCK', message);
  }
}

export function malformed(message: string): ProtocolError {
  return new ProtocolError('MALFORMED', message);
}

/** What was thrown, as the Error that it nearly always is. */
export function asError(thrown: unknown): Error {
  return thrown instanceof Error ? thrown : new Error(String(thrown));
}
