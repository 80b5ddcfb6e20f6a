/**
 * What the two sides of a handshake sign (section 7). The texts differ in their tag, or a man in the middle could use
 * one side's answer as the other's.
 */
import { type Address, concat, fromHex, type Hash, ZERO_HASH } from './bytes.js';
import { tag } from './hash.js';

export interface HandshakeText {
  /** The HEY's genesis_id. */
  readonly genesisId: Hash | null;
  /** The 32 bytes that the other side sent. */
  readonly challenge: Uint8Array;
  /** Whose challenge that is. */
  readonly challenger: Address;
  /** Who signs. */
  readonly signer: Address;
  /** What the connection itself is known by at both ends: empty on plain TCP, the exporter's value on TLS. */
  readonly channel: Uint8Array;
}

/** What the answerer's ACK signs; the challenge is the opener's. */
export function answererText(text: HandshakeText): Uint8Array {
  return signedText('ccoin/hello', text);
}

/** What the opener's last ACK signs; the challenge is the answerer's. */
export function openerText(text: HandshakeText): Uint8Array {
  return signedText('ccoin/hello-open', text);
}

function signedText(label: string, { genesisId, challenge, challenger, signer, channel }: HandshakeText) {
  return concat(
    tag(label),
    fromHex(genesisId ?? ZERO_HASH),
    challenge,
    fromHex(challenger),
    fromHex(signer),
    channel,
  );
}
