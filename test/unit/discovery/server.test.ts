import { connect } from 'node:net';
import { describe, expect, test } from 'vitest';
import { DISCOVERY_ERRORS } from '../../../src/discovery/errors.js';
import { ENTRY_LIFE_MS, MAX_TIME_OFF_MS } from '../../../src/discovery/messages.js';
import { LIMITS, Registry } from '../../../src/discovery/registry.js';
import { discoveryServer, startDiscoveryServer } from '../../../src/discovery/server.js';
import { sourceOf } from '../../../src/protocol/source.js';
import { MemoryStore } from '../../../src/storage/memory-store.js';
import { HandClock, NETWORK, removal, START_MS, signed, signer } from './fixtures.js';

const [alice, bob] = [signer(0), signer(1)];

/** A service over a store, to be called without sockets. */
async function service(store = new MemoryStore(), clock = new HandClock()) {
  const server = discoveryServer(await Registry.open(store, clock));
  const post = async (
    payload: object | string,
    contentType = 'application/json',
    remoteAddress = '127.0.0.1',
  ) => {
    const response = await server.inject({
      method: 'POST',
      url: '/',
      payload,
      headers: { 'content-type': contentType },
      remoteAddress,
    });
    return { status: response.statusCode, type: response.headers['content-type'], body: response.json() };
  };
  const list = async (network = NETWORK) => (await post({ command: 'get_all', network })).body;
  return { server, store, clock, post, list };
}

const refused = (code: keyof typeof DISCOVERY_ERRORS) => ({
  status: DISCOVERY_ERRORS[code].status,
  type: expect.stringContaining('application/problem+json'),
  body: { code, status: DISCOVERY_ERRORS[code].status, title: DISCOVERY_ERRORS[code].title },
});

describe('the commands', () => {
  test('add, get_all, remove', async () => {
    const { post, list } = await service();
    expect(await list()).toEqual([]);
    expect(await post(await signed(alice))).toMatchObject({ status: 200, body: true });
    expect(await post(await signed(bob, { ip: 'node-2.example.org', port: 1 }))).toMatchObject({
      body: true,
    });
    expect(await list()).toEqual([
      { id: alice.address, ip: '10.0.0.1', port: 5000 },
      { id: bob.address, ip: 'node-2.example.org', port: 1 },
    ]);
    expect(await post(await signed(alice, { ...removal, time: START_MS + 1 }))).toMatchObject({ body: true });
    expect(await list()).toHaveLength(1);
  });

  test('keep networks apart', async () => {
    const { post, list } = await service();
    await post(await signed(alice));
    expect(await list('bb'.repeat(32))).toEqual([]);
    // The same time in another network is no replay.
    expect(await post(await signed(alice, { network: 'bb'.repeat(32) }))).toMatchObject({ body: true });
    expect(await list('bb'.repeat(32))).toHaveLength(1);
  });

  test('remove of somebody unknown is true and leaves nothing', async () => {
    const { post, store } = await service();
    expect(await post(await signed(alice, removal))).toMatchObject({ body: true });
    const entries = store.entries({ from: Uint8Array.of(0), to: Uint8Array.of(255) });
    for await (const entry of entries) throw new Error(`left ${entry}`);
  });

  test('ignore keys that they have no use for', async () => {
    const { post } = await service();
    const body = await signed(alice);
    expect(await post({ ...body, agent: 'x', peer: { ...body.peer, role: 'basic' } })).toMatchObject({
      body: true,
    });
  });

  test('show in GET /members and GET /health', async () => {
    const { post, server } = await service();
    await post(await signed(alice));
    await post(await signed(bob, { network: 'bb'.repeat(32) }));
    const get = async (url: string) => (await server.inject(url)).json();
    expect(await get('/members')).toHaveLength(2);
    expect(await get(`/members?network=${NETWORK}`)).toEqual([
      { network: NETWORK, id: alice.address, ip: '10.0.0.1', port: 5000, time: START_MS },
    ]);
    expect(await get('/members?network=x')).toMatchObject({ code: 'MALFORMED' });
    expect(await get('/health')).toEqual({ status: 'ok', networks: 2, members: 2 });
    expect(await get('/nowhere')).toMatchObject({ code: 'NOT_FOUND' });
  });
});

describe('what is not signed by the peer, now and once, is refused', () => {
  test.each(['signature', 'public_key', 'time'])('without %s', async (key) => {
    const { post, list } = await service();
    expect(await post(await signed(alice, {}, { [key]: undefined }))).toMatchObject(refused('UNSIGNED'));
    expect(await list()).toEqual([]);
  });

  test.each([
    ['another ip', { peer: { id: alice.address, ip: '10.0.0.2', port: 5000 } }],
    ['another port', { peer: { id: alice.address, ip: '10.0.0.1', port: 5001 } }],
    ['another network', { network: 'bb'.repeat(32) }],
    ['another time', { time: START_MS + 1 }],
    ['another command', { command: 'remove', peer_id: alice.address }],
  ])('%s than was signed', async (_, changes) => {
    const { post, list } = await service();
    expect(await post(await signed(alice, {}, changes))).toMatchObject(refused('BAD_SIGNATURE'));
    expect(await list()).toEqual([]);
  });

  test("another's entry, signed by oneself", async () => {
    const { post } = await service();
    await post(await signed(alice));
    const forged = await signed(bob, { address: alice.address, time: START_MS + 1 });
    expect(await post(forged)).toMatchObject(refused('BAD_PUBLIC_KEY'));
    const stolen = await signed(bob, { address: alice.address, ...removal, time: START_MS + 1 });
    expect(await post(stolen)).toMatchObject(refused('BAD_PUBLIC_KEY'));
    expect(await post({ ...stolen, public_key: (await signed(alice)).public_key })).toMatchObject(
      refused('BAD_SIGNATURE'),
    );
  });

  test('a key that is none', async () => {
    const { post } = await service();
    expect(await post(await signed(alice, {}, { public_key: 'AAAA' }))).toMatchObject(
      refused('BAD_PUBLIC_KEY'),
    );
  });

  test('more than five minutes off', async () => {
    const { post } = await service();
    for (const off of [-MAX_TIME_OFF_MS - 1, MAX_TIME_OFF_MS + 1]) {
      expect(await post(await signed(alice, { time: START_MS + off }))).toMatchObject(refused('BAD_TIME'));
    }
    for (const off of [-MAX_TIME_OFF_MS, MAX_TIME_OFF_MS]) {
      expect(await post(await signed(alice, { time: START_MS + off }))).toMatchObject({ body: true });
    }
  });

  test('again, also after a removal, a restart, or at once with the first', async () => {
    const store = new MemoryStore();
    const clock = new HandClock();
    const first = await service(store, clock);
    const add = await signed(alice);
    const both = await Promise.all([first.post(add), first.post(add)]);
    expect(both.map(({ status }) => status).sort()).toEqual([200, 409]);
    expect(await first.post(add)).toMatchObject(refused('REPLAYED'));
    expect(await first.post(await signed(alice, { time: START_MS - 1 }))).toMatchObject(refused('REPLAYED'));
    const remove = await signed(alice, { ...removal, time: START_MS + 1 });
    await first.post(remove);

    const second = await service(store, clock);
    for (const wait of [0, ENTRY_LIFE_MS + 1, MAX_TIME_OFF_MS - ENTRY_LIFE_MS - 2]) {
      clock.advance(wait);
      expect(await second.post(add)).toMatchObject(refused('REPLAYED'));
      expect(await second.list()).toEqual([]);
    }
    clock.advance(5000);
    expect(await second.post(add)).toMatchObject(refused('BAD_TIME'));
  });
});

describe('entries', () => {
  test('expire unless renewed', async () => {
    const { post, list, clock } = await service();
    await post(await signed(alice));
    await post(await signed(bob));
    clock.advance(ENTRY_LIFE_MS);
    expect(await list()).toHaveLength(2);
    await post(await signed(alice, { time: clock.now() }));
    clock.advance(1);
    expect(await list()).toMatchObject([{ id: alice.address }]);
  });

  test('outlive a restart', async () => {
    const { post, store, clock, list } = await service();
    await post(await signed(alice, { ip: '::1', port: 65_535 }));
    const again = await service(store, clock);
    expect(await again.list()).toEqual(await list());
    expect(await again.list()).toEqual([{ id: alice.address, ip: '::1', port: 65_535 }]);
  });

  test('are forgotten, on the disk too, once they mean nothing', async () => {
    const { post, store, clock } = await service();
    await post(await signed(alice));
    clock.advance(MAX_TIME_OFF_MS + 1);
    await post(await signed(bob, { time: clock.now() }));
    let left = 0;
    for await (const _ of store.entries({ from: Uint8Array.of(0), to: Uint8Array.of(255) })) left++;
    expect(left).toBe(1);
  });

  test('are bounded by source, but may always be renewed', async () => {
    const { post } = await service();
    const network = (i: number) => i.toString(16).padStart(64, '0');
    for (let i = 0; i < LIMITS.perSource; i++) {
      expect(await post(await signed(alice, { network: network(i) }))).toMatchObject({ status: 200 });
    }
    const one = { network: network(LIMITS.perSource) };
    expect(await post(await signed(alice, one))).toMatchObject(refused('LIMIT_REACHED'));
    expect(await post(await signed(alice, { network: network(0), time: START_MS + 1 }))).toMatchObject({
      status: 200,
    });
    expect(await post(await signed(alice, one), 'application/json', '10.9.9.9')).toMatchObject({
      status: 200,
    });
  });
});

test('a source is an IPv4 address or an IPv6 network', () => {
  expect(sourceOf('10.0.0.1')).toBe('10.0.0.1');
  expect(sourceOf('::ffff:10.0.0.1')).toBe('10.0.0.1');
  expect(sourceOf('2001:db8:0:1:ffff::1')).toBe('2001:db8:0:1::/64');
  expect(sourceOf('2001:db8:0:1:2:3:4:5')).toBe('2001:db8:0:1::/64');
  expect(sourceOf('fe80::1%eth0')).toBe('fe80:0:0:0::/64');
  expect(sourceOf('::1')).toBe('0:0:0:0::/64');
});

describe('requests that make no sense', () => {
  test.each<[object | string, string]>([
    ['', 'no JSON'],
    ['{', 'no JSON'],
    ['{"command": "get_all", "command": "add"}', 'duplicate key command'],
    [`{"command": ${'['.repeat(5000)}`, 'nested deeper'],
    ['[]', 'the request must be an object'],
    ['null', 'the request must be an object'],
    ['{}', 'command is missing'],
    ['{"command": "get"}', 'command must be "add" or "remove" or "get_all", not "get"'],
    ['{"command": "get_all"}', 'network is missing'],
    ['{"command": "get_all", "network": "AA"}', 'network must be a genesis id'],
    [`{"command": "add", "network": "${NETWORK}"}`, 'peer is missing'],
    [`{"command": "remove", "network": "${NETWORK}", "peer_id": 1}`, 'peer_id must be an address'],
    [
      { command: 'add', network: NETWORK, peer: { id: alice.address, ip: 'a b', port: 1 } },
      'peer.ip must be',
    ],
    [
      { command: 'add', network: NETWORK, peer: { id: alice.address, ip: 'a\n', port: 1 } },
      'peer.ip must be',
    ],
    [
      { command: 'add', network: NETWORK, peer: { id: alice.address, ip: '1.2.3.4', port: 0 } },
      'peer.port must be',
    ],
    [
      { command: 'add', network: NETWORK, peer: { id: alice.address, ip: '1.2.3.4', port: '1' } },
      'peer.port must be',
    ],
  ])('case %#', async (payload, detail) => {
    const { post } = await service();
    const answer = await post(payload);
    expect(answer).toMatchObject(refused('MALFORMED'));
    expect(answer.body.detail).toContain(detail);
  });

  test('are bounded in size, and read whatever type they claim', async () => {
    const { post } = await service();
    expect(await post(`{"command": "${'x'.repeat(20_000)}"}`)).toMatchObject(refused('TOO_LARGE'));
    expect(await post(JSON.stringify({ command: 'get_all', network: NETWORK }), 'text/plain')).toMatchObject({
      status: 200,
    });
  });
});

test('over a real socket it listens, answers and closes with connections open', async () => {
  const ports = { store: new MemoryStore(), clock: new HandClock() };
  const server = await startDiscoveryServer({ host: '127.0.0.1', port: 0 }, ports);
  const idle = connect(server.port, '127.0.0.1');
  const response = await fetch(`http://127.0.0.1:${server.port}/health`);
  expect(await response.json()).toEqual({ status: 'ok', networks: 0, members: 0 });
  await expect(startDiscoveryServer({ host: '127.0.0.1', port: server.port }, ports)).rejects.toThrow(
    'EADDRINUSE',
  );
  const closed = new Promise((resolve) => idle.once('close', resolve));
  await server.close();
  await closed;
});

test('a failure of its own is told to its operator, and not to the caller', async () => {
  const store = new MemoryStore();
  const failures: unknown[] = [];
  const server = discoveryServer(await Registry.open(store, new HandClock()), (error) =>
    failures.push(error),
  );
  await store.close();
  const payload = await signed(alice);
  const response = await server.inject({ method: 'POST', url: '/', payload });
  expect(response.json()).toMatchObject({ code: 'INTERNAL', status: 500 });
  expect(response.body).not.toContain('closed');
  expect(failures).toEqual([expect.objectContaining({ message: expect.stringContaining('closed') })]);
});
