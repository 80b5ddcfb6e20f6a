import { describe, expect, it } from 'vitest';
import { blockWireView } from '../../../src/api/views.js';
import { AuthoritySet, verifyBlock, verifyGenesis } from '../../../src/client/index.js';
import { assembleBlock } from '../../../src/protocol/block.js';
import { toBase64 } from '../../../src/protocol/bytes.js';
import { encodeCertificate } from '../../../src/protocol/certificate.js';
import { AUTHORITIES, finalBlock, GENESIS, GENESIS_ID, testKey } from '../api/fake-face.js';

const genesis = blockWireView(finalBlock(1));
const four = finalBlock(4);

describe('verifyGenesis', () => {
  it('proves the authorities of a network from its id alone', () => {
    const { config, authorities } = verifyGenesis(genesis, GENESIS_ID);
    expect(config).toEqual(GENESIS);
    expect(authorities.hash).toBe(AUTHORITIES.hash);
  });

  it("refuses another network's", () => {
    expect(() => verifyGenesis(genesis, '0'.repeat(64))).toThrow(/another network/);
    expect(() => verifyGenesis(blockWireView(four), GENESIS_ID)).toThrow();
  });
});

describe('verifyBlock', () => {
  const verify = (wire: Parameters<typeof verifyBlock>[0], authorities = AUTHORITIES) =>
    verifyBlock(wire, authorities, GENESIS_ID);

  it('gives the block that its certificate proves final', () => {
    for (const number of [2, 3, 4]) {
      expect(verify(blockWireView(finalBlock(number))).id).toBe(finalBlock(number).block.id);
    }
    expect(verify(genesis).id).toBe(GENESIS_ID);
  });

  it('refuses any other certificate, or none', () => {
    const wire = blockWireView(four);
    const other = blockWireView(finalBlock(3));
    const { certificate } = four;
    if (certificate === null) throw new Error('missing');
    const { round, signatures } = certificate;
    const withCertificate = (changed: typeof certificate) => ({
      ...wire,
      certificate: toBase64(changed.wire),
    });
    expect(() => verify({ ...wire, certificate: null })).toThrow(/no certificate/);
    expect(() => verify({ ...wire, certificate: other.certificate })).toThrow(/signature is wrong/);
    expect(() => verify(withCertificate(encodeCertificate(round, signatures.slice(0, 2))))).toThrow(/quorum/);
    expect(() => verify(withCertificate(encodeCertificate(round + 1, signatures)))).toThrow(
      /signature is wrong/,
    );
    const forged = signatures.map(({ authority, signature }, i) => {
      return { authority, signature: i === 0 ? (signatures[1]?.signature ?? signature) : signature };
    });
    expect(() => verify(withCertificate(encodeCertificate(round, forged)))).toThrow(/signature is wrong/);
    expect(() => verify({ ...wire, certificate: 'AA==' })).toThrow();
    expect(() => verify({ ...wire, certificate: '%' })).toThrow(/base64/);
  });

  it('refuses a certificate of others than the authorities', () => {
    const others = new AuthoritySet([...AUTHORITIES.list.slice(1), testKey(4)]);
    expect(() => verify(blockWireView(four), others)).toThrow();
  });

  it('refuses transactions that the header does not commit to', () => {
    const { header, nonce, signature, transactions } = four.block;
    const changed = assembleBlock(header, nonce, signature, transactions.slice(1));
    expect(changed.id).toBe(four.block.id);
    const wire = { ...blockWireView(four), block: toBase64(changed.wire) };
    expect(() => verify(wire)).toThrow(/transactions are not those/);
  });

  it('believes nothing that stands beside the bytes', () => {
    const lie = { ...blockWireView(four), number: 9, id: '0'.repeat(64) };
    expect(verify(lie).header.number).toBe(4);
  });
});
