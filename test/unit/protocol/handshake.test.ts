import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { fromHex } from '../../../src/protocol/bytes.js';
import { answererText, openerText } from '../../../src/protocol/handshake.js';
import { verify } from '../../../src/protocol/keys.js';

const { handshake } = JSON.parse(
  readFileSync(new URL('../../vectors/frames.json', import.meta.url), 'utf8'),
) as { handshake: Record<string, string> };
const hex = (name: string) => handshake[name] as string;

const byAnswerer = {
  genesisId: hex('genesis_id'),
  challenge: fromHex(hex('openers_challenge')),
  challenger: hex('opener'),
  signer: hex('answerer'),
  channel: new Uint8Array(0),
};
const byOpener = {
  genesisId: hex('genesis_id'),
  challenge: fromHex(hex('answerers_challenge')),
  challenger: hex('answerer'),
  signer: hex('opener'),
  channel: new Uint8Array(0),
};

function answererSigned(message: Uint8Array, signature = hex('signature')): boolean {
  return verify({ publicKey: fromHex(hex('answerers_public_key')), message, signature: fromHex(signature) });
}
function openerSigned(message: Uint8Array, signature = hex('openers_last_signature')): boolean {
  return verify({ publicKey: fromHex(hex('openers_public_key')), message, signature: fromHex(signature) });
}

describe('handshake signatures (section 7)', () => {
  it('the vector of the answerer verifies', () => {
    expect(answererSigned(answererText(byAnswerer))).toBe(true);
  });

  it('the vector of the opener verifies', () => {
    expect(openerSigned(openerText(byOpener))).toBe(true);
  });

  it('a last signature made with the tag of the answer is refused', () => {
    const replayed = hex('refuse_as_last_signature');
    expect(openerSigned(openerText(byOpener), replayed)).toBe(false);
    expect(openerSigned(answererText(byOpener), replayed)).toBe(true);
  });

  it('every part is covered: network, challenge, both addresses, the channel', () => {
    const changes = [
      { genesisId: null },
      { challenge: byOpener.challenge },
      { challenger: hex('answerer') },
      { signer: hex('opener') },
      { channel: new Uint8Array(32) },
    ];
    for (const change of changes) {
      expect(answererSigned(answererText({ ...byAnswerer, ...change }))).toBe(false);
    }
  });

  it('without a genesis 32 zero bytes stand for its id', () => {
    expect(answererText({ ...byAnswerer, genesisId: null })).toEqual(
      answererText({ ...byAnswerer, genesisId: '00'.repeat(32) }),
    );
  });
});
