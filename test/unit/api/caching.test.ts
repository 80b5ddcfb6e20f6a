/** What is final can be kept, and asked for again without being sent again; what is about now never is. */
import { describe, expect, it } from 'vitest';
import { finalBlock } from './fake-face.js';
import { refusalOf, testApi } from './support.js';

const FOR_EVER = 'public, max-age=31536000, immutable';
const { id, transactions } = finalBlock(4).block;
const transactionId = transactions[0]?.id ?? '';
const sender = 'f365b55a86c63ea340b776c8f9513356c0d40284';

const BY_ID = ['', '?form=wire', '?state=all', '?state=touched'].map((query) => `/blk/${id}${query}`);
BY_ID.push(`/txn/${transactionId}`, `/txn/${transactionId}?wait=5`);
const BY_NUMBER = [
  '/blk/1',
  '/blk/4',
  '/blk/4?form=wire',
  '/blk/4?state=all',
  '/blk/latest',
  '/blk?from=1&limit=2',
  `/account/${sender}?block=2`,
];
const ABOUT_NOW = [
  '/',
  '/status',
  '/blk/cnt',
  '/blk',
  '/blk?from=3&limit=2',
  '/blk?from=5',
  '/txns',
  '/pool',
  '/accounts',
  `/account/${sender}`,
  `/account/${sender}/txns`,
];

describe('what is final', () => {
  it.each([...BY_ID.map((url) => [url, FOR_EVER]), ...BY_NUMBER.map((url) => [url, 'no-cache'])] as const)(
    'is not sent again to who has it: GET %s',
    async (url, kept) => {
      const { get, app } = testApi();
      const { headers, statusCode } = await get(url);
      const tag = String(headers.etag);
      expect([statusCode, headers['cache-control']]).toEqual([200, kept]);
      expect(tag).toMatch(/^W\/"[\w-]+"$/);
      const strong = tag.slice(2);
      for (const named of [tag, strong, `"other", ${tag}`, `W/"a,b",${strong} , "other"`, '*']) {
        const again = await get(url, { 'if-none-match': named });
        expect([again.statusCode, again.body], named).toEqual([304, '']);
        expect([again.headers.etag, again.headers['cache-control']]).toEqual([tag, kept]);
      }
      const head = await app.inject({ method: 'HEAD', url, headers: { 'if-none-match': tag } });
      expect(head.statusCode).toBe(304);
      for (const other of ['"other"', `W/"x${strong.slice(1)}`, strong.slice(1, -1), ''])
        expect((await get(url, { 'if-none-match': other })).statusCode, other).toBe(200);
    },
  );

  it('is not read for who names its tag along with its id, and has not come or is gone here', async () => {
    const { get, face } = testApi();
    const fail = () => {
      throw new Error('read');
    };
    Object.assign(face, { block: fail, touchedAccounts: fail, accountsAt: fail, transaction: fail });
    for (const url of BY_ID) {
      const tag = url.startsWith('/txn') ? transactionId : id;
      expect((await get(url, { 'if-none-match': `W/"${tag}"` })).statusCode, url).toBe(304);
    }
  });

  it('may be another one under the same name if that is no id', async () => {
    const { get, face } = testApi();
    face.height = 3;
    const latest = String((await get('/blk/latest')).headers.etag);
    face.finalize();
    expect((await get('/blk/latest', { 'if-none-match': latest })).json().number).toBe(4);
    const account = String((await get(`/account/${sender}?block=2`)).headers.etag);
    const later = await get(`/account/${sender}?block=4`, { 'if-none-match': account });
    expect(later.json().block_number).toBe(4);
  });

  it('is a page of blocks once another block follows it', async () => {
    const { get, face } = testApi();
    const url = '/blk?from=2&limit=2';
    face.height = 3;
    expect((await get(url)).headers).not.toHaveProperty('etag');
    face.finalize();
    const { etag } = (await get(url)).headers;
    expect((await get(url, { 'if-none-match': String(etag) })).statusCode).toBe(304);
    expect((await get('/blk?from=2&limit=1', { 'if-none-match': String(etag) })).statusCode).toBe(200);
    // Where the blocks behind genesis are not kept any more, the page is another one.
    const whole = String((await get('/blk?from=1&limit=2')).headers.etag);
    const pruned = testApi();
    pruned.face.base = 3;
    const page = await pruned.get('/blk?from=1&limit=2', { 'if-none-match': whole });
    expect(page.json().items).toHaveLength(1);
  });
});

describe('what is about now', () => {
  it.each(ABOUT_NOW)('is not kept, and always sent: GET %s', async (url) => {
    const { get } = testApi();
    const { statusCode, headers } = await get(url, { 'if-none-match': '*' });
    expect([statusCode, headers['cache-control'], headers.etag]).toEqual([200, 'no-store', undefined]);
  });

  it('includes a transaction that is pending or dropped', async () => {
    const { get, face } = testApi();
    face.height = 3;
    const [transaction] = transactions;
    if (transaction === undefined) throw new Error('block 4 of the vectors has transactions');
    for (const status of [
      { state: 'pending', queue: 'ready' },
      { state: 'dropped', reason: 'expired', detail: '' },
    ] as const) {
      face.pending.set(transactionId, { transaction, status });
      const { statusCode, headers } = await get(`/txn/${transactionId}`, { 'if-none-match': '*' });
      expect([statusCode, headers['cache-control'], headers.etag]).toEqual([200, 'no-store', undefined]);
    }
  });

  it('includes every refusal', async () => {
    const { get, face } = testApi({ limits: { smallBytes: 500, unreadBytes: 0, stateStreams: 0 } });
    face.base = 3;
    for (const [url, status, code] of [
      ['/blk/9', 404, 'NOT_FOUND'],
      [`/blk/${'0'.repeat(64)}`, 404, 'NOT_FOUND'],
      [`/txn/${'0'.repeat(64)}`, 404, 'NOT_FOUND'],
      [`/account/${sender}?block=9`, 404, 'NOT_FOUND'],
      ['/blk/3', 410, 'PRUNED'],
      [`/blk/${finalBlock(3).block.id}`, 410, 'PRUNED'],
      // These had a tag before they were refused: they are too large, or too many.
      ['/blk/4', 503, 'TOO_BUSY'],
      [`/blk/${id}`, 503, 'TOO_BUSY'],
      [`/blk/${id}?form=wire`, 503, 'TOO_BUSY'],
      [`/blk/${id}?state=all`, 503, 'TOO_BUSY'],
      ['/blk?from=4&limit=1', 503, 'TOO_BUSY'],
      [`/txn/${transactionId}`, 503, 'TOO_BUSY'],
    ] as const) {
      const response = await get(url);
      refusalOf(response, status, code);
      expect([response.headers['cache-control'], response.headers.etag], url).toEqual([
        'no-store',
        undefined,
      ]);
    }
  });
});
