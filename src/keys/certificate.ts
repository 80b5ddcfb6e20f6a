/**
 * X.509 certificates for `p2p.tls`: self-signed, made from the account's own key. Nobody vouches for them and nothing
 * in them is believed but the key, whose hash is the peer's address. TLS 1.3 proves that the peer holds it.
 */
import forge from 'node-forge';
import type { Account } from './account.js';

/** RFC 5280 section 4.1.2.5: no well-defined expiration. Who may connect is decided by address, not by date. */
const NOT_BEFORE = new Date('2000-01-01T00:00:00Z');
const NOT_AFTER = new Date('9999-12-31T23:59:59Z');
/** Each account makes one, under its own name, so that no two certificates share issuer and serial number. */
const SERIAL_NUMBER = '01';

export interface TlsCredentials {
  /** PEM. */
  readonly certificate: string;
  /** PKCS#8 PEM, not encrypted: to be kept in memory only. */
  readonly privateKey: string;
}

/** Takes some 30 ms for 2048 bits, as node-forge signs in JavaScript: once in the life of a process. */
export function tlsCredentials({ address, privateKey }: Account): TlsCredentials {
  const pem = privateKey.export({ type: 'pkcs8', format: 'pem' }) as string;
  const key = forge.pki.privateKeyFromPem(pem);
  const certificate = forge.pki.createCertificate();
  certificate.publicKey = forge.pki.setRsaPublicKey(key.n, key.e);
  certificate.serialNumber = SERIAL_NUMBER;
  certificate.validity.notBefore = NOT_BEFORE;
  certificate.validity.notAfter = NOT_AFTER;
  const name = [{ name: 'commonName', value: address }];
  certificate.setSubject(name);
  certificate.setIssuer(name);
  certificate.setExtensions([
    { name: 'basicConstraints', cA: false, critical: true },
    { name: 'keyUsage', digitalSignature: true, critical: true },
    { name: 'extKeyUsage', serverAuth: true, clientAuth: true },
  ]);
  certificate.sign(key, forge.md.sha256.create());
  return { certificate: forge.pki.certificateToPem(certificate), privateKey: pem };
}
