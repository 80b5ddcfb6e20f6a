/**
 * What one peer, and all of them together, may cost this node. The only place where such numbers stand, each with its
 * reason; the documentation reads the same tables.
 */
import type { MessageType } from '../protocol/messages.js';

const MIB = 1024 * 1024;

export const LIMIT_TABLE = {
  sendQueueBytes: [
    16 * MIB,
    'five of the longest frames; who takes them slower than we make them is dropped',
  ],
  heldBytes: [3_000_004, 'one frame may come in while a signature of the handshake is being checked'],
  tickMs: [250, 'how often all deadlines here are looked at'],
  handshakeMs: [10_000, 'three messages and two signatures, on the worst of lines'],
  confirmMs: [5_000, 'an answerer silent for so long after the last ACK has no objection; above probeMs'],
  probeMs: [2_000, 'how long an older connection has to show that it lives when a newer one comes'],
  frameMs: [60_000, 'the longest frame at 50 KB/s; slower ones hold memory for nothing'],
  pingMs: [15_000, 'measures round trip and clock, and keeps translating routers from forgetting us'],
  silenceMs: [40_000, 'two pings unanswered: nobody is there'],
  genesisMs: [60_000, 'the time a peer without genesis has to take it and go'],
  lingerMs: [1_000, 'a BYE has left by then, or never will'],
  dialMs: [5_000, 'connecting, names and TLS included'],
  dials: [16, 'dials and handshakes of our own under way at once'],
  pendingInbound: [64, 'inbound connections whose handshake is not whole'],
  pendingInboundPerHost: [24, 'the same of one host, so that one host cannot take all'],
  otherDials: [8, 'peers dialed beside the authorities, by basic nodes in all: enough to be well connected'],
  reconnectMinMs: [250, 'the first delay before a peer is dialed again; it doubles with each failure'],
  reconnectMaxMs: [30_000, 'and grows no further, so that a healed network is whole within half a minute'],
  stableMs: [30_000, 'a connection that lasted so long wipes out the failures before it'],
  ownEndpointMs: [600_000, 'an endpoint that led to ourselves is not tried again for so long'],
  knownEndpoints: [1_000, 'endpoints remembered beside the configured ones'],
  endpointFailures: [10, 'failures in a row after which an endpoint that is not configured is forgotten'],
  hintsPerMessage: [64, 'endpoints given, and taken, in one PRS'],
  hintsEveryMs: [120_000, 'how often peers are asked for hints'],
  standings: [1_000, 'addresses whose misbehaviour is remembered'],
  dropScore: [100, 'the misbehaviour at which a peer is dropped'],
  scoreHalfLifeMs: [600_000, 'misbehaviour of ten minutes ago counts half'],
  banMs: [3_600_000, 'how long a proven offender stays away'],
} as const satisfies Record<string, readonly [value: number, why: string]>;

export type Limit = keyof typeof LIMIT_TABLE;

export const LIMITS = Object.fromEntries(
  Object.entries(LIMIT_TABLE).map(([name, [value]]) => [name, value]),
) as { readonly [L in Limit]: number };

/** A token bucket: `perSecond` flow in, at most `burst` are kept, each message takes one, or as many as its bytes. */
export interface Quota {
  readonly per: 'message' | 'byte';
  readonly perSecond: number;
  readonly burst: number;
  /** What a message counts at the least, where it is by bytes. */
  readonly leastBytes?: number;
  /**
   * Whether it passes on what others said. Several flooders that keep their own quotas could make an honest peer, which
   * passes on what they all say, exceed its own: what is too much is dropped and asked for later, and nobody is blamed.
   */
  readonly passedOn?: true;
  readonly why: string;
}

/** What one peer may send. Several times what an honest one does at its busiest: above it, it is flooding. */
export const QUOTAS: { readonly [T in Exclude<MessageType, 'HEY' | 'ACK' | 'GLK' | 'BYE'>]: Quota } = {
  RBH: { per: 'message', perSecond: 50, burst: 500, why: 'asked at connecting and after blocks' },
  BLH: { per: 'message', perSecond: 50, burst: 500, why: 'answers RBH' },
  RBL: { per: 'message', perSecond: 50, burst: 200, why: 'each makes us read up to 3 MB of blocks' },
  ABL: { per: 'byte', perSecond: 64 * MIB, burst: 256 * MIB, why: 'asked for by us, a window at a time' },
  TXN: {
    per: 'byte',
    perSecond: 8 * MIB,
    burst: 96 * MIB,
    passedOn: true,
    why: 'a whole pool of 64 MiB when connecting',
  },
  BLK: { per: 'byte', perSecond: 32 * MIB, burst: 128 * MIB, why: 'final blocks, of 2 MB at most' },
  PRP: {
    per: 'byte',
    perSecond: 32 * MIB,
    burst: 128 * MIB,
    passedOn: true,
    why: 'relayed proposals, of 2 MB at most',
  },
  VOT: {
    per: 'message',
    perSecond: 4_000,
    burst: 40_000,
    passedOn: true,
    why: '100 authorities, 2 votes a round, 20 a second',
  },
  LDR: {
    per: 'byte',
    perSecond: MIB,
    burst: 10 * MIB,
    leastBytes: MIB / 5,
    why: 'once a second without progress; a large one costs its reader as much as its bytes',
  },
  ADR: {
    per: 'byte',
    perSecond: 32 * MIB,
    burst: 128 * MIB,
    why: 'all that is held of a height, when asked',
  },
  RSN: { per: 'message', perSecond: 1, burst: 10, why: 'asked once by a node that takes a snapshot' },
  ASN: { per: 'message', perSecond: 1, burst: 10, why: 'answers RSN' },
  RSP: {
    per: 'message',
    perSecond: 1_000,
    burst: 4_000,
    why: 'a part of a snapshot each; how many are answered is bounded by what making them costs',
  },
  ASP: { per: 'byte', perSecond: 64 * MIB, burst: 256 * MIB, why: 'asked for by us, a few at a time' },
  PNG: { per: 'message', perSecond: 2, burst: 20, why: 'once in a while' },
  PON: { per: 'message', perSecond: 2, burst: 20, why: 'answers PNG' },
  RPR: { per: 'message', perSecond: 0.1, burst: 5, why: 'at connecting, then every two minutes' },
  PRS: { per: 'message', perSecond: 0.1, burst: 5, why: 'answers RPR' },
};
