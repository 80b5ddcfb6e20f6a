import { readFileSync } from 'node:fs';
import type { AddressInfo } from 'node:net';
import { connect } from 'node:net';
import { describe, expect, it } from 'vitest';
import { parseBody } from '../../../src/api/body.js';
import { API_ERRORS } from '../../../src/api/errors.js';
import { isLocalHostHeader, isLoopback } from '../../../src/api/hosts.js';
import { ERRORS, type ErrorCode, ProtocolError } from '../../../src/protocol/errors.js';
import { FakeFace, testKey } from './fake-face.js';
import { refusalOf, TOKEN, testApi } from './support.js';

const to = testKey(1).address;
const authorized = { authorization: `Bearer ${TOKEN}` };

describe('bodies', () => {
  /** Every one must be refused with 400 and a word of what is wrong, and reach the node never. */
  const BODIES: readonly (readonly [why: string, body: string | Buffer, says: RegExp])[] = [
    ['nothing', '', /empty/],
    ['no JSON', '{"amount":', /not JSON/],
    ['two values', '{} {}', /not JSON/],
    ['no UTF-8', Buffer.from([0x22, 0xff, 0x22]), /UTF-8/],
    ['a list', '[]', /body must be an object/],
    ['null', 'null', /body must be an object/],
    ['an empty object', '{}', /lacks "sendto_address"/],
    ['no amount', `{"sendto_address":"${to}"}`, /lacks "amount"/],
    ['an amount as a string', `{"sendto_address":"${to}","amount":"5"}`, /body\/amount must be an integer/],
    ['an amount of null', `{"sendto_address":"${to}","amount":null}`, /body\/amount must be an integer/],
    ['a negative amount', `{"sendto_address":"${to}","amount":-5}`, /-5 is not an integer/],
    ['minus zero', `{"sendto_address":"${to}","amount":-0}`, /-0 is not an integer/],
    ['a fraction', `{"sendto_address":"${to}","amount":1.5}`, /1\.5 is not an integer/],
    ['a fraction that rounds away', `{"sendto_address":"${to}","amount":4503599627370497.1}`, /is not an/],
    ['an exponent', `{"sendto_address":"${to}","amount":1e3}`, /1e3 is not an integer/],
    ['2^53', `{"sendto_address":"${to}","amount":9007199254740992}`, /9007199254740992 is not an integer/],
    ['2^53 + 1', `{"sendto_address":"${to}","amount":9007199254740993}`, /is not an integer/],
    ['a huge number', `{"sendto_address":"${to}","amount":${'9'.repeat(400)}}`, /…? is not an integer/],
    ['a fee as a string', `{"sendto_address":"${to}","amount":1,"fee":"1"}`, /body\/fee must be an integer/],
    ['an unknown member', `{"sendto_address":"${to}","amount":1,"gas":1}`, /unknown member "gas"/],
    [
      '__proto__',
      `{"sendto_address":"${to}","amount":1,"__proto__":{"fee":1}}`,
      /unknown member "__proto__"/,
    ],
    ['an address too short', '{"sendto_address":"abc1","amount":1}', /public key/],
    ['an address in upper case', `{"sendto_address":"${to.toUpperCase()}","amount":1}`, /public key/],
    ['data as a number', `{"sendto_address":"${to}","amount":1,"data":7}`, /body\/data must be a text/],
    ['data as a list', `{"sendto_address":"${to}","amount":1,"data":[]}`, /body\/data must be a text/],
    ['a lone surrogate', `{"sendto_address":"${to}","amount":1,"data":"\\ud800"}`, /body\/data must be/],
    ['bad base64', `{"sendto_address":"${to}","amount":1,"data":{"base64":"a"}}`, /body\/data must be/],
    [
      'more beside base64',
      `{"sendto_address":"${to}","amount":1,"data":{"base64":"","x":1}}`,
      /body\/data must/,
    ],
    ['wire and more', '{"wire":"AA==","amount":1}', /unknown member "amount"/],
    ['wire as a number', '{"wire":1}', /body\/wire must be a signed transaction/],
    ['deep nesting', `${'['.repeat(100_000)}${']'.repeat(100_000)}`, /nested deeper than 8/],
    ['deep objects', `${'{"a":'.repeat(9)}1${'}'.repeat(9)}`, /nested deeper than 8/],
  ];

  for (const [why, body, says] of BODIES) {
    it(`refuse ${why}`, async () => {
      const { post, face } = testApi();
      const problem = refusalOf(await post('/txn', body, authorized), 400, 'BAD_REQUEST');
      expect(problem.detail).toMatch(says);
      expect(face.changes).toEqual([]);
    });
  }

  it('too large are refused with 413, by length announced or found', async () => {
    const { post, face } = testApi({ limits: { bodyBytes: 1_000, batchBodyBytes: 2_000 } });
    const large = JSON.stringify({ sendto_address: to, amount: 1, data: 'x'.repeat(1_000) });
    refusalOf(await post('/txn', large, authorized), 413, 'BODY_TOO_LARGE');
    refusalOf(await post('/txns', JSON.stringify(['x'.repeat(2_000)])), 413, 'BODY_TOO_LARGE');
    expect(face.changes).toEqual([]);
  });

  it('of another media type are refused with 415', async () => {
    const { app, face } = testApi();
    for (const type of ['text/plain', 'application/x-www-form-urlencoded', 'application/xml', 'nonsense']) {
      const response = await app.inject({
        method: 'POST',
        url: '/txn',
        headers: { ...authorized, 'content-type': type },
        payload: `{"sendto_address":"${to}","amount":1}`,
      });
      refusalOf(response, 415, 'UNSUPPORTED_MEDIA_TYPE');
    }
    expect(face.changes).toEqual([]);
  });

  it('absent are refused', async () => {
    const { app } = testApi();
    refusalOf(await app.inject({ method: 'POST', url: '/txn' }), 400, 'BAD_REQUEST');
  });

  it('are read as JSON.parse reads them, where both accept', () => {
    const text =
      ' {"a": ["\\"[{-1.5", 0, 12, true, null, "\\\\"], "b{": {"ü": "\\u0041"}, "n":9007199254740991} ';
    expect(parseBody(Buffer.from(text), 8)).toEqual(JSON.parse(text));
    for (const bad of ['01', '+1', '1_0', '"a', '"\\"', 'tru', '{"a"}', '[1,]', '\u00a0']) {
      expect(() => parseBody(Buffer.from(bad), 8), bad).toThrow(/^/);
    }
  });

  it('name each key of an object once, however it is written', () => {
    const good = [
      '{"a": {"a": "a"}, "b": [{"a": 1}, {"a": 2}], "A": 1}',
      '{"a:": 1, "b": "a:"}',
      '["a", "a"]',
    ];
    for (const text of good) expect(parseBody(Buffer.from(text), 8)).toEqual(JSON.parse(text));
    const twice = [
      '{"amount": 1, "to": "x", "amount" : 2}',
      '{"amount":1,"\\u0061mount":2}',
      '[{"amount":[{}],"amount":1}]',
    ];
    for (const text of twice)
      expect(() => parseBody(Buffer.from(text), 8), text).toThrow('the body has the key "amount" twice');
    expect(parseBody(Buffer.from('{"__proto__": 1, "constructor": 2}'), 8)).toEqual(
      JSON.parse('{"__proto__": 1, "constructor": 2}'),
    );
  });

  it('take time in proportion to their length, whatever they hold', () => {
    const size = 1 << 20;
    for (const text of [
      '"'.repeat(size),
      '\\'.repeat(size),
      `"${'\\"'.repeat(size)}`,
      '-'.repeat(size),
      '"" '.repeat(size / 3),
      `""${' '.repeat(size)}x`,
    ]) {
      expect(() => parseBody(Buffer.from(text), 8)).toThrow(/^/);
    }
  });
});

describe('routes', () => {
  it('unknown ones are 404, whatever the method and body', async () => {
    const { get, post, face } = testApi();
    const urls = ['/nothing', '/blk/4/x', '/account', `/${'0'.repeat(40)}/blk/1`, `/${face.address}x`];
    for (const url of urls) refusalOf(await get(url), 404, 'NOT_FOUND');
    refusalOf(await post('/nothing', '{'), 404, 'NOT_FOUND');
  });

  it('with another method are 405 and name the right ones, before any body is read', async () => {
    const { app, get } = testApi();
    const cases = [
      ['POST', '/blk/4', 'GET, HEAD'],
      ['DELETE', '/status', 'GET, HEAD'],
      ['PUT', '/txn/', 'POST'],
      ['HEAD', '/events', 'GET'],
      ['OPTIONS', '/txns', 'GET, HEAD, POST'],
    ] as const;
    for (const [method, url, allow] of cases) {
      const headers = { 'content-type': 'application/json' };
      const response = await app.inject({
        method,
        url,
        headers,
        ...(method === 'POST' ? { payload: '{' } : {}),
      });
      expect([response.statusCode, response.headers.allow], url).toEqual([405, allow]);
      if (method !== 'HEAD') refusalOf(response, 405, 'METHOD_NOT_ALLOWED');
    }
    refusalOf(await get('/txn'), 405, 'METHOD_NOT_ALLOWED');
  });

  it('with malformed percent signs or endless parameters are refused as problems too', async () => {
    const { get } = testApi();
    refusalOf(await get('/blk/%zz'), 400, 'BAD_REQUEST');
    expect((await get(`/blk/${'1'.repeat(5_000)}`)).headers['content-type']).toMatch(/problem\+json/);
  });

  it('with parameters that are none are 400', async () => {
    const { get } = testApi();
    for (const url of [
      '/blk/0',
      '/blk/-1',
      '/blk/1.5',
      '/blk/01',
      '/blk/abc',
      '/blk/LATEST',
      '/txn/abc',
      `/txn/${'A'.repeat(64)}`,
      '/account/xyz',
      `/account/${'A'.repeat(40)}/txns`,
    ]) {
      refusalOf(await get(url), 400, 'BAD_REQUEST');
    }
  });
});

describe('query strings', () => {
  const account = testKey(0).address;
  const REFUSED = [
    '/status?x=1',
    '/accounts?limit=0',
    '/accounts?limit=-1',
    '/accounts?limit=1.5',
    '/accounts?limit=1e1',
    '/accounts?limit=0x10',
    '/accounts?limit=%201',
    '/accounts?limit=01',
    '/accounts?limit=1001',
    '/accounts?limit=',
    '/accounts?limit=1&limit=2',
    '/accounts?cursor=',
    `/accounts?cursor=${'x'.repeat(257)}`,
    '/accounts?offset=3',
    '/txns?since=-1',
    '/txns?since=abc',
    '/txns?since=1.2345',
    '/txns?account=abc',
    `/account/${account}?block=0`,
    `/account/${account}?block=4294967296`,
    `/account/${account}/txns?account=${account}`,
    '/blk?limit=101',
    '/blk?from=0',
    '/blk/4?state=some',
    '/blk/4?form=xml',
    '/blk/4?form=wire&state=all',
    `/txn/${'0'.repeat(64)}?wait=61`,
    `/txn/${'0'.repeat(64)}?wait=0.5`,
    '/health/ready?max_behind=-1',
  ];
  for (const url of REFUSED) {
    it(`${url} is refused`, async () => {
      const { get } = testApi();
      refusalOf(await get(url), 400, 'BAD_REQUEST');
    });
  }
});

describe('errors', () => {
  it('of the protocol keep their code, status and advice', async () => {
    for (const code of Object.keys(ERRORS) as ErrorCode[]) {
      const { post, face } = testApi();
      face.refusal = new ProtocolError(code, 'because');
      const { status, advice } = ERRORS[code];
      const problem = refusalOf(await post('/txn', { wire: 'AA==' }), status, code);
      expect(problem).toMatchObject({ type: 'about:blank', detail: 'because', advice });
    }
  });

  it('share no code between the protocol and HTTP', () => {
    expect(Object.keys(API_ERRORS).filter((code) => code in ERRORS)).toEqual([]);
  });
});

describe('the Host header', () => {
  it('on loopback must be localhost or an IP address', async () => {
    const { get } = testApi({ localHostsOnly: true });
    for (const host of ['localhost', 'localhost:8080', '127.0.0.1:80', '[::1]:80', 'a.localhost']) {
      expect((await get('/blk/cnt', { host })).statusCode, host).toBe(200);
    }
    for (const host of ['evil.example', 'localhost.evil.example:80', '127.0.0.1.evil.example', '[', 'x:y']) {
      // The second time as the first, also after one that was good.
      for (let i = 0; i < 2; i++) refusalOf(await get('/blk/cnt', { host }), 403, 'FORBIDDEN_HOST');
      expect((await get('/blk/cnt', { host: 'localhost' })).statusCode).toBe(200);
      refusalOf(await get('/blk/cnt', { host }), 403, 'FORBIDDEN_HOST');
    }
    expect([isLocalHostHeader(undefined), isLocalHostHeader('')]).toEqual([false, false]);
  });

  it('elsewhere may be any', async () => {
    const { get } = testApi();
    expect((await get('/blk/cnt', { host: 'ccoin.example' })).statusCode).toBe(200);
    expect(['127.0.0.1', 'localhost', '::1', '0.0.0.0', '10.0.0.1'].map(isLoopback)).toEqual([
      true,
      true,
      true,
      false,
      false,
    ]);
  });

  it('no other origin is let in', async () => {
    const { get } = testApi();
    const { headers } = await get('/blk/cnt', { origin: 'https://evil.example' });
    expect(headers['access-control-allow-origin']).toBeUndefined();
    expect(headers['x-content-type-options']).toBe('nosniff');
  });
});

describe('on a socket', () => {
  it('bytes that are no HTTP end only their own connection', async () => {
    const { app } = testApi();
    await app.listen({ port: 0, host: '127.0.0.1' });
    const { port } = app.server.address() as AddressInfo;
    const answer = await new Promise<string>((resolve) => {
      const socket = connect(port, '127.0.0.1', () => socket.write('\x00garbage\r\n\r\n'));
      let text = '';
      socket.on('data', (chunk) => {
        text += chunk;
      });
      socket.on('error', () => {});
      socket.on('close', () => resolve(text));
    });
    expect(answer).toMatch(/^HTTP\/1\.1 400 /);
    const response = await fetch(`http://127.0.0.1:${port}/blk/cnt`);
    expect(await response.text()).toBe('4');
    await app.close();
  });
});

it('a fake face has all of the vectors', () => {
  expect(new FakeFace().height).toBe(
    JSON.parse(readFileSync('test/vectors/chain.json', 'utf8')).blocks.length + 1,
  );
});
