/** Certificates: the precommits that make a block final (section 8). */
import type { AuthoritySet } from './authorities.js';
import type { Hash } from './bytes.js';
import { encode } from './encoding.js';
import { ProtocolError } from './errors.js';
import { Fields, MAX_HEIGHT } from './fields.js';
import type { SignatureCheck } from './keys.js';
import { PRECOMMIT, voteBytes } from './vote.js';

export interface CertificateSignature {
  /** Index in the authority set of the block's height. */
  readonly authority: number;
  readonly signature: Uint8Array;
}

/** A decoded certificate: well-formed, with nothing else checked. */
export interface Certificate {
  readonly round: number;
  readonly signatures: readonly CertificateSignature[];
  readonly wire: Uint8Array;
}

export function encodeCertificate(round: number, signatures: readonly CertificateSignature[]): Certificate {
  const sorted = [...signatures].sort((a, b) => a.authority - b.authority);
  const wire = encode([round, sorted.map(({ authority, signature }) => [authority, signature])]);
  return { round, signatures: sorted, wire };
}

/** @throws ProtocolError MALFORMED */
export function decodeCertificate(wire: Uint8Array): Certificate {
  const fields = Fields.decode(wire, 2, 'certificate');
  const round = fields.integer('round', MAX_HEIGHT);
  const signatures = fields.array('signatures').map((value) => {
    const pair = Fields.of(value, 2, 'certificate signature');
    return { authority: pair.integer('authority', MAX_HEIGHT), signature: pair.bytes('signature') };
  });
  return { round, signatures, wire };
}

/**
 * The signature checks that prove the block final: it is, if they all pass.
 * @throws ProtocolError BAD_CERTIFICATE if no signatures could make this a certificate: too few, twice, not rising.
 */
export function certificateChecks(
  certificate: Certificate,
  block: { height: number; id: Hash },
  authorities: AuthoritySet,
  genesisId: Uint8Array,
): SignatureCheck[] {
  const { round, signatures } = certificate;
  if (signatures.length < authorities.quorum) {
    throw badCertificate(`${signatures.length} signatures, below the quorum of ${authorities.quorum}`);
  }
  const message = voteBytes({ height: block.height, round, type: PRECOMMIT, blockId: block.id }, genesisId);
  let previous = -1;
  return signatures.map(({ authority, signature }) => {
    if (authority <= previous) throw badCertificate('its authorities are not strictly rising');
    previous = authority;
    const signer = authorities.at(authority);
    if (signer === undefined) throw badCertificate(`there is no authority ${authority}`);
    return { publicKey: signer.publicKey, message, signature };
  });
}

function badCertificate(why: string): ProtocolError {
  return new ProtocolError('BAD_CERTIFICATE', `bad certificate: ${why}`);
}
