import { get as httpGet } from 'node:http';
import type { AddressInfo } from 'node:net';
import { describe, expect, it } from 'vitest';
import { answers } from '../../../src/api/schemas.js';
import type { Schema } from '../../../src/api/validation.js';
import { FINAL_BLOCKS, finalBlock, testKey } from './fake-face.js';
import { answerOf, refusalOf, testApi } from './support.js';

const sender = 'f365b55a86c63ea340b776c8f9513356c0d40284';
const block4 = finalBlock(4).block;
const firstOf4 = block4.transactions[0]?.id ?? '';

/** Every route that reads JSON, with the schema of what it answers. */
const READS: readonly (readonly [url: string, schema: Schema])[] = [
  ['/', answers.node],
  ['/status', answers.status],
  ['/peers', answers.peers],
  ['/authorities', answers.authorities],
  ['/evidence', answers.evidence],
  ['/health/live', answers.live],
  ['/health/ready', answers.ready],
  ['/health/ready?max_behind=3', answers.ready],
  ['/blk/cnt', answers.count],
  ['/blk/1', answers.block],
  ['/blk/4', answers.block],
  ['/blk/latest', answers.block],
  [`/blk/${block4.id}`, answers.block],
  ['/blk/4?state=touched', answers.block],
  ['/blk/4?state=all', answers.block],
  ['/blk/4?form=wire', answers.block],
  ['/blk/1?form=wire', answers.block],
  ['/blk', answers.blocks],
  ['/blk?from=2&limit=2', answers.blocks],
  [`/txn/${firstOf4}`, answers.transaction],
  [`/txn/${firstOf4}?wait=5`, answers.transaction],
  ['/txns', answers.transactions],
  [`/txns?since=1.5&account=${sender}&limit=2&cursor=0`, answers.transactions],
  [`/account/${sender}`, answers.account],
  [`/account/${sender}?block=2`, answers.account],
  [`/account/${sender}/txns`, answers.transactions],
  ['/accounts', answers.accounts],
  ['/pool', answers.pool],
];

describe('of a chain that keeps only its newest blocks', () => {
  async function pruned() {
    const api = testApi();
    api.face.base = 3;
    return api;
  }

  it('blocks that are gone are refused as such, by number, by id, and in every form', async () => {
    const { get } = await pruned();
    for (const url of [
      '/blk/2',
      '/blk/3',
      `/blk/${finalBlock(3).block.id}`,
      '/blk/3?form=wire',
      '/blk/3?state=all',
    ])
      refusalOf(await get(url), 410, 'PRUNED');
    answerOf(await get('/blk/1'), 200, answers.block);
    answerOf(await get('/blk/4'), 200, answers.block);
    refusalOf(await get('/blk/5'), 404, 'NOT_FOUND');
  });

  it('pages end where blocks are gone', async () => {
    const { get } = await pruned();
    for (const limit of [1, 100])
      expect(answerOf(await get(`/blk?from=1&limit=${limit}`), 200, answers.blocks)).toMatchObject({
        items: [{ number: 1 }],
        next: 2,
      });
    refusalOf(await get('/blk?from=2'), 410, 'PRUNED');
    expect(answerOf(await get('/blk?from=4'), 200, answers.blocks)).toMatchObject({ next: null });
  });

  it('an unknown transaction may be one that is gone, and is if its block is named', async () => {
    const { get, post } = await pruned();
    const id = finalBlock(2).block.transactions[0]?.id;
    const { detail } = refusalOf(await get(`/txn/${id}`), 404, 'NOT_FOUND');
    expect(detail).toBe(
      `no transaction ${id} is known here, and those of blocks up to 3 are not kept any more`,
    );
    refusalOf(await post(`/txn/${id}`, { block_number: 2 }), 410, 'PRUNED');
    refusalOf(await post(`/txn/${id}`, { block_number: 4 }), 404, 'NOT_FOUND');
    answerOf(await get(`/txn/${firstOf4}`), 200, answers.transaction);
  });

  it('the status says from where on blocks are kept', async () => {
    const { get } = await pruned();
    expect(answerOf(await get('/status'), 200, answers.status)).toMatchObject({ base: 3 });
  });
});

describe('what can be read', () => {
  for (const [url, schema] of READS) {
    it(`GET ${url}: at / and under the node's address, with and without a trailing slash`, async () => {
      const { get, face } = testApi();
      const [path, query] = url.split('?') as [string, string | undefined];
      const search = query === undefined ? '' : `?${query}`;
      const first = answerOf(await get(url), 200, schema);
      const bare = path === '/' ? '' : path;
      for (const variant of [`${bare}/`, `/${face.address}${bare}`, `/${face.address}${bare}/`]) {
        expect(answerOf(await get(variant + search), 200, schema), variant).toEqual(first);
      }
    });
  }

  it('changes nothing', async () => {
    const { get, post, face } = testApi();
    for (const [url] of READS) await get(url);
    await post(`/txn/${firstOf4}`, { block_number: 4 });
    expect(face.changes).toEqual([]);
    expect(face.listeners.size).toBe(0);
  });

  it('answers HEAD as GET, without the body', async () => {
    const { app } = testApi();
    const head = await app.inject({ method: 'HEAD', url: '/blk/cnt' });
    expect([head.statusCode, head.body]).toEqual([200, '']);
  });
});

describe('the node', () => {
  it('lists its peers at the root', async () => {
    const { get } = testApi();
    expect((await get('/')).json().peers).toMatchObject([
      { address: testKey(1).address, clock_offset_ms: -3 },
    ]);
  });

  it('is ready, or says why it is not', async () => {
    const { get, face } = testApi();
    face.readinessAnswer = { ready: false, reasons: ['syncing: 7 blocks behind', 'no quorum'] };
    const problem = refusalOf(await get('/health/ready'), 503, 'NOT_READY');
    expect(problem.detail).toBe('syncing: 7 blocks behind; no quorum');
    expect(problem.reasons).toEqual(face.readinessAnswer.reasons);
    expect((await get('/health/live')).statusCode).toBe(200);
  });

  it('answers a failure of its own with 500 and nothing of its inside', async () => {
    const failures: unknown[] = [];
    const { get, face } = testApi({ onFailure: (...failure) => failures.push(failure) });
    face.failure = new Error('secret inside');
    const response = await get('/status/');
    refusalOf(response, 500, 'INTERNAL');
    expect(response.body).not.toContain('secret');
    await get('/nothing');
    expect(failures).toEqual([[face.failure, 'GET /status/']]);
  });
});

describe('blocks', () => {
  it('are counted by a bare number', async () => {
    const { get } = testApi();
    expect((await get('/blk/cnt')).body).toBe('4');
  });

  it('show header, body, certificate and the accounts they touched', async () => {
    const { get } = testApi();
    const block = (await get('/blk/4')).json();
    expect(block).toMatchObject({
      number: 4,
      id: block4.id,
      hash_parent: finalBlock(3).block.id,
      hash_state: block4.header.hashState,
      mining_hash: block4.miningHash,
      nonce: block4.nonce,
      time: block4.header.time / 1000,
    });
    expect(block.body).toHaveLength(block4.transactions.length);
    expect(block.body[0]).toMatchObject({
      id: firstOf4,
      number: 0,
      data: null,
      status: { state: 'final', block_number: 4, index: 0 },
    });
    expect(block.body[1].data).toEqual({ base64: expect.any(String) });
    expect(block.body[3].data).toBe('späť');
    expect(block.certificate.signatures.length).toBeGreaterThanOrEqual(3);
    const { authority, address } = block.certificate.signatures[0];
    expect(address).toBe((await get('/authorities')).json().items[authority].address);
    expect(block.state[sender]).toEqual({ address: sender, nonce: 3, balance: 8599934289, stake: 0 });
  });

  it('genesis has neither certificate nor signature', async () => {
    const { get } = testApi();
    expect((await get('/blk/1')).json()).toMatchObject({ certificate: null, signature: null, body: [] });
  });

  it('stream every account with state=all, many of them too', async () => {
    const { get, face } = testApi();
    const many = Array.from({ length: 5_000 }, (_, i) => {
      return [i.toString(16).padStart(40, '0'), { nonce: 0, balance: i, stake: 0 }] as const;
    });
    face.accountsAt = async function* () {
      yield* many;
    };
    const block = answerOf(await get('/blk/3?state=all'), 200, answers.block);
    expect(Object.keys(block.state)).toHaveLength(5_000);
    expect(block.state[many[4_999]?.[0] ?? '']).toMatchObject({ balance: 4_999 });
  });

  it('state=all of a block without accounts is JSON too, and the number of such streams is bounded', async () => {
    const { get, face } = testApi({ limits: { stateStreams: 1 } });
    face.accountsAt = async function* () {};
    expect((await get('/blk/3?state=all')).json().state).toEqual({});
    let release = () => {};
    const held = new Promise<void>((resolve) => {
      release = resolve;
    });
    // biome-ignore lint/correctness/useYield: it only has to hold its place.
    face.accountsAt = async function* () {
      await held;
    };
    const first = get('/blk/3?state=all');
    const started = await get('/blk/4'); // Lets the first one begin.
    expect(started.statusCode).toBe(200);
    refusalOf(await get('/blk/3?state=all'), 503, 'TOO_BUSY');
    release();
    expect((await first).statusCode).toBe(200);
    await expect.poll(async () => (await get('/blk/2?state=all')).statusCode).toBe(200);
  });

  it('state=all that fails midway breaks off, and never looks whole', async () => {
    const failures: unknown[] = [];
    const { app, face } = testApi({ onFailure: (error) => failures.push(error) });
    const failure = new Error('the disk broke');
    face.accountsAt = async function* () {
      for (let i = 0; i < 1_000; i++) yield [testKey(0).address, { nonce: i, balance: 0, stake: 0 }];
      throw failure;
    };
    await app.listen({ port: 0, host: '127.0.0.1' });
    const { port } = app.server.address() as AddressInfo;
    const response = await fetch(`http://127.0.0.1:${port}/blk/4?state=all`);
    await expect(response.text()).rejects.toThrow();
    expect(failures).toEqual([failure]);
    await app.close();
  });

  it('are written once and then kept, within a bound', async () => {
    const { get, face } = testApi();
    await get('/blk/2');
    const read = face.blocksRead;
    expect((await get('/blk/2')).json().number).toBe(2);
    expect((await get(`/blk/${finalBlock(2).block.id}`)).json().number).toBe(2);
    expect(face.blocksRead).toBe(read);
    const small = testApi({ limits: { blockCacheBytes: 5_000 } });
    for (const number of [2, 3, 4, 2, 3, 4]) {
      expect((await small.get(`/blk/${number}`)).json().number).toBe(number);
      expect((await small.get(`/blk/${finalBlock(number).block.id}`)).json().number).toBe(number);
    }
  });

  it('come in pages that say where to go on, also when they are cut by size', async () => {
    for (const limits of [{}, { pageBytes: 1 }]) {
      const { get } = testApi({ limits });
      const numbers: number[] = [];
      let from: number | null = 1;
      while (from !== null) {
        const page = answerOf(await get(`/blk?from=${from}&limit=3`), 200, answers.blocks);
        numbers.push(...page.items.map(({ number }: { number: number }) => number));
        from = page.next;
      }
      expect(numbers).toEqual(FINAL_BLOCKS.map(({ block }) => block.header.number));
    }
    const { get } = testApi();
    expect((await get('/blk?from=5')).json()).toEqual({ items: [], next: null });
  });

  it('that are not there are 404', async () => {
    const { get } = testApi();
    refusalOf(await get('/blk/5'), 404, 'NOT_FOUND');
    refusalOf(await get(`/blk/${'0'.repeat(64)}`), 404, 'NOT_FOUND');
    refusalOf(await get('/blk/5?form=wire'), 404, 'NOT_FOUND');
    refusalOf(await get('/blk/5?state=all'), 404, 'NOT_FOUND');
  });
});

describe('transactions and accounts', () => {
  it('are looked up in the block that the caller names', async () => {
    const { post, get } = testApi();
    const found = answerOf(await post(`/txn/${firstOf4}`, { block_number: 4 }), 200, answers.transaction);
    expect(found).toEqual((await get(`/txn/${firstOf4}`)).json());
    refusalOf(await post(`/txn/${firstOf4}`, { block_number: 3 }), 404, 'NOT_FOUND');
    refusalOf(await post(`/txn/${'1'.repeat(64)}`, { block_number: 3 }), 404, 'NOT_FOUND');
    refusalOf(await post(`/txn/${firstOf4}`, { block_number: '4' }), 400, 'BAD_REQUEST');
    refusalOf(await post(`/txn/${firstOf4}`, {}), 400, 'BAD_REQUEST');
  });

  it('show why one was dropped', async () => {
    const { get, face } = testApi();
    const known = await face.transaction(firstOf4);
    if (known === undefined) throw new Error('missing');
    const id = 'd'.repeat(64);
    face.pending.set(id, {
      transaction: { ...known.transaction, id },
      status: { state: 'dropped', reason: 'replaced', detail: `by ${firstOf4}` },
    });
    const { status } = answerOf(await get(`/txn/${id}?wait=60`), 200, answers.transaction);
    expect(status).toEqual({ state: 'dropped', reason: 'replaced', detail: `by ${firstOf4}` });
  });

  it('are listed in pages, never cut silently', async () => {
    const { get } = testApi();
    const all = (await get('/txns')).json().items.map(({ id }: { id: string }) => id);
    expect(all).toHaveLength(7);
    const collected: string[] = [];
    let cursor: string | null = '0';
    while (cursor !== null) {
      const page = answerOf(await get(`/txns?limit=2&cursor=${cursor}`), 200, answers.transactions);
      collected.push(...page.items.map(({ id }: { id: string }) => id));
      cursor = page.next;
    }
    expect(collected).toEqual(all);
    refusalOf(await get('/txns?cursor=nonsense'), 400, 'MALFORMED');
  });

  it('since is in seconds', async () => {
    const { get } = testApi();
    const { items } = (await get(`/txns?since=${block4.header.time / 1000}`)).json();
    expect(items).toHaveLength(block4.transactions.length);
    const later = (block4.header.time + 1) / 1000;
    expect((await get(`/txns?since=${later}`)).json().items).toEqual([]);
  });

  it('an account is shown now and as of a block', async () => {
    const { get } = testApi();
    expect((await get(`/account/${sender}`)).json()).toMatchObject({ balance: 8599934289, next_nonce: 3 });
    expect((await get(`/account/${sender}?block=2`)).json()).toMatchObject({ nonce: 2, block_number: 2 });
    refusalOf(await get(`/account/${sender}?block=5`), 404, 'NOT_FOUND');
    refusalOf(await get(`/account/${'0'.repeat(40)}`), 404, 'NOT_FOUND');
  });
});

describe('waiting', () => {
  it('ends when the transaction is final', async () => {
    const { get, face } = testApi({ after: () => () => {} });
    face.height = 3;
    const answer = get(`/txn/${firstOf4}?wait=60`);
    await expect.poll(() => face.listeners.size).toBe(1);
    face.finalize();
    expect((await answer).json().status).toMatchObject({ state: 'final', block_number: 4 });
    expect(face.listeners.size).toBe(0);
  });

  it('ends when time is up, with the status of then', async () => {
    const delays: number[] = [];
    const { get, face } = testApi({
      after: (delayMs, fire) => {
        delays.push(delayMs);
        queueMicrotask(fire);
        return () => {};
      },
    });
    face.height = 3;
    refusalOf(await get(`/txn/${firstOf4}?wait=7`), 404, 'NOT_FOUND');
    expect(delays).toEqual([7000]);
    expect(face.listeners.size).toBe(0);
  });

  it('is bounded in number', async () => {
    const { get, face, app } = testApi({ limits: { waiters: 1 }, after: () => () => {} });
    face.height = 3;
    const first = get(`/txn/${firstOf4}?wait=60`);
    await expect.poll(() => face.listeners.size).toBe(1);
    refusalOf(await get(`/txn/${firstOf4}?wait=60`), 503, 'TOO_BUSY');
    // Closing lets those who wait have their answer.
    await app.close();
    expect((await first).statusCode).toBe(404);
    expect(face.listeners.size).toBe(0);
  });

  it('ends when the caller goes away', async () => {
    const { face, app } = testApi();
    face.height = 3;
    await app.listen({ port: 0, host: '127.0.0.1' });
    const { port } = app.server.address() as AddressInfo;
    const request = httpGet({ port, host: '127.0.0.1', path: `/txn/${firstOf4}?wait=60` });
    request.on('error', () => {});
    await expect.poll(() => face.listeners.size).toBe(1);
    request.destroy();
    await expect.poll(() => face.listeners.size).toBe(0);
    await app.close();
  });
});

describe('GET /events', () => {
  it('tells of each final block', async () => {
    const { app, face } = testApi();
    face.height = 3;
    const response = await app.inject({ url: '/events', payloadAsStream: true });
    expect(response.headers['content-type']).toBe('text/event-stream');
    const stream = response.stream();
    let text = '';
    stream.on('data', (chunk) => {
      text += chunk;
    });
    face.finalize();
    await expect.poll(() => text).toContain('\nid: 4\n');
    const data = JSON.parse(/^data: (.*)$/m.exec(text)?.[1] ?? '');
    expect(data).toEqual({
      number: 4,
      id: block4.id,
      leader: block4.header.coinbase,
      round: finalBlock(4).certificate?.round,
      transactions: 4,
      finality_ms: 7,
      synced: false,
    });
    await app.close();
    expect(face.listeners.size).toBe(0);
  });

  it('drops a listener that does not read, and bounds how many listen', async () => {
    const { app, get, face } = testApi({ limits: { listeners: 1, listenerQueueBytes: 100 } });
    face.height = 3;
    await app.listen({ port: 0, host: '127.0.0.1' });
    const { port } = app.server.address() as AddressInfo;
    const closed = new Promise<void>((resolve) => {
      const request = httpGet({ port, host: '127.0.0.1', path: '/events' }, (response) => {
        response.on('error', () => {});
        response.on('close', () => resolve());
        response.resume();
      });
      request.on('error', () => resolve());
    });
    await expect.poll(() => face.listeners.size).toBe(1);
    refusalOf(await get('/events'), 503, 'TOO_BUSY');
    face.finalize(); // One event is more than the 100 bytes that may wait.
    await closed;
    await expect.poll(() => face.listeners.size).toBe(0);
    await app.close();
  });
});
