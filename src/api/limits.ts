/** What one caller, or all of them together, may cost the node over HTTP. Every bound of the API stands here. */

const KIB = 1024;
const MIB = 1024 * KIB;

export const DEFAULT_LIMITS = {
  /** The longest `data` (64 KiB) with every byte as a \u escape, and what stands around it. */
  bodyBytes: 512 * KIB,
  /** A full batch of transactions of ordinary size, in base64. */
  batchBodyBytes: 4 * MIB,
  batchTransactions: 1_000,
  /** The deepest body that any route takes has two levels. */
  jsonDepth: 8,
  /** Items of one page of a list. */
  pageItems: 1_000,
  pageBlocks: 100,
  /** A page of blocks ends early once it has this many bytes; its `next` says where to go on. */
  pageBytes: 8 * MIB,
  /** Requests that wait for a transaction to become final, all together. */
  waiters: 1_000,
  waitSeconds: 60,
  /** Listeners of GET /events, all together. */
  listeners: 100,
  /** What one listener may leave unread before it is dropped. */
  listenerQueueBytes: 64 * KIB,
  /** Large answers that callers have not taken yet, all together; up to `smallBytes` one is not large. */
  unreadBytes: 64 * MIB,
  smallBytes: 64 * KIB,
  /** Answers with all accounts of a block under way at once: each reads the whole state. */
  stateStreams: 4,
  idempotencyKeys: 10_000,
  /** Of one address (of IPv6 one /64 network), flowing into a bucket that holds `requestBurst` at most. */
  requestsPerSecond: 2_000,
  requestBurst: 10_000,
  /** Addresses whose requests are counted; the one seen longest ago is forgotten, and then starts anew. */
  callers: 10_000,
  /** Serialised blocks kept ready. */
  blockCacheBytes: 32 * MIB,
} as const;

export type ApiLimits = { readonly [K in keyof typeof DEFAULT_LIMITS]: number };
