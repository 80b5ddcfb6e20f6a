import { once } from 'node:events';
import { connect, type Socket } from 'node:net';
import { Duplex } from 'node:stream';
import { afterEach, describe, expect, it } from 'vitest';
import { RateLimit } from '../../../src/api/rate-limit.js';
import { type HttpServer, startHttp } from '../../../src/api/server.js';
import { FakeFace } from './fake-face.js';
import { refusalOf, testApi } from './support.js';

/** A connection whose other end reads nothing. */
class Unread extends Duplex {
  #told = () => {};
  readonly answered = new Promise<void>((resolve) => {
    this.#told = resolve;
  });

  override _read(): void {}

  override _write(): void {
    this.#told();
  }

  setTimeout(): this {
    return this;
  }
}

describe('the rate of requests', () => {
  it('is of each address, refused before the body is read, and flows back', async () => {
    let nowMs = 0;
    const { app, get, post, face } = testApi({
      limits: { requestsPerSecond: 2, requestBurst: 3 },
      nowMs: () => nowMs,
    });
    for (let i = 0; i < 3; i++) expect((await get('/health/live')).statusCode).toBe(200);
    const refused = await post('/txn', '{"this is no JSON');
    refusalOf(refused, 429, 'TOO_MANY_REQUESTS');
    expect(refused.headers['retry-after']).toBe('1');
    expect(face.changes).toEqual([]);
    const other = await app.inject({ method: 'GET', url: '/health/live', remoteAddress: '10.0.0.2' });
    expect(other.statusCode).toBe(200);
    nowMs = 1_000;
    for (const status of [200, 200, 429]) expect((await get('/health/live')).statusCode).toBe(status);
  });

  it('remembers a bounded number of addresses, and forgets the one seen longest ago', () => {
    const rates = new RateLimit({ requestsPerSecond: 1, requestBurst: 1, callers: 2 }, () => 0);
    expect(['a', 'b', 'a', 'b'].map((source) => rates.take(source))).toEqual([true, true, false, false]);
    expect(rates.take('c')).toBe(true);
    expect(rates.take('b')).toBe(false);
    expect(rates.take('a')).toBe(true);
  });
});

describe('large answers', () => {
  it('that callers have not read are bounded all together; small ones always pass', async () => {
    const size = (await testApi().get('/blk?limit=3')).body.length;
    const { app, get } = testApi({ limits: { smallBytes: 1_000, unreadBytes: size } });
    // What has been read makes room for the next.
    for (let i = 0; i < 3; i++) expect((await get('/blk?limit=3')).statusCode).toBe(200);
    const unread = new Unread();
    app.server.emit('connection', unread);
    unread.push('GET /blk?limit=3 HTTP/1.1\r\nHost: localhost\r\n\r\n');
    await unread.answered;
    refusalOf(await get('/blk?limit=3'), 503, 'TOO_BUSY');
    expect((await get('/health/live')).statusCode).toBe(200);
    unread.destroy();
    await once(unread, 'close');
    expect((await get('/blk?limit=3')).statusCode).toBe(200);
    await app.close();
  });
});

describe('connections', () => {
  let server: HttpServer | undefined;
  const sockets: Socket[] = [];
  afterEach(async () => {
    for (const socket of sockets.splice(0)) socket.destroy();
    await server?.close();
  });

  async function answerTo(bytes: string): Promise<string> {
    server = await startHttp(new FakeFace(), { host: '127.0.0.1', port: 0 });
    const socket = connect(server.port, '127.0.0.1');
    sockets.push(socket);
    let answer = '';
    socket.on('data', (chunk) => {
      answer += chunk;
    });
    socket.write(bytes);
    await once(socket, 'close');
    return answer;
  }

  it.each([
    ['no HTTP', 'HELO\r\n\r\n', 400, 'BAD_REQUEST'],
    ['endless headers', `GET / HTTP/1.1\r\nx: ${'x'.repeat(40_000)}\r\n\r\n`, 431, 'HEADERS_TOO_LARGE'],
  ])('that carry %s are told so in problem details, and closed', async (_, bytes, status, code) => {
    const [head = '', body = ''] = (await answerTo(bytes)).split('\r\n\r\n');
    expect(head).toMatch(`HTTP/1.1 ${status} `);
    expect(head).toContain('application/problem+json');
    expect(JSON.parse(body)).toMatchObject({ status, code });
  });

  it('of one address are bounded, and closing one makes room', async () => {
    server = await startHttp(new FakeFace(), { host: '127.0.0.1', port: 0, connectionsPerAddress: 2 });
    const open = async () => {
      const socket = connect(server?.port ?? 0, '127.0.0.1').on('error', () => {});
      sockets.push(socket);
      socket.write('GET /health/live HTTP/1.1\r\nHost: localhost\r\n\r\n');
      return Promise.race([
        once(socket, 'data').then(() => 'answered'),
        once(socket, 'close').then(() => 'closed'),
      ]);
    };
    expect([await open(), await open(), await open()]).toEqual(['answered', 'answered', 'closed']);
    sockets[0]?.destroy();
    await once(sockets[0] as Socket, 'close');
    // The server learns of it a moment after us.
    let again = await open();
    while (again === 'closed') again = await open();
    expect(again).toBe('answered');
  });
});
