import { X509Certificate } from 'node:crypto';
import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { connect, createServer, type TLSSocket } from 'node:tls';
import { expect, test } from 'vitest';
import { createAccount } from '../../../src/keys/account.js';
import { tlsCredentials } from '../../../src/keys/certificate.js';
import { addressOf } from '../../../src/protocol/keys.js';

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
    const seen = (socket: TLSSocket) => {
      const { publicKey } = socket.getPeerX509Certificate() as X509Certificate;
      return addressOf(publicKey.export({ type: 'pkcs1', format: 'der' }));
    };
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
