/** With what the discovery service refuses: code, HTTP status, and what a client can do about it. */
export const DISCOVERY_ERRORS = {
  MALFORMED: { status: 400, title: 'The request has another form than the service reads' },
  NOT_FOUND: { status: 404, title: 'There is nothing at this address' },
  TOO_LARGE: { status: 413, title: 'The request is too large' },
  UNSIGNED: { status: 401, title: 'The command must be signed' },
  BAD_PUBLIC_KEY: { status: 400, title: 'The public key is not that of the peer' },
  BAD_SIGNATURE: { status: 403, title: 'The signature does not fit the command and the key' },
  BAD_TIME: { status: 403, title: 'The time is too far from that of the service' },
  REPLAYED: { status: 409, title: 'A command of this peer with this time, or a later one, was taken before' },
  LIMIT_REACHED: { status: 429, title: 'The service holds as many entries as it takes' },
  INTERNAL: { status: 500, title: 'The service failed' },
} as const satisfies Record<string, { readonly status: number; readonly title: string }>;

export type DiscoveryErrorCode = keyof typeof DISCOVERY_ERRORS;

export class DiscoveryError extends Error {
  override readonly name = 'DiscoveryError';
  readonly code: DiscoveryErrorCode;

  constructor(code: DiscoveryErrorCode, message: string) {
    super(message);
    this.code = code;
  }
}
