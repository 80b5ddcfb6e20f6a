import { once } from 'node:events';
import type { AddressInfo } from 'node:net';
import { createServer, type Server, type Socket } from 'node:net';
import { afterEach, describe, expect, it } from 'vitest';
import { KeptConnection } from '../../../bench/lib/kept-connection.js';

const servers: Server[] = [];
const sockets: Socket[] = [];

afterEach(() => {
  for (const socket of sockets.splice(0)) socket.destroy();
  for (const server of servers.splice(0)) server.close();
});

/** A connection to a server that writes `pieces` once something has come, each in a packet of its own. */
async function connectionTo(pieces: readonly string[], asked: (request: string) => void = () => {}) {
  const server = createServer({ noDelay: true }, (socket) => {
    sockets.push(socket);
    socket.on('data', async (bytes) => {
      asked(bytes.toString());
      for (const piece of pieces) {
        socket.write(piece);
        await new Promise(setImmediate);
      }
      if (pieces.length === 0) socket.destroy();
    });
  });
  servers.push(server);
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  return KeptConnection.open(`http://127.0.0.1:${(server.address() as AddressInfo).port}`);
}

function answer(status: string, body: string): string {
  return `HTTP/1.1 ${status}\r\nContent-Length: ${Buffer.byteLength(body)}\r\ndate: now\r\n\r\n${body}`;
}

describe('a kept connection', () => {
  it('asks one thing after the other, and takes answers in whatever pieces they come', async () => {
    const text = answer('200 OK', '{"final":"jä"}');
    const requests: string[] = [];
    for (const pieces of [[text], [...text], [text.slice(0, 30), text.slice(30)]]) {
      const connection = await connectionTo(pieces, (request) => requests.push(request));
      expect(await connection.post('/a', '{"ö":1}')).toBe('{"final":"jä"}');
      expect(await connection.post('/b', '{}')).toBe('{"final":"jä"}');
      connection.close();
    }
    expect(requests[0]).toMatch(
      /^POST \/a HTTP\/1\.1\r\nhost: 127.*\r\ncontent-length: 8\r\n\r\n\{"ö":1\}$/s,
    );
  });

  it('throws what the node refuses, and what is no answer', async () => {
    const refused = await connectionTo([answer('400 Bad Request', 'no nonce')]);
    await expect(refused.post('/txn', '{}')).rejects.toThrow('answers 400: no nonce');
    const strange = await connectionTo(['SSH-2.0-server\r\n\r\n']);
    await expect(strange.post('/txn', '{}')).rejects.toThrow('an answer that is none: SSH-2.0-server');
    const gone = await connectionTo([]);
    await expect(gone.post('/txn', '{}')).rejects.toThrow('closed the connection');
  });
});
