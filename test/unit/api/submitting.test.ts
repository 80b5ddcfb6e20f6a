import { createPublicKey } from 'node:crypto';
import { request as httpRequest } from 'node:http';
import type { AddressInfo } from 'node:net';
import { describe, expect, it, vi } from 'vitest';
import { IdempotencyKeys } from '../../../src/api/idempotency.js';
import { answers } from '../../../src/api/schemas.js';
import { signTransfer } from '../../../src/client/index.js';
import { toBase64 } from '../../../src/protocol/bytes.js';
import { ProtocolError } from '../../../src/protocol/errors.js';
import { FINAL_BLOCKS, finalBlock, GENESIS_ID, testKey } from './fake-face.js';
import { answerOf, refusalOf, TOKEN, testApi } from './support.js';

const to = testKey(1).address;
const authorized = { authorization: `Bearer ${TOKEN}` };

function wireOf(nonce: number): string {
  const { wire } = signTransfer({ to, amount: 3, nonce, fee: 1 }, testKey(0).privateKey, GENESIS_ID);
  return toBase64(wire);
}

describe('POST /txn?wait=', () => {
  const [transaction] = finalBlock(4).block.transactions;
  const body = { wire: toBase64(transaction?.wire ?? Buffer.alloc(0)) };

  it('answers once the transaction is final', async () => {
    const { post, face } = testApi({ after: () => () => {} });
    face.height = 3;
    const answer = post('/txn?wait=60', body);
    await expect.poll(() => face.listeners.size).toBe(1);
    face.finalize();
    const { status } = answerOf(await answer, 200, answers.transaction);
    expect(status).toMatchObject({ state: 'final', block_number: 4 });
    expect(face.listeners.size).toBe(0);
  });

  it('answers that it is pending when time is up', async () => {
    const { post, face } = testApi({
      after: (_, fire) => {
        queueMicrotask(fire);
        return () => {};
      },
    });
    face.height = 3;
    const { status } = answerOf(await post('/txn?wait=1', body), 202, answers.transaction);
    expect(status).toEqual({ state: 'pending', queue: 'ready' });
  });

  it('takes it, and answers at once, if too many wait', async () => {
    const { post, face } = testApi({ limits: { waiters: 0 } });
    face.height = 3;
    answerOf(await post('/txn?wait=60', body), 202, answers.transaction);
    expect(face.pending.size).toBe(1);
  });

  it('waits for nobody who hung up while it was taken in', async () => {
    const { app, face } = testApi({ after: () => () => {} });
    face.height = 3;
    const submit = face.submit.bind(face);
    let take = () => {};
    const taken = new Promise<void>((resolve) => {
      take = resolve;
    });
    const submitted = vi.spyOn(face, 'submit').mockImplementation(async (wires) => {
      await taken;
      return submit(wires);
    });
    await app.listen({ port: 0, host: '127.0.0.1' });
    const { port } = app.server.address() as AddressInfo;
    const gone = new Promise((resolve) => {
      app.server.on('request', (_, response) => response.on('close', resolve));
    });
    const request = httpRequest({
      port,
      host: '127.0.0.1',
      method: 'POST',
      path: '/txn?wait=60',
      headers: { 'content-type': 'application/json' },
    });
    request.on('error', () => {});
    request.end(JSON.stringify(body));
    await expect.poll(() => submitted.mock.calls.length).toBe(1);
    request.destroy();
    await gone;
    // What the answer is made of is looked up after the wait, or instead of it.
    const waiting = new Promise<number>((resolve) => {
      const transaction = face.transaction.bind(face);
      vi.spyOn(face, 'transaction').mockImplementation((id) => {
        if (face.pending.size > 0) resolve(face.listeners.size);
        return transaction(id);
      });
    });
    take();
    expect(await waiting).toBe(0);
    await app.close();
  });

  it('refuses at once what is refused', async () => {
    const { post } = testApi();
    refusalOf(await post('/txn?wait=60', { wire: 'AA==' }), 400, 'MALFORMED');
    refusalOf(await post('/txn?wait=61', body), 400, 'BAD_REQUEST');
  });
});

describe('POST /txn, signed by the node', () => {
  it('takes an address, an amount, and a fee and data if given', async () => {
    const { post, face } = testApi();
    const body = { sendto_address: to, amount: 9007199254740991, fee: 2, data: 'grüezi' };
    const response = await post('/txn', body, authorized);
    const transaction = answerOf(response, 202, answers.transaction);
    expect(transaction).toMatchObject({
      from: face.address,
      to,
      amount: 9007199254740991,
      fee: 2,
      data: 'grüezi',
    });
    expect(transaction.status).toEqual({ state: 'pending', queue: 'ready' });
    expect(response.headers.location).toBe(`/txn/${transaction.id}`);
    expect(face.changes).toEqual([{ to, amount: 9007199254740991, fee: 2, data: Buffer.from('grüezi') }]);
  });

  it('takes data as base64, and null as none', async () => {
    const { post, face } = testApi();
    await post('/txn', { sendto_address: to, amount: 0, data: { base64: '/w==' } }, authorized);
    await post('/txn', { sendto_address: to, amount: 0, data: null }, authorized);
    expect(face.changes).toEqual([
      { to, amount: 0, data: Buffer.of(255) },
      { to, amount: 0 },
    ]);
  });

  it('takes a public key for the address it has', async () => {
    const { post, face } = testApi();
    const { publicKey, privateKey, address } = testKey(2);
    const keyObject = createPublicKey(privateKey);
    const forms = [
      toBase64(publicKey),
      keyObject.export({ type: 'pkcs1', format: 'pem' }),
      keyObject.export({ type: 'spki', format: 'pem' }),
    ];
    for (const sendto_address of forms) {
      answerOf(await post('/txn', { sendto_address, amount: 1 }, authorized), 202, answers.transaction);
    }
    expect(face.changes).toEqual(forms.map(() => ({ to: address, amount: 1 })));
    const privatePem = privateKey.export({ type: 'pkcs8', format: 'pem' });
    refusalOf(await post('/txn', { sendto_address: privatePem, amount: 1 }, authorized), 400, 'BAD_REQUEST');
    const cut = toBase64(publicKey.subarray(0, 60));
    refusalOf(await post('/txn', { sendto_address: cut, amount: 1 }, authorized), 400, 'BAD_PUBLIC_KEY');
  });

  it('needs the token', async () => {
    const { post, face } = testApi();
    const body = { sendto_address: to, amount: 1 };
    for (const authorization of ['', 'Bearer', 'Bearer wrong', `Basic ${TOKEN}`, `Bearer ${TOKEN}x`, TOKEN]) {
      const response = await post('/txn', body, { authorization });
      refusalOf(response, 401, 'UNAUTHORIZED');
      expect(response.headers['www-authenticate']).toMatch(/^Bearer/);
      expect(response.body).not.toContain(TOKEN);
    }
    refusalOf(await post('/txn', body), 401, 'UNAUTHORIZED');
    expect(face.changes).toEqual([]);
  });

  it('is off where there is no token', async () => {
    const { post, face } = testApi();
    const { createApi } = await import('../../../src/api/api.js');
    const app = createApi(face);
    const payload = { sendto_address: to, amount: 1 };
    for (const authorization of [`Bearer ${TOKEN}`, 'Bearer undefined', 'Bearer ']) {
      const response = await app.inject({ method: 'POST', url: '/txn', headers: { authorization }, payload });
      refusalOf(response, 401, 'UNAUTHORIZED');
    }
    expect(face.changes).toEqual([]);
    expect((await post('/txn', payload, authorized)).statusCode).toBe(202);
  });

  it('tells what the node refuses by its code', async () => {
    const { post, face } = testApi();
    face.refusal = new ProtocolError('INSUFFICIENT_BALANCE', 'the balance is 3');
    const problem = refusalOf(
      await post('/txn', { sendto_address: to, amount: 5 }, authorized),
      409,
      'INSUFFICIENT_BALANCE',
    );
    expect(problem.detail).toBe('the balance is 3');
  });
});

describe('Idempotency-Key', () => {
  const headers = { ...authorized, 'idempotency-key': 'order-1' };
  const body = { sendto_address: to, amount: 1 };

  it('makes a repeated order the same transaction', async () => {
    const { post, face } = testApi();
    const first = await post('/txn', body, headers);
    const again = await post('/txn', { amount: 1, sendto_address: to }, headers);
    expect(again.json()).toEqual(first.json());
    expect(face.changes).toHaveLength(1);
    await post('/txn', body, { ...headers, 'idempotency-key': 'order-2' });
    expect(face.changes).toHaveLength(2);
  });

  it('holds for two that come at the same time', async () => {
    const { post, face } = testApi();
    const [a, b] = await Promise.all([post('/txn', body, headers), post('/txn', body, headers)]);
    expect(a.json().id).toBe(b.json().id);
    expect(face.changes).toHaveLength(1);
  });

  it('with another body is refused', async () => {
    const { post, face } = testApi();
    await post('/txn', body, headers);
    for (const other of [
      { ...body, amount: 2 },
      { ...body, fee: 1 },
      { ...body, data: '' },
    ]) {
      refusalOf(await post('/txn', other, headers), 422, 'IDEMPOTENCY_CONFLICT');
    }
    expect(face.changes).toHaveLength(1);
  });

  it('is asked for only after the token', async () => {
    const { post } = testApi();
    await post('/txn', body, headers);
    refusalOf(await post('/txn', body, { 'idempotency-key': 'order-1' }), 401, 'UNAUTHORIZED');
  });

  it('forgets what was refused or failed, so that a retry can succeed', async () => {
    const { post, face } = testApi();
    face.refusal = new ProtocolError('POOL_FULL', 'full');
    refusalOf(await post('/txn', body, headers), 503, 'POOL_FULL');
    face.refusal = undefined;
    face.failure = new Error('broken for a moment');
    refusalOf(await post('/txn', body, headers), 500, 'INTERNAL');
    face.failure = undefined;
    expect((await post('/txn', body, headers)).statusCode).toBe(202);
  });

  it('must be of a sensible length', async () => {
    const { post } = testApi();
    for (const key of ['', 'x'.repeat(256)]) {
      refusalOf(await post('/txn', body, { ...authorized, 'idempotency-key': key }), 400, 'BAD_REQUEST');
    }
  });

  it('keeps the most recently used up to its bound', async () => {
    const keys = new IdempotencyKeys<number>(2);
    let runs = 0;
    const run = (key: string) =>
      keys.run(
        key,
        'same',
        async () => ++runs,
        () => true,
      );
    await run('a');
    await run('b');
    await run('a');
    await run('c'); // b goes
    expect(await run('a')).toBe(1);
    expect(await run('b')).toBe(4);
  });
});

describe('POST /txn, signed elsewhere', () => {
  it('needs no token', async () => {
    const { post } = testApi();
    const transaction = answerOf(await post('/txn', { wire: wireOf(0) }), 202, answers.transaction);
    expect(transaction).toMatchObject({ from: testKey(0).address, to, amount: 3, fee: 1, number: 0 });
  });

  it('again answers its present status, not an error', async () => {
    const { post, face } = testApi();
    const wire = wireOf(1);
    const first = (await post('/txn', { wire })).json();
    expect(answerOf(await post('/txn', { wire }), 202, answers.transaction)).toEqual(first);
    const known = finalBlock(4).block.transactions[0];
    if (known === undefined) throw new Error('missing');
    const final = await post('/txn', { wire: toBase64(known.wire) });
    expect(answerOf(final, 200, answers.transaction).status).toMatchObject({
      state: 'final',
      block_number: 4,
    });
    expect(face.pending.size).toBe(1);
  });

  it('that is no base64 or no transaction is MALFORMED', async () => {
    const { post } = testApi();
    for (const wire of ['AA', 'AA=', '%%%%', 'AA==', 'kMA=']) {
      const response = await post('/txn', { wire });
      expect(response.statusCode).toBe(400);
      expect(['MALFORMED', 'BAD_REQUEST']).toContain(response.json().code);
    }
  });
});

describe('POST /txns', () => {
  it('answers for each, in order', async () => {
    const { post, face } = testApi();
    const final = toBase64(FINAL_BLOCKS[1]?.block.transactions[0]?.wire ?? new Uint8Array());
    const wires = [wireOf(0), '!', wireOf(1), 'AA==', final];
    const { items } = answerOf(await post('/txns', { wires }), 202, answers.batch);
    expect(items.map(({ accepted }: { accepted: boolean }) => accepted)).toEqual([
      true,
      false,
      true,
      false,
      true,
    ]);
    expect([items[0].transaction.number, items[2].transaction.number]).toEqual([0, 1]);
    expect(items[1].error).toMatchObject({ code: 'MALFORMED', status: 400 });
    expect(items[4].transaction.status.state).toBe('final');
    expect(face.pending.size).toBe(2);
  });

  it('says no more than id and status of each when asked to be short', async () => {
    const { post } = testApi();
    const wire = wireOf(0);
    const { items: whole } = answerOf(await post('/txns', [wire]), 202, answers.batch);
    const { items } = answerOf(await post('/txns?form=short', [wire, '!']), 202, answers.batch);
    const { id, status } = whole[0].transaction;
    expect(items[0]).toEqual({ accepted: true, transaction: { id, status } });
    expect(items[1].error).toMatchObject({ code: 'MALFORMED' });
    refusalOf(await post('/txns?form=long', [wireOf(0)]), 400, 'BAD_REQUEST');
  });

  it('takes the list by itself too', async () => {
    const { post } = testApi();
    expect(answerOf(await post('/txns', [wireOf(0)]), 202, answers.batch).items).toHaveLength(1);
  });

  it('refuses what is no such list', async () => {
    const { post, face } = testApi({ limits: { batchTransactions: 2 } });
    for (const body of [
      [],
      {},
      { wires: [] },
      { wires: 'AA==' },
      [1],
      ['a', 'b', 'c'],
      { wires: ['a'], x: 1 },
      7,
    ]) {
      refusalOf(await post('/txns', body), 400, 'BAD_REQUEST');
    }
    expect(face.changes).toEqual([]);
  });
});

describe('GET /pool', () => {
  it('lists what is pending', async () => {
    const { post, get } = testApi();
    await post('/txns', [wireOf(0), wireOf(1), wireOf(2)]);
    const first = answerOf(await get('/pool?limit=2'), 200, answers.pool);
    expect(first).toMatchObject({ ready: 3, next: '2' });
    const second = answerOf(await get(`/pool?limit=2&cursor=${first.next}`), 200, answers.pool);
    expect([...first.items, ...second.items].map(({ number }) => number)).toEqual([0, 1, 2]);
    expect(second.next).toBeNull();
  });
});
