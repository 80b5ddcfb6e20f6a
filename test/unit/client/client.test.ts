import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterEach, beforeEach, describe, expect, expectTypeOf, it } from 'vitest';
import { createApi } from '../../../src/api/api.js';
import * as views from '../../../src/api/views.js';
import {
  type AccountJson,
  type BlockJson,
  type BlockWireJson,
  CcoinClient,
  CcoinError,
  type EvidenceJson,
  type FinalityJson,
  type NodeJson,
  type PeerJson,
  type StatusJson,
  signTransfer,
  type TransactionJson,
} from '../../../src/client/index.js';
import { fromHex } from '../../../src/protocol/bytes.js';
import { ProtocolError } from '../../../src/protocol/errors.js';
import { addressOf, verify } from '../../../src/protocol/keys.js';
import { decodeTransaction, transactionSignatureCheck } from '../../../src/protocol/transaction.js';
import { FakeFace, finalBlock, GENESIS_ID, testKey } from '../api/fake-face.js';

const TOKEN = 'a-token-of-the-tests';
const to = testKey(1).address;
const funded = 'f365b55a86c63ea340b776c8f9513356c0d40284';

let face: FakeFace;
let client: CcoinClient;
let close: () => Promise<void>;

beforeEach(async () => {
  face = new FakeFace();
  const app = createApi(face, { token: TOKEN });
  await app.listen({ host: '127.0.0.1', port: 0 });
  const { port } = app.server.address() as AddressInfo;
  client = new CcoinClient(`http://127.0.0.1:${port}/`, { token: TOKEN });
  close = () => app.close();
});
afterEach(() => close());

describe('signTransfer', () => {
  it('makes a transaction that the protocol accepts, with the key exactly at nonce 0', () => {
    const { privateKey, publicKey, address } = testKey(0);
    const network = fromHex(GENESIS_ID);
    for (const nonce of [0, 1]) {
      const signed = signTransfer(
        { to, amount: 5, nonce, data: 'für dich', timeMs: 1234 },
        privateKey,
        GENESIS_ID,
      );
      const transaction = decodeTransaction(signed.wire, network);
      expect(transaction).toMatchObject({
        id: signed.id,
        from: address,
        to,
        amount: 5,
        fee: 0,
        nonce,
        time: 1234,
      });
      expect(transaction.publicKey === null).toBe(nonce !== 0);
      expect(verify(transactionSignatureCheck(transaction, publicKey, network))).toBe(true);
      expect(addressOf(publicKey)).toBe(signed.from);
    }
  });

  it('refuses what has no form', () => {
    const { privateKey } = testKey(0);
    const sign = (change: object, genesisId = GENESIS_ID) =>
      signTransfer({ to, amount: 1, nonce: 0, ...change }, privateKey, genesisId);
    expect(() => sign({ to: 'abc' })).toThrow(TypeError);
    expect(() => sign({ amount: -1 })).toThrow(TypeError);
    expect(() => sign({ amount: 0.5 })).toThrow(TypeError);
    expect(() => sign({ amount: 2 ** 53 })).toThrow(TypeError);
    expect(() => sign({ data: '\ud800' })).toThrow(TypeError);
    expect(() => sign({}, 'abc')).toThrow(TypeError);
  });
});

describe('CcoinClient', () => {
  it('reads', async () => {
    expect(await client.blockCount()).toBe(4);
    expect((await client.node()).peers).toHaveLength(1);
    expect((await client.status()).genesis_id).toBe(GENESIS_ID);
    expect((await client.block('latest')).number).toBe(4);
    expect((await client.block(2, { state: 'all' })).state[funded]).toBeDefined();
    expect((await client.blocks({ from: 3, limit: 1 })).next).toBe(4);
    expect((await client.account(funded, { block: 2 })).nonce).toBe(2);
    expect((await client.accounts({ limit: 2 })).items).toHaveLength(2);
    expect((await client.transactions({ account: funded, limit: 1, since: 1.5 })).items).toHaveLength(1);
    expect((await client.pool()).items).toEqual([]);
    expect(await client.peers()).toHaveLength(1);
    expect((await client.authorities()).quorum).toBe(3);
    expect(await client.evidence()).toHaveLength(1);
    const id = finalBlock(4).block.transactions[0]?.id ?? '';
    expect(await client.transactionIn(id, 4)).toEqual(await client.transaction(id));
    expect(await client.readiness()).toEqual({ ready: true, reason: '' });
    face.readinessAnswer = { ready: false, reasons: ['syncing'] };
    expect(await client.readiness(0)).toEqual({ ready: false, reason: 'syncing' });
  });

  it('works with the address of the node in its path', async () => {
    const under = new CcoinClient(`${client.baseUrl}/${face.address}/`);
    expect(await under.blockCount()).toBe(4);
    expect((await under.node()).address).toBe(face.address);
  });

  it('signs, hands in, and waits', async () => {
    face.height = 3;
    const pending = finalBlock(4).block.transactions[0];
    if (pending === undefined) throw new Error('missing');
    expect((await client.submit(pending.wire)).status.state).toBe('pending');
    const waiting = client.waitFinal(pending.id);
    await expect.poll(() => face.listeners.size).toBe(1);
    face.finalize();
    expect((await waiting).status).toMatchObject({ state: 'final', block_number: 4 });
  });

  it('says why what it waited for will not be final', async () => {
    const { privateKey } = testKey(0);
    const signed = signTransfer({ to, amount: 1, nonce: 7 }, privateKey, GENESIS_ID);
    await client.submit(signed.wire);
    await expect(client.waitFinal(signed.id, 0)).rejects.toMatchObject({ code: 'NOT_FINAL' });
    const known = face.pending.get(signed.id);
    if (known === undefined) throw new Error('missing');
    face.pending.set(signed.id, { ...known, status: { state: 'dropped', reason: 'expired', detail: '' } });
    await expect(client.waitFinal(signed.id)).rejects.toMatchObject({ code: 'DROPPED' });
  });

  it('takes the next nonce and the network from the node', async () => {
    const { address } = testKey(1);
    const { privateKey } = testKey(1);
    const account = await client.account(address);
    const sent = await client.send(privateKey, { to: funded, amount: 2, fee: 1, data: 'hi' });
    expect(sent).toMatchObject({ from: address, number: account.next_nonce, amount: 2, fee: 1, data: 'hi' });
  });

  it('lets the node sign, with the token', async () => {
    const order = { to, amount: 1, data: { base64: '/w==' } };
    const first = await client.transfer(order, 'key');
    expect(await client.transfer(order, 'key')).toEqual(first);
    expect(face.changes).toHaveLength(1);
    await expect(new CcoinClient(client.baseUrl).transfer(order)).rejects.toMatchObject({
      code: 'UNAUTHORIZED',
    });
  });

  it('hands in many, with one answer each', async () => {
    const { privateKey } = testKey(0);
    const wires = [1, 2].map((nonce) => signTransfer({ to, amount: 1, nonce }, privateKey, GENESIS_ID).wire);
    const items = await client.submitAll([...wires, Uint8Array.of(0)]);
    expect(items.map(({ accepted }) => accepted)).toEqual([true, true, false]);
  });

  it('hears of final blocks until it stops listening', async () => {
    face.height = 2;
    const stop = new AbortController();
    const events = client.finality(stop.signal);
    const first = events.next();
    await expect.poll(() => face.listeners.size).toBe(1);
    face.finalize();
    expect((await first).value).toMatchObject({ number: 3, finality_ms: 7 });
    stop.abort();
    await expect(events.next()).rejects.toThrow();
    await expect.poll(() => face.listeners.size).toBe(0);
  });
});

describe('failures', () => {
  it('of the node carry code, status and advice', async () => {
    face.refusal = new ProtocolError('NONCE_TOO_LOW', 'the nonce 1 is used');
    const error = await client.submit(Uint8Array.of(1)).catch((error) => error);
    expect(error).toBeInstanceOf(CcoinError);
    expect(error).toMatchObject({ code: 'NONCE_TOO_LOW', status: 409, message: 'the nonce 1 is used' });
    expect(error.advice).toMatch(/next nonce/);
    await expect(client.block(99)).rejects.toMatchObject({ code: 'NOT_FOUND', status: 404 });
  });

  it('to reach one are said in one sentence', async () => {
    await close();
    const error = await client.status().catch((error) => error);
    expect(error).toMatchObject({ code: 'UNREACHABLE', status: 0 });
    expect(error.message).toBe(`no node can be reached at ${client.baseUrl} (ECONNREFUSED)`);
    await expect(client.finality().next()).rejects.toMatchObject({ code: 'UNREACHABLE' });
  });

  it('of something else that listens there are told apart', async () => {
    const answers = [
      [200, '<html>', 'BAD_ANSWER'],
      [500, '{"error":"x"}', 'BAD_ANSWER'],
      [404, 'null', 'BAD_ANSWER'],
    ] as const;
    for (const [status, body, code] of answers) {
      const server = createServer((_, response) => response.writeHead(status).end(body));
      await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
      const { port } = server.address() as AddressInfo;
      await expect(new CcoinClient(`http://127.0.0.1:${port}`).status()).rejects.toMatchObject({ code });
      server.closeAllConnections();
      server.close();
    }
    expect(() => new CcoinClient('localhost:8080')).toThrow(/not the HTTP address/);
    expect(() => new CcoinClient('nonsense')).toThrow(/not the HTTP address/);
  });
});

it("the client's types are those of what the API shows", () => {
  expectTypeOf(views.transactionView).returns.toExtend<TransactionJson>();
  expectTypeOf(views.accountView).returns.toExtend<AccountJson>();
  expectTypeOf(views.blockView).returns.toExtend<Omit<BlockJson, 'state'>>();
  expectTypeOf(views.blockWireView).returns.toExtend<BlockWireJson>();
  expectTypeOf(views.nodeView).returns.toExtend<NodeJson>();
  expectTypeOf(views.nodeStatusView).returns.toExtend<StatusJson>();
  expectTypeOf(views.peerView).returns.toExtend<PeerJson>();
  expectTypeOf(views.evidenceView).returns.toExtend<EvidenceJson>();
  expectTypeOf(views.finalityView).returns.toExtend<FinalityJson>();
});
