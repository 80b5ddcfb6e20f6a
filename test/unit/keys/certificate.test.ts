import { X509Certificate } from 'node:crypto';
import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { connect, createServer, type TLSSocket } from 'node:tls';
import { expect, test } from 'vitest';
import { createAccount } from '../../../src/keys/account.js';
import { certifiedAddress, tlsCredentials } from '../../../src/keys/certificate.js';

test('two accounts know each other by their certificates over TLS 1.3', async () => {
  const base = await mkdtemp(join(tmpdir(), 'ccoin-tls-'));
  try {
    const [a, b] = [await createAccount(base), await createAccount(base)];
    const options = (account: typeof a) => {
      const { certificate: cert, privateKey: key } = tlsCredentials(account);
      return { cert, key, minVersion: 'TLSv1.3', rejectUnauthorized: false } as const;
    };
    const server = createServer({ ...options(a), requestCert: true });
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
    const client = connect({
      ...options(b),
      port: (server.address() as AddressInfo).port,
      host: '127.0.0.1',
    });
    const [[atServer]] = (await Promise.all([
      once(server, 'secureConnection'),
      once(client, 'secureConnect'),
    ])) as [[TLSSocket], unknown];
    const seen = (socket: TLSSocket) => certifiedAddress(socket.getPeerX509Certificate() as X509Certificate);
    expect(client.getProtocol()).toBe('TLSv1.3');
    expect([seen(client), seen(atServer)]).toEqual([a.address, b.address]);
    client.destroy();
    atServer.destroy();
    server.close();
  } finally {
    await rm(base, { recursive: true });
  }
});

test('the certificate is its own issuer, names the account and does not expire', async () => {
  const base = await mkdtemp(join(tmpdir(), 'ccoin-tls-'));
  try {
    const account = await createAccount(base);
    const certificate = new X509Certificate(tlsCredentials(account).certificate);
    expect(certificate.verify(certificate.publicKey)).toBe(true);
    expect(certificate.subject).toBe(`CN=${account.address}`);
    expect(certificate.ca).toBe(false);
    expect(certificate.validTo).toContain('9999');
  } finally {
    await rm(base, { recursive: true });
  }
});

/** A self-signed P-256 certificate, made with openssl. */
const CURVE = `-----BEGIN CERTIFICATE-----
MIIBeDCCAR+gAwIBAgIUYUzHjT22tWe1lNt0IO7SwgYSxZAwCgYIKoZIzj0EAwIw
ETEPMA0GA1UEAwwGbm9ib2R5MCAXDTI2MTEyMTA5MjYxMloYDzIxMjYxMDI4MDky
NjEyWjARMQ8wDQYDVQQDDAZub2JvZHkwWTATBgcqhkjOPQIBBggqhkjOPQMBBwNC
AAQCLlqOqh8uuvp/Ggndf74BgldBl7xwJTVAOsTLjV+7SBS888YzzMY2K5JySiIU
/tKtuBm45C7V91TMXiwE4w2Fo1MwUTAdBgNVHQ4EFgQU8y1iQ32hQDKIAy40l192
6hdULmQwHwYDVR0jBBgwFoAU8y1iQ32hQDKIAy40l1926hdULmQwDwYDVR0TAQH/
BAUwAwEB/zAKBggqhkjOPQQDAgNHADBEAiAcci/cxWu5SWyHYygssER9oHeAh8qc
2/x4vy2cumbFTAIgSX9eAJ8t6MNRukh5RfQ2EdEWYh7zg9rfssrzf6cw2Qc=
-----END CERTIFICATE-----
`;

test('a key that is no account certifies nobody', () => {
  expect(certifiedAddress(new X509Certificate(CURVE))).toBeUndefined();
});
