import { describe, expect, test } from 'vitest';
import { DiscoveryClient, type Outcome } from '../../../src/discovery/client.js';
import { DiscoveryLoop, FIRST_RETRY_MS, RENEW_EVERY_MS } from '../../../src/discovery/loop.js';
import type { Member } from '../../../src/discovery/messages.js';
import { Registry } from '../../../src/discovery/registry.js';
import { discoveryServer } from '../../../src/discovery/server.js';
import { MemoryStore } from '../../../src/storage/memory-store.js';
import { HandClock, NETWORK, signer } from './fixtures.js';

const URL_ = 'http://discovery.example:4444';
const [alice, bob] = [signer(0), signer(1)];

/** `fetch` into a service without sockets. */
async function serviceFetch(clock: HandClock): Promise<typeof fetch> {
  const server = discoveryServer(await Registry.open(new MemoryStore(), clock));
  return async (_url, init) => {
    const { statusCode, payload } = await server.inject({
      method: 'POST',
      url: '/',
      payload: init?.body as string,
      headers: { 'content-type': 'application/json' },
    });
    return new Response(payload, { status: statusCode });
  };
}

function clientOf(by: typeof alice, clock: HandClock, fetch: typeof globalThis.fetch) {
  return new DiscoveryClient({ url: URL_, network: NETWORK, clock, signer: by, fetch });
}

const answering = (body: string, status = 200) =>
  (async () => new Response(body, { status })) as typeof fetch;

describe('the client', () => {
  test('announces, lists the others, and removes', async () => {
    const clock = new HandClock();
    const fetch = await serviceFetch(clock);
    const [a, b] = [clientOf(alice, clock, fetch), clientOf(bob, clock, fetch)];
    expect(await a.announce({ host: 'a.example', port: 1 })).toEqual({ ok: true, value: true });
    expect(await b.announce({ host: '10.0.0.2', port: 2 })).toEqual({ ok: true, value: true });
    expect(await a.members()).toEqual({ ok: true, value: [{ id: bob.address, ip: '10.0.0.2', port: 2 }] });
    expect(await b.members()).toEqual({ ok: true, value: [{ id: alice.address, ip: 'a.example', port: 1 }] });
    expect(await b.remove()).toEqual({ ok: true, value: true });
    expect(await a.members()).toEqual({ ok: true, value: [] });
  });

  test('signs rising times within one millisecond and after the clock was set back', async () => {
    const clock = new HandClock();
    const a = clientOf(alice, clock, await serviceFetch(clock));
    for (const step of [0, 0, -1000]) {
      clock.nowMs += step;
      expect(await a.announce({ host: 'a.example', port: 1 })).toMatchObject({ ok: true });
    }
  });

  test.each<[string, typeof fetch, string]>([
    [
      'cannot be reached',
      () => Promise.reject(new TypeError('x', { cause: { code: 'ECONNREFUSED' } })),
      'ECONNREFUSED',
    ],
    ['refuses', answering('{"detail": "go\\naway"}', 429), 'refuses: go away'],
    ['fails without words', answering('{}', 500), 'HTTP 500'],
    ['is no JSON', answering('<html>'), 'something else than JSON'],
    ['is too large', answering(`"${'x'.repeat(2 * 1024 * 1024)}"`), 'more than 1048576 bytes'],
    ['is no list', answering('{}'), 'no list'],
  ])('survives an answer that %s', async (_, fetch, reason) => {
    const outcome = await clientOf(alice, new HandClock(), fetch).members();
    expect(outcome).toMatchObject({ ok: false });
    expect((outcome as { reason: string }).reason).toContain(reason);
  });

  test('leaves out of a list what is no member', async () => {
    const good = { id: bob.address, ip: '10.0.0.2', port: 2, more: true };
    const list = [null, {}, { ...good, port: 0 }, { ...good, ip: 'a b' }, { ...good, id: 'x' }, good];
    const client = clientOf(alice, new HandClock(), answering(JSON.stringify(list)));
    expect(await client.members()).toEqual({
      ok: true,
      value: [{ id: bob.address, ip: '10.0.0.2', port: 2 }],
    });
  });

  test('gives up on a service that does not answer', async () => {
    const clock = new HandClock();
    const silent: typeof fetch = (_url, init) =>
      new Promise((_, reject) => {
        init?.signal?.addEventListener('abort', () => reject(new Error('aborted')));
      });
    const outcome = clientOf(alice, clock, silent).members();
    clock.advance(5000);
    expect(await outcome).toMatchObject({
      ok: false,
      reason: expect.stringContaining('does not answer within 5 s'),
    });
    expect(clock.timers.size).toBe(0);
  });
});

describe('the loop', () => {
  /** A loop over a client whose answers are set by hand. */
  function loopOf({ endpoint = { host: 'a', port: 1 } as { host: string; port: number } | null } = {}) {
    const clock = new HandClock();
    const calls: string[] = [];
    const heard: (readonly Member[])[] = [];
    const troubles: (string | null)[] = [];
    const state = { up: true };
    const answer = <T>(name: string, value: T): Promise<Outcome<T>> => {
      calls.push(name);
      return Promise.resolve(state.up ? { ok: true, value } : { ok: false, reason: 'down' });
    };
    const loop = new DiscoveryLoop({
      client: {
        announce: () => answer('announce', true as const),
        remove: () => answer('remove', true as const),
        members: () => answer('members', [{ id: bob.address, ip: 'b', port: 2 }]),
      },
      clock,
      random: { fraction: () => 0, bytes: (count) => new Uint8Array(count) },
      endpoint,
      onMembers: (members) => heard.push(members),
      onTrouble: (reason) => troubles.push(reason),
    });
    /** Lets promises that are ready run. */
    const settle = () => new Promise((resolve) => setImmediate(resolve));
    const advance = async (ms: number) => {
      clock.advance(ms);
      await settle();
    };
    return { loop, clock, calls, heard, troubles, state, settle, advance };
  }

  test('announces and asks at once, then at a third of the life of an entry', async () => {
    const { loop, calls, heard, settle, advance } = loopOf();
    loop.start();
    await settle();
    expect(calls).toEqual(['announce', 'members']);
    await advance(RENEW_EVERY_MS - 1);
    expect(calls).toHaveLength(2);
    await advance(1);
    expect(calls).toEqual(['announce', 'members', 'announce', 'members']);
    expect(heard).toHaveLength(2);
  });

  test('finds a service that comes later, and says once that it was away', async () => {
    const { loop, heard, troubles, state, settle, advance } = loopOf();
    state.up = false;
    loop.start();
    await settle();
    await advance(FIRST_RETRY_MS);
    await advance(2 * FIRST_RETRY_MS);
    expect(troubles).toEqual(['down']);
    expect(heard).toEqual([]);
    state.up = true;
    await advance(4 * FIRST_RETRY_MS);
    expect(troubles).toEqual(['down', null]);
    expect(heard).toHaveLength(1);
  });

  test('never waits longer than a renewal', async () => {
    const { loop, state, calls, settle, advance } = loopOf();
    state.up = false;
    loop.start();
    await settle();
    for (let i = 0; i < 20; i++) await advance(RENEW_EVERY_MS);
    expect(calls.filter((name) => name === 'members')).toHaveLength(21);
  });

  test('removes itself when it stops, and then keeps still', async () => {
    const { loop, clock, calls, settle, advance } = loopOf();
    loop.start();
    await settle();
    await loop.stop();
    await loop.stop();
    await advance(10 * RENEW_EVERY_MS);
    expect(calls).toEqual(['announce', 'members', 'remove']);
    expect(clock.timers.size).toBe(0);
  });

  test('stops in the middle of a round', async () => {
    const { loop, clock, calls, heard, settle } = loopOf();
    loop.start();
    await loop.stop();
    await settle();
    expect(calls).toEqual(['announce', 'remove']);
    expect([heard.length, clock.timers.size]).toEqual([0, 0]);
  });

  test('only asks when others cannot reach us', async () => {
    const { loop, calls, settle } = loopOf({ endpoint: null });
    loop.start();
    await settle();
    await loop.stop();
    expect(calls).toEqual(['members']);
  });
});
