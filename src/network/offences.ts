/**
 * What a peer can do wrong, and what follows. One table.
 *
 * A score falls by half every ten minutes; at `LIMITS.dropScore` the peer is dropped, and may come back. Only what
 * the peer's own key has signed proves anything against it, as a frame on plain TCP may be anybody's: only such an
 * offence bans. Equivocation is proven too, but each of the two votes counts (section 8), so it must stay heard.
 */
import type { ErrorCode } from '../protocol/errors.js';

interface OffenceInfo {
  readonly score: number;
  /** Rests on bytes that the peer's own key signed. */
  readonly provable: boolean;
  readonly ban: boolean;
  readonly why: string;
}

export const OFFENCES = {
  BROKEN_STREAM: {
    score: 50,
    provable: false,
    ban: false,
    why: 'a frame of impossible length or unknown type; the stream has no next frame, so the connection ends too',
  },
  MALFORMED_MESSAGE: {
    score: 34,
    provable: false,
    ban: false,
    why: 'a body, or what it carries, breaks its form',
  },
  UNEXPECTED_MESSAGE: {
    score: 20,
    provable: false,
    ban: false,
    why: 'out of turn, or an answer never asked for',
  },
  FLOODING: {
    score: 10,
    provable: false,
    ban: false,
    why: 'more of a kind of message than its quota; dropped',
  },
  BAD_TRANSACTION: {
    score: 20,
    provable: false,
    ban: false,
    why: 'passed on without the check that shows it wrong',
  },
  BAD_VOTE: {
    score: 34,
    provable: false,
    ban: false,
    why: 'a vote or proposal that its signature does not cover',
  },
  BAD_BLOCK: {
    score: 100,
    provable: false,
    ban: false,
    why: 'a block, or certificate, that cannot be final',
  },
  FALSE_SNAPSHOT: {
    score: 100,
    provable: false,
    ban: false,
    why: 'a header, or part of a state, that is not what it says',
  },
  FALSE_GENESIS: { score: 100, provable: false, ban: false, why: 'a genesis block that is not what it says' },
  NO_ANSWER: {
    score: 10,
    provable: false,
    ban: false,
    why: 'left a question open that it could have answered',
  },
  EQUIVOCATION: {
    score: 0,
    provable: true,
    ban: false,
    why: 'two votes for one place: evidence, but both count',
  },
  SIGNED_FALSEHOOD: {
    score: 100,
    provable: true,
    ban: true,
    why: 'its own signature is under what no rule allows',
  },
} as const satisfies Record<string, OffenceInfo>;

export type Offence = keyof typeof OFFENCES;

/** The offence of a peer that passed on what was refused with `code`; undefined where it could not have known. */
export function offenceOf(code: ErrorCode): Offence | undefined {
  switch (code) {
    case 'MALFORMED':
      return 'MALFORMED_MESSAGE';
    case 'DATA_TOO_LARGE':
    case 'FEE_TOO_LOW':
    case 'BAD_PUBLIC_KEY':
    case 'BAD_SIGNATURE':
      return 'BAD_TRANSACTION';
    case 'BAD_BLOCK':
    case 'BAD_CERTIFICATE':
      return 'BAD_BLOCK';
    case 'BAD_GENESIS':
      return 'FALSE_GENESIS';
    case 'BAD_VOTE':
      return 'BAD_VOTE';
    default:
      return undefined;
  }
}
