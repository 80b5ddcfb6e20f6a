/** The real transports, over loopback: what they promise as a port, then whole networks on them. */
import { createPrivateKey } from 'node:crypto';
import { connect as connectPlain, createServer, type Socket } from 'node:net';
import { connect as connectTls } from 'node:tls';
import forge from 'node-forge';
import { afterEach, describe, expect, it } from 'vitest';
import { Network } from '../../../src/network/network.js';
import { TcpTransport } from '../../../src/network/tcp-transport.js';
import { type TlsCredentials, TlsTransport } from '../../../src/network/tls-transport.js';
import type { Clock } from '../../../src/ports/clock.js';
import type { Connection, Transport } from '../../../src/ports/transport.js';
import { GENESIS, type Key, key, randomOf, signerOf, worker } from './parties.js';

const clock: Clock = {
  now: () => Date.now(),
  monotonic: () => performance.now(),
  after(delayMs, fire) {
    const timer = setTimeout(fire, delayMs);
    return { cancel: () => clearTimeout(timer) };
  },
};

const cleanups: (() => unknown)[] = [];
afterEach(async () => {
  for (const cleanup of cleanups.splice(0).reverse()) await cleanup();
});

function credentialsOf(who: Key): TlsCredentials {
  const privateKey = forge.pki.privateKeyFromPem(who.pem);
  const certificate = forge.pki.createCertificate();
  certificate.publicKey = forge.pki.setRsaPublicKey(privateKey.n, privateKey.e);
  certificate.serialNumber = '01';
  certificate.validity.notBefore = new Date(0);
  certificate.validity.notAfter = new Date(4e12);
  certificate.setSubject([{ name: 'commonName', value: who.address }]);
  certificate.setIssuer([{ name: 'commonName', value: who.address }]);
  certificate.sign(privateKey, forge.md.sha256.create());
  const pem = createPrivateKey(who.pem).export({ type: 'pkcs8', format: 'pem' }) as string;
  return { certificate: forge.pki.certificateToPem(certificate), privateKey: pem };
}

const kinds: [string, (who: Key) => Transport][] = [
  ['TCP', () => new TcpTransport()],
  ['TLS', (who) => new TlsTransport(credentialsOf(who))],
];

const loopback = { host: '127.0.0.1', port: 0 };

/** A connection over `transport`, both ends of it. */
async function connection(
  answering: Transport,
  dialing: Transport,
): Promise<{ here: Connection; there: Connection }> {
  let accepted: (connection: Connection) => void = () => {};
  const there = new Promise<Connection>((resolve) => {
    accepted = resolve;
  });
  const listener = await answering.listen(loopback, (connection) => accepted(connection));
  const here = await dialing.dial({ host: '127.0.0.1', port: listener.port }, 5000);
  const ends = { here, there: await there };
  cleanups.push(() => {
    ends.here.destroy();
    ends.there.destroy();
    return listener.close();
  });
  return ends;
}

describe.each(kinds)('%s', (kind, transportOf) => {
  it('carries bytes in order both ways, and says when the other side closes', async () => {
    const { here, there } = await connection(transportOf(key(0)), transportOf(key(1)));
    expect([here.inbound, there.inbound]).toEqual([false, true]);
    expect([here.remote.host, there.remote.host]).toEqual(['127.0.0.1', '127.0.0.1']);
    const sent = Buffer.alloc(3_000_000, 'abcdefg');
    const received: Uint8Array[] = [];
    const closed = new Promise<string>((resolve) => {
      there.open({ data: (bytes) => received.push(bytes), close: resolve });
    });
    here.open({ data: () => {}, close: () => {} });
    for (let at = 0; at < sent.length; at += 100_000) here.send(sent.subarray(at, at + 100_000));
    expect(here.queuedBytes).toBeGreaterThan(0);
    here.end();
    await closed;
    expect(Buffer.concat(received).equals(sent)).toBe(true);
    expect(here.queuedBytes).toBe(0);
  });

  it('keeps what came before open, and reports a close that came before it', async () => {
    const { here, there } = await connection(transportOf(key(0)), transportOf(key(1)));
    here.open({ data: () => {}, close: () => {} });
    there.destroy();
    const reason = await new Promise<string>((resolve) => {
      there.open({ data: () => {}, close: resolve });
    });
    expect(reason).toBe('we closed the connection');
  });

  it('says that a port is taken, or that nobody answers', async () => {
    const transport = transportOf(key(0));
    const listener = await transport.listen(loopback, () => {});
    await expect(transport.listen({ ...loopback, port: listener.port }, () => {})).rejects.toThrow(
      /EADDRINUSE/,
    );
    await listener.close();
    await expect(transport.dial({ host: '127.0.0.1', port: listener.port }, 5000)).rejects.toThrow(
      /ECONNREFUSED/,
    );
    await expect(transport.dial({ host: 'no-such-host.invalid', port: 1 }, 5000)).rejects.toThrow();
  });

  it('closes a listener although somebody has connected and says nothing', async () => {
    const listener = await transportOf(key(0)).listen(loopback, () => {});
    const socket = connectPlain({ host: '127.0.0.1', port: listener.port });
    socket.on('error', () => {});
    await new Promise((resolve) => socket.once('connect', resolve));
    await listener.close();
    socket.destroy();
  });

  it('carries two networks, whose connection ends in order', async () => {
    const parties = [key(0), key(1)].map((who) => ({ who, ups: [] as string[], got: [] as string[] }));
    const [one, two] = await Promise.all(
      parties.map(async ({ who, ups, got }) => {
        const network = new Network(
          {
            clock,
            random: randomOf(who.address),
            transport: transportOf(who),
            signer: signerOf(who),
            worker,
          },
          {
            genesis: GENESIS,
            role: 'basic',
            agent: kind,
            listen: loopback,
            advertise: null,
            peers: [],
            allow: [],
            maxInbound: 4,
            maxPeers: 0,
            authorities: () => new Set(),
            height: () => 1,
          },
          {
            peerUp: (peer) => ups.push(peer.address),
            peerDown: (_, reason) => got.push(reason),
            message: (_, message) => got.push(message.type),
            log: () => {},
          },
        );
        const port = await network.start();
        cleanups.push(() => network.stop());
        return { network, port };
      }),
    );
    if (one === undefined || two === undefined) throw new Error('no networks');
    one.network.addEndpoints([{ endpoint: { host: '127.0.0.1', port: two.port } }]);
    await expect.poll(() => parties.map(({ ups }) => ups)).toEqual([[key(1).address], [key(0).address]]);
    one.network.broadcast({ type: 'VOT', vote: new Uint8Array(300) });
    await expect.poll(() => parties[1]?.got).toEqual(['VOT']);
    await one.network.stop();
    await expect.poll(() => parties[1]?.got[1]).toContain('STOPPING');
  });
});

describe('TLS', () => {
  it('gives up on one who accepts and then says nothing', async () => {
    const server = createServer();
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    cleanups.push(() => server.close());
    const transport = new TlsTransport(credentialsOf(key(0)));
    const { port } = server.address() as { port: number };
    await expect(transport.dial({ host: '127.0.0.1', port }, 50)).rejects.toThrow(/50 ms/);
  });

  it('knows the account behind the certificate, and the channel, the same at both ends', async () => {
    const { here, there } = await connection(
      new TlsTransport(credentialsOf(key(0))),
      new TlsTransport(credentialsOf(key(1))),
    );
    expect(here.certified).toBe(key(0).address);
    expect(there.certified).toBe(key(1).address);
    expect(here.channel).toHaveLength(32);
    expect(Buffer.from(here.channel).equals(Buffer.from(there.channel))).toBe(true);
    const other = await connection(
      new TlsTransport(credentialsOf(key(0))),
      new TlsTransport(credentialsOf(key(1))),
    );
    expect(Buffer.from(here.channel).equals(Buffer.from(other.here.channel))).toBe(false);
  });

  async function outcome(connectTo: (port: number) => Socket): Promise<number> {
    let accepted = 0;
    const listener = await new TlsTransport(credentialsOf(key(0))).listen(loopback, (connection) => {
      accepted++;
      connection.destroy();
    });
    const socket = connectTo(listener.port);
    socket.on('error', () => {});
    socket.resume();
    await new Promise((resolve) => socket.once('close', resolve));
    await listener.close();
    return accepted;
  }

  it('accepts nobody without a certificate, with plain text, or with an older TLS', async () => {
    const { certificate, privateKey } = credentialsOf(key(1));
    const mutual = { host: '127.0.0.1', rejectUnauthorized: false, cert: certificate, key: privateKey };
    expect(await outcome((port) => connectTls({ ...mutual, port }))).toBe(1);
    expect(await outcome((port) => connectTls({ host: '127.0.0.1', port, rejectUnauthorized: false }))).toBe(
      0,
    );
    expect(await outcome((port) => connectTls({ ...mutual, port, maxVersion: 'TLSv1.2' }))).toBe(0);
    expect(
      await outcome((port) => {
        const socket = connectPlain({ host: '127.0.0.1', port });
        socket.write(Buffer.alloc(1000, 'GET / HTTP/1.1\r\n'));
        return socket;
      }),
    ).toBe(0);
  });
});
