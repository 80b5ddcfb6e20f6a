/** How an account's key signs: in place where that is quick, else in another thread; the signature is the same sort. */
import { constants, createPublicKey, generateKeyPairSync, verify } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import { signerOf } from '../../../src/keys/signer.js';

const MESSAGE = Uint8Array.of(1, 2, 3);
const PSS = { padding: constants.RSA_PKCS1_PSS_PADDING, saltLength: 32 };

function keyOf(modulusLength: number) {
  const { privateKey } = generateKeyPairSync('rsa', { modulusLength });
  const signer = signerOf({ address: 'aa'.repeat(20), publicKey: new Uint8Array(0), privateKey });
  return { signer, publicKey: createPublicKey(privateKey) };
}

/** Whether the signature is there before the event loop turns, and anything else could come in. */
async function isMadeInPlace(signing: Promise<unknown>): Promise<boolean> {
  let made = false;
  void signing.then(() => {
    made = true;
  });
  for (let job = 0; job < 10; job++) await new Promise<void>((resolve) => process.nextTick(resolve));
  const inPlace = made;
  await signing;
  return inPlace;
}

describe('the signer of an account', () => {
  const small = keyOf(2_048);
  const large = keyOf(3_072);

  it.each([
    ['2048 bits', small, false],
    ['2048 bits beside other work', small, true],
    ['3072 bits', large, false],
  ])('signs as section 2 has it: %s', async (_, { signer, publicKey }, beside) => {
    const signature = await signer.sign(MESSAGE, beside);
    expect(verify('sha256', MESSAGE, { key: publicKey, ...PSS }, signature)).toBe(true);
  });

  it('holds nothing up with a large key, nor where the caller goes on meanwhile', async () => {
    expect(await isMadeInPlace(small.signer.sign(MESSAGE))).toBe(true);
    expect(await isMadeInPlace(large.signer.sign(MESSAGE))).toBe(false);
    expect(await isMadeInPlace(small.signer.sign(MESSAGE, true))).toBe(false);
  });

  it('lets what was sent before it leave at the end of the turn', async () => {
    const order: string[] = [];
    process.nextTick(() => order.push('left'));
    await small.signer.sign(MESSAGE).then(() => order.push('signed'));
    expect(order).toEqual(['left', 'signed']);
  });
});
