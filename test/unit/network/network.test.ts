import fc from 'fast-check';
import { describe, expect, it, vi } from 'vitest';
import { QUOTAS } from '../../../src/network/limits.js';
import type { ConnectedPeer } from '../../../src/network/peer.js';
import { encodeFrame } from '../../../src/protocol/frame.js';
import { GENESIS, heyOf, introduce, KEYS, key, type Party, type Stranger, World } from './parties.js';

const a = key(0);
const b = key(1);
const at = (host: string) => ({ host, port: 1000 });

async function peerOf(world: World, who = b, host = 'stranger'): Promise<Stranger> {
  const stranger = await world.stranger(at('us'), host);
  await introduce(world, stranger, who);
  return stranger;
}

function upOf(party: Party, index = 0) {
  const peer = party.ups[index];
  if (peer === undefined) throw new Error('no such peer');
  return peer;
}

describe('two nodes', () => {
  it('meet, exchange messages both ways, and measure each other', async () => {
    const world = new World();
    const one = await world.start('one', a, { peers: [at('two')] });
    const two = await world.start('two', b);
    await world.clock.advance(1000);
    expect(one.addresses()).toEqual([b.address]);
    expect(two.addresses()).toEqual([a.address]);
    one.network.send(upOf(one), { type: 'RBH', request_id: 1, block_number: 5 });
    two.network.broadcast({ type: 'VOT', vote: new Uint8Array(300) });
    await world.moment();
    expect(two.messages.map(({ message }) => message.type)).toEqual(['RBH']);
    expect(one.messages.map(({ message }) => message.type)).toEqual(['VOT']);
    expect(upOf(one)).toMatchObject({ roundTripMs: 2, clockOffsetMs: 0, score: 0 });
    expect(upOf(two)).toMatchObject({ roundTripMs: 2, clockOffsetMs: 0, score: 0 });
  });

  it('part when one stops: it says so, closes everything and listens no more', async () => {
    const world = new World();
    const one = await world.start('one', a, { peers: [at('two')] });
    const two = await world.start('two', b);
    await world.clock.advance(1000);
    const stopped = two.network.stop();
    await world.moment();
    await stopped;
    expect(one.downs[0]?.reason).toContain('STOPPING');
    expect(two.downs).toHaveLength(1);
    expect(world.internet.listeners.has('two:1000')).toBe(false);
    await one.network.stop();
    expect(world.clock.pending).toBe(0);
  });

  it('stop even if the other side never closes', async () => {
    const world = new World();
    const us = await world.start('us', a);
    await peerOf(world);
    world.internet.unreachable.add('stranger');
    const stopped = us.network.stop();
    await world.clock.advance(2000);
    await stopped;
    expect(us.addresses()).toEqual([]);
  });

  it('broadcast to all but one', async () => {
    const world = new World();
    const us = await world.start('us', a);
    const first = await peerOf(world, b, 'first');
    const second = await peerOf(world, key(2), 'second');
    us.network.broadcast({ type: 'VOT', vote: new Uint8Array(300) }, ({ address }) => address !== b.address);
    await world.moment();
    expect([first.count('VOT'), second.count('VOT')]).toEqual([0, 1]);
  });

  it('broadcast first to those for whom others wait', async () => {
    const world = new World();
    const us = await world.start('us', a);
    const keys = [b, key(2), key(3), key(4)];
    for (const [index, who] of keys.entries()) await peerOf(world, who, `stranger ${index}`);
    const sent: string[] = [];
    for (const { address, link } of us.ups as ConnectedPeer[])
      vi.spyOn(link, 'sendFrame').mockImplementation(() => sent.push(address));
    const [one, two, three, four] = us.ups.map(({ address }) => address);
    us.network.broadcast(
      { type: 'VOT', vote: new Uint8Array(300) },
      ({ address }) => address !== one,
      ({ address }) => address === one || address === four,
    );
    expect(sent).toEqual([four, two, three]);
  });
});

describe('of several connections between the same two', () => {
  it.each([0, 1, 2, 3, 5, 8])('one stays when both dial %i ms apart', async (apartMs) => {
    for (const [first, second] of [
      [a, b],
      [b, a],
    ] as const) {
      const world = new World();
      const one = await world.start('one', first, { peers: [at('two')] });
      await world.clock.advance(apartMs);
      const two = await world.start('two', second, { peers: [at('one')] });
      await world.clock.advance(3000);
      expect(one.addresses()).toEqual([second.address]);
      expect(two.addresses()).toEqual([first.address]);
      const open = world.internet.connections.filter(({ closed }) => !closed);
      expect(open).toHaveLength(2);
      expect(one.ups.length - one.downs.length).toBe(1);
      one.network.broadcast({ type: 'VOT', vote: new Uint8Array(1) });
      two.network.broadcast({ type: 'VOT', vote: new Uint8Array(1) });
      await world.moment();
      expect([one.messages.length, two.messages.length]).toEqual([1, 1]);
    }
  });

  it('of two that cross one stays at once, without a second try', async () => {
    const world = new World();
    world.internet.latencyMs = 10;
    const one = await world.start('one', a, { peers: [at('two')] });
    const two = await world.start('two', b, { peers: [at('one')] });
    await world.clock.advance(100);
    expect(world.internet.dials).toHaveLength(2);
    expect([one.addresses(), two.addresses()]).toEqual([[b.address], [a.address]]);
    expect([one.ups[0]?.inbound, two.ups[0]?.inbound]).toEqual([false, true]);
    expect([...one.downs, ...two.downs]).toEqual([]);
  });

  it.each([1, 3, 10])('one stays over lines of %i ms that differ in nothing', async (latencyMs) => {
    const world = new World();
    world.internet.latencyMs = latencyMs;
    const parties = [];
    const endpoints = KEYS.map((_, i) => at(`host${i}`));
    for (const [i, who] of KEYS.entries()) {
      parties.push(await world.start(`host${i}`, who, { peers: endpoints }));
    }
    await world.clock.advance(8000);
    for (const party of parties) {
      expect(party.addresses().sort()).toEqual(
        KEYS.filter((who) => who !== party.key).map(({ address }) => address),
      );
    }
    const open = world.internet.connections.filter(({ closed }) => !closed);
    expect(open).toHaveLength(KEYS.length * (KEYS.length - 1));
  });

  it('one stays whatever the lines and starts, both sides agreeing, none lost', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.array(fc.integer({ min: 1, max: 400 }), { minLength: 10, maxLength: 10 }),
        fc.array(fc.integer({ min: 0, max: 900 }), { minLength: 3, maxLength: 3 }),
        async (latencies, starts) => {
          const world = new World();
          let drawn = 0;
          world.internet.drawLatencyMs = () => latencies[drawn++ % latencies.length] as number;
          const keys = KEYS.slice(0, starts.length);
          const endpoints = keys.map((_, i) => at(`host${i}`));
          const parties: Party[] = [];
          for (const [i, who] of keys.entries()) {
            await world.clock.advance(starts[i] as number);
            parties.push(await world.start(`host${i}`, who, { peers: endpoints }));
          }
          await world.clock.advance(40_000);
          const downs = parties.flatMap((party) => party.downs);
          await world.clock.advance(60_000);
          for (const party of parties) {
            expect(party.addresses().sort()).toEqual(
              keys.filter((who) => who !== party.key).map(({ address }) => address),
            );
          }
          const open = world.internet.connections.filter(({ closed }) => !closed);
          expect(open).toHaveLength(keys.length * (keys.length - 1));
          expect(parties.flatMap((party) => party.downs)).toHaveLength(downs.length);
        },
      ),
      { numRuns: 40 },
    );
  });

  it('the older stays while it lives', async () => {
    const world = new World();
    const us = await world.start('us', a);
    const older = await peerOf(world);
    const pings = older.count('PNG');
    const newer = await peerOf(world, b, 'elsewhere');
    expect(older.count('PNG')).toBe(pings + 1);
    older.send({ type: 'PON', request_id: older.last('PNG').request_id, time: 0 });
    await world.moment();
    expect(newer.last('BYE').code).toBe('DUPLICATE');
    expect(us.ups).toHaveLength(1);
    expect(us.downs).toEqual([]);
  });

  it('a dead older one is replaced within seconds', async () => {
    const world = new World();
    const us = await world.start('us', a);
    await peerOf(world);
    const newer = await peerOf(world, b, 'elsewhere');
    expect(us.ups).toHaveLength(1);
    await world.clock.advance(2600);
    expect(us.ups).toHaveLength(2);
    expect(us.downs).toMatchObject([{ reason: 'replaced by a newer connection' }]);
    expect(us.addresses()).toEqual([b.address]);
    newer.send({ type: 'RBH', request_id: 1, block_number: 1 });
    await world.moment();
    expect(us.messages[0]?.peer).toBe(us.ups[1]);
  });

  it('a third one does not wait beside a second', async () => {
    const world = new World();
    await world.start('us', a);
    await peerOf(world);
    await peerOf(world, b, 'second');
    const third = await world.stranger(at('us'), 'third');
    third.send(heyOf(b));
    await world.moment();
    expect(third.last('BYE').code).toBe('DUPLICATE');
  });

  it('a node that dials itself gives up on that endpoint', async () => {
    const world = new World();
    const us = await world.start('us', a, { peers: [at('us')] });
    await world.clock.advance(300_000);
    expect(us.ups).toEqual([]);
    expect(world.internet.dials).toHaveLength(1);
  });
});

describe('places', () => {
  it('inbound peers beyond max_inbound are refused', async () => {
    const world = new World();
    const us = await world.start('us', a, { maxInbound: 2 });
    await peerOf(world, key(1), 'h1');
    await peerOf(world, key(2), 'h2');
    const late = await world.stranger(at('us'), 'h3');
    late.send(heyOf(key(3)));
    await world.moment();
    expect(late.last('BYE').code).toBe('TOO_MANY_PEERS');
    expect(us.addresses()).toHaveLength(2);
  });

  it('an authority takes the place of a basic node', async () => {
    const world = new World();
    world.authorities = [key(2).address, key(3).address];
    const us = await world.start('us', a, { maxInbound: 2, maxPeers: 2 });
    await peerOf(world, key(1), 'h1');
    await peerOf(world, key(2), 'h2');
    await peerOf(world, key(3), 'h3');
    expect(us.addresses()).toEqual([key(2).address, key(3).address]);
    expect(us.downs).toMatchObject([{ peer: { address: key(1).address } }]);
    expect(us.downs[0]?.reason).toContain('TOO_MANY_PEERS');
  });

  it('whoever is sent away does not come in by a second connection that waits', async () => {
    const world = new World();
    world.authorities = [key(2).address];
    const us = await world.start('us', a, { maxPeers: 1 });
    await peerOf(world, b, 'h1');
    const second = await peerOf(world, b, 'h1again');
    await peerOf(world, key(2), 'h2');
    expect(us.addresses()).toEqual([key(2).address]);
    expect(second.last('BYE').code).toBe('TOO_MANY_PEERS');
  });

  it('authorities have a place beyond max_inbound, but nobody beyond max_peers', async () => {
    const world = new World();
    world.authorities = [key(1).address, key(2).address, key(3).address];
    const us = await world.start('us', a, { maxInbound: 1, maxPeers: 2 });
    await peerOf(world, key(1), 'h1');
    await peerOf(world, key(2), 'h2');
    const third = await world.stranger(at('us'), 'h3');
    third.send(heyOf(key(3)));
    await world.moment();
    expect(third.last('BYE').code).toBe('TOO_MANY_PEERS');
    expect(us.addresses()).toHaveLength(2);
  });

  it('dials stop at max_peers', async () => {
    const world = new World();
    const others = KEYS.slice(1);
    for (const [i, who] of others.entries()) await world.start(`h${i}`, who);
    const us = await world.start('us', a, { maxPeers: 3, peers: others.map((_, i) => at(`h${i}`)) });
    await world.clock.advance(5000);
    expect(us.addresses()).toHaveLength(3);
    const dials = world.internet.dials.filter(({ from }) => from === 'us').length;
    await world.clock.advance(120_000);
    expect(world.internet.dials.filter(({ from }) => from === 'us')).toHaveLength(dials);
  });
});

describe('a peer that misbehaves', () => {
  it('is dropped for a broken stream', async () => {
    const world = new World();
    const us = await world.start('us', a);
    const stranger = await peerOf(world);
    stranger.connection.send(Buffer.from('ffffffff', 'hex'));
    await world.moment();
    expect(stranger.last('BYE').code).toBe('PROTOCOL_ERROR');
    expect(us.downs).toHaveLength(1);
  });

  it('is borne with one malformed body, dropped for three', async () => {
    const world = new World();
    const us = await world.start('us', a);
    const stranger = await peerOf(world);
    const bad = encodeFrame({ type: 'VOT', vote: new Uint8Array(5) }).fill(0xc1, 7);
    stranger.connection.send(bad);
    await world.moment();
    expect(us.addresses()).toEqual([b.address]);
    expect(upOf(us).score).toBeGreaterThan(30);
    stranger.connection.send(bad);
    stranger.connection.send(bad);
    await world.moment();
    expect(us.addresses()).toEqual([]);
  });

  it('keeps its score when it comes back, until time has passed', async () => {
    const world = new World();
    const us = await world.start('us', a);
    const stranger = await peerOf(world);
    us.network.offend(upOf(us), 'BAD_VOTE', 'twice');
    us.network.offend(upOf(us), 'BAD_VOTE', 'twice');
    stranger.connection.destroy();
    await world.moment();
    await peerOf(world, b, 'again');
    expect(upOf(us, 1).score).toBeGreaterThan(60);
    await world.clock.advance(3_600_000);
    expect(upOf(us, 1).score).toBeLessThan(2);
  });

  it('is dropped, not banned, for what it may not have done itself', async () => {
    const world = new World();
    const us = await world.start('us', a);
    await peerOf(world);
    us.network.offend(upOf(us), 'BAD_BLOCK', 'no quorum');
    expect(us.addresses()).toEqual([]);
    await world.moment();
    await peerOf(world, b, 'again');
    expect(us.addresses()).toEqual([b.address]);
  });

  it('is banned for what its own signature proves, for an hour', async () => {
    const world = new World();
    const us = await world.start('us', a);
    await peerOf(world);
    us.network.offend(upOf(us), 'SIGNED_FALSEHOOD', 'sealed an invalid block');
    expect(us.addresses()).toEqual([]);
    const again = await world.stranger(at('us'), 'again');
    again.send(heyOf(b));
    await world.moment();
    expect(again.last('BYE').code).toBe('NOT_ALLOWED');
    await world.clock.advance(3_600_000);
    await peerOf(world, b, 'later');
    expect(us.addresses()).toEqual([b.address]);
  });

  it('is not let back in after a ban by a second connection that waits', async () => {
    const world = new World();
    const us = await world.start('us', a);
    await peerOf(world);
    const second = await peerOf(world, b, 'second');
    us.network.offend(upOf(us), 'SIGNED_FALSEHOOD', 'sealed an invalid block');
    await world.moment();
    expect(us.addresses()).toEqual([]);
    expect(second.last('BYE').code).toBe('NOT_ALLOWED');
  });

  it('is neither dropped nor banned while it is the last authority', async () => {
    const world = new World();
    world.authorities = [key(1).address, key(2).address];
    const us = await world.start('us', a);
    await peerOf(world, key(1), 'h1');
    us.network.offend(upOf(us), 'SIGNED_FALSEHOOD', 'sealed an invalid block');
    us.network.offend(upOf(us), 'BAD_BLOCK', 'no quorum');
    expect(us.addresses()).toEqual([key(1).address]);
    await peerOf(world, key(2), 'h2');
    us.network.offend(upOf(us), 'BAD_BLOCK', 'no quorum');
    expect(us.addresses()).toEqual([key(2).address]);
  });

  it('stays when it equivocates: its votes count', async () => {
    const world = new World();
    const us = await world.start('us', a);
    await peerOf(world);
    for (let i = 0; i < 50; i++) us.network.offend(upOf(us), 'EQUIVOCATION', 'two prevotes');
    expect(us.addresses()).toEqual([b.address]);
  });

  it('has what is above its quota dropped, and is dropped for going on', async () => {
    const world = new World();
    const us = await world.start('us', a);
    const stranger = await peerOf(world);
    const ask = (id: number) =>
      stranger.send({ type: 'LDR', request_id: id, address: b.address, height: 1, round: 0, holds: [] });
    for (let i = 0; i < 53; i++) ask(i);
    await world.moment();
    expect(us.messages).toHaveLength(50);
    expect(us.addresses()).toEqual([b.address]);
    await world.clock.advance(2000);
    for (let i = 0; i < 10; i++) ask(i);
    await world.moment();
    expect(us.messages).toHaveLength(60);
    for (let i = 0; i < 40; i++) ask(i);
    await world.moment();
    expect(us.addresses()).toEqual([]);
  });

  it('is not blamed for passing on more than its quota: others may have said it', async () => {
    const world = new World();
    const us = await world.start('us', a);
    const stranger = await peerOf(world);
    const txns = [new Uint8Array(2_900_000)];
    const affordable = Math.floor(QUOTAS.TXN.burst / 2_900_000);
    for (let i = 0; i < affordable + 15; i++) stranger.send({ type: 'TXN', txns });
    await world.moment();
    expect(us.messages).toHaveLength(affordable);
    expect(upOf(us).score).toBe(0);
    await world.clock.advance(1000);
    stranger.send({ type: 'TXN', txns });
    await world.moment();
    expect(us.messages).toHaveLength(affordable + 1);
  });

  it('is scored for a handshake or a genesis block out of turn, and for hints never asked for', async () => {
    const world = new World();
    const us = await world.start('us', a);
    const stranger = await peerOf(world);
    stranger.send({ type: 'GLK', block: GENESIS.block });
    stranger.send(heyOf(b));
    stranger.send({ type: 'PRS', request_id: 12_345, peers: [] });
    await world.moment();
    expect(Math.round(upOf(us).score)).toBe(60);
    expect(us.messages).toEqual([]);
  });

  it('is dropped when it takes what we send too slowly', async () => {
    const world = new World();
    const us = await world.start('us', a);
    await peerOf(world);
    const ours = world.internet.connections.find(({ inbound }) => inbound);
    if (ours === undefined) throw new Error('no connection');
    ours.stalled = true;
    const big = { type: 'GLK', block: new Uint8Array(2_900_000) } as const;
    for (let i = 0; i < 5; i++) us.network.broadcast(big);
    expect(us.addresses()).toEqual([b.address]);
    us.network.broadcast(big);
    expect(us.addresses()).toEqual([]);
    expect(us.downs[0]?.reason).toContain('too slowly');
  });

  it('is dropped when a frame never ends, however lively its beginning', async () => {
    const world = new World();
    const us = await world.start('us', a);
    const stranger = await peerOf(world);
    const frame = encodeFrame({ type: 'GLK', block: new Uint8Array(200) });
    for (let i = 0; i < 70; i++) {
      stranger.connection.send(frame.subarray(i, i + 1));
      await world.clock.advance(1000);
    }
    expect(stranger.last('BYE').code).toBe('TOO_SLOW');
    expect(us.addresses()).toEqual([]);
  });

  it('may always have a frame on its way, as long as each of them ends', async () => {
    const world = new World();
    const us = await world.start('us', a);
    const stranger = await peerOf(world);
    const frame = encodeFrame({ type: 'VOT', vote: new Uint8Array(100) });
    stranger.connection.send(frame.subarray(0, 50));
    for (let i = 0; i < 70; i++) {
      await world.clock.advance(1000);
      stranger.connection.send(Buffer.concat([frame.subarray(50), frame.subarray(0, 50)]));
    }
    await world.moment();
    expect(us.addresses()).toEqual([b.address]);
    expect(us.messages).toHaveLength(70);
  });

  it('may send the longest frames', async () => {
    const world = new World();
    const us = await world.start('us', a);
    const stranger = await peerOf(world);
    stranger.send({ type: 'BLK', block: new Uint8Array(2_000_000), certificate: new Uint8Array(500_000) });
    await world.moment();
    expect(us.messages.map(({ message }) => message.type)).toEqual(['BLK']);
  });

  it('is dropped when it falls silent, but not for being slow to speak', async () => {
    const world = new World();
    const us = await world.start('us', a);
    const stranger = await peerOf(world);
    for (let i = 0; i < 5; i++) {
      await world.clock.advance(20_000);
      stranger.send({ type: 'PON', request_id: stranger.last('PNG').request_id, time: 0 });
    }
    expect(us.addresses()).toEqual([b.address]);
    await world.clock.advance(45_000);
    expect(stranger.last('BYE').code).toBe('TOO_SLOW');
    expect(us.addresses()).toEqual([]);
  });
});

describe('dialing', () => {
  it('retries with growing, jittered, bounded delays, for ever', async () => {
    const world = new World();
    await world.start('us', a, { peers: [at('nobody')] });
    await world.clock.advance(600_000);
    const times = world.internet.dials.map(({ atMs }) => atMs);
    const gaps = times.slice(1).map((time, i) => time - (times[i] as number));
    expect(gaps[0]).toBeLessThan(600);
    expect(gaps.slice(8).every((gap) => gap >= 15_000 && gap <= 30_500)).toBe(true);
    expect(new Set(gaps.slice(8)).size).toBeGreaterThan(5);
    expect(times.at(-1)).toBeGreaterThan(560_000);
  });

  it('finds a node that starts later, and again after it was away', async () => {
    const world = new World();
    const us = await world.start('us', a, { peers: [at('two')] });
    await world.clock.advance(20_000);
    const two = await world.start('two', b);
    await world.clock.advance(31_000);
    expect(us.addresses()).toEqual([b.address]);
    const stopped = two.network.stop();
    await world.clock.advance(5000);
    await stopped;
    expect(us.addresses()).toEqual([]);
    await world.start('two', b);
    await world.clock.advance(31_000);
    expect(us.addresses()).toEqual([b.address]);
  });

  it('says while first dials are under way', async () => {
    const world = new World();
    world.internet.unreachable.add('far');
    const us = await world.start('us', a, { peers: [at('two'), at('far')] });
    await world.start('two', b);
    expect(us.network.dialing()).toBe(true);
    await world.clock.advance(1000);
    expect(us.addresses()).toEqual([b.address]);
    expect(us.network.dialing()).toBe(true);
    await world.clock.advance(4500);
    expect(us.network.dialing()).toBe(false);
  });

  it('learns of others from peers: who knows one knows all', async () => {
    const world = new World();
    const parties = [];
    for (const [i, who] of KEYS.entries()) {
      parties.push(await world.start(`host${i}`, who, { peers: i === 0 ? [] : [at('host0')] }));
      await world.clock.advance(1000);
    }
    await world.clock.advance(10_000);
    for (const party of parties) expect(party.addresses()).toHaveLength(KEYS.length - 1);
  });

  it('gives hints of its peers and itself, none that lead nowhere', async () => {
    const world = new World();
    await world.start('us', a, { advertise: { host: 'us.example', port: 4000 } });
    const stranger = await peerOf(world, b, 'stranger');
    await peerOf(world, key(2), '127.0.0.1');
    await peerOf(world, key(3), 'third');
    stranger.send({ type: 'RPR', request_id: 77 });
    await world.moment();
    expect(stranger.last('PRS')).toMatchObject({
      request_id: 77,
      peers: [
        { id: a.address, ip: 'us.example', port: 4000 },
        { id: key(3).address, ip: 'third', port: 2000 },
      ],
    });
  });

  it('goes to the endpoints of discovery, whatever stands there about who they are', async () => {
    const world = new World();
    const us = await world.start('us', a);
    await world.start('two', b);
    us.network.addEndpoints([
      { endpoint: at('two'), address: key(3).address },
      { endpoint: at('us'), address: a.address },
    ]);
    await world.clock.advance(1000);
    expect(us.addresses()).toEqual([b.address]);
    expect(world.internet.dials.filter(({ from, to }) => from === 'us' && to.host === 'us')).toEqual([]);
  });
});

describe('a handler of ours that throws', () => {
  it('is heard, not swallowed', async () => {
    const world = new World();
    const us = await world.start('us', a);
    const stranger = await peerOf(world);
    const peer = upOf(us);
    us.messages.push = () => {
      throw new Error('a bug of ours');
    };
    stranger.send({ type: 'RBH', request_id: 1, block_number: 1 });
    await expect(world.moment()).rejects.toThrow('a bug of ours');
    expect(peer.score).toBe(0);
  });
});
