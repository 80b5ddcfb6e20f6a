import { describe, expect, test, vi } from 'vitest';
import { OtherParentError, ProtocolError } from '../../../src/protocol/errors.js';
import { Claims } from '../../../src/sync/claims.js';
import { MAX_RACES } from '../../../src/sync/life.js';
import { CLAIM_GRACE_MS, MAX_OFFER_AHEAD, POLL_MS } from '../../../src/sync/sync.js';
import { addressOf, blockOf, CERTIFICATE, type FakePeer, World } from './harness.js';

function rising(from: number, to: number): number[] {
  return Array.from({ length: to - from + 1 }, (_, i) => from + i);
}

describe('boot', () => {
  test('with no peers, is ready as soon as the first dials have ended', async () => {
    const world = new World(1);
    world.sync.start();
    await world.clock.run(500);
    expect(world.sync.phase).toBe('connecting');
    world.sync.dialsDone();
    expect(world.phases).toEqual(['connecting', 'comparing', 'ready']);
  });

  test('waits for first dials no longer than 2 s', async () => {
    const world = new World(1);
    world.sync.start();
    await world.clock.run(1_900);
    expect(world.sync.phase).toBe('connecting');
    await world.clock.run(300);
    expect(world.sync.phase).toBe('ready');
  });

  test('is ready at once when all peers answer that they have nothing more', async () => {
    const world = new World(7);
    for (const height of [7, 5, 7]) world.connect({ height });
    await world.boot(10);
    expect(world.phases).toEqual(['connecting', 'comparing', 'ready']);
  });

  test.each([1, 4])('fetches 1,000 blocks from %i peers', async (count) => {
    const world = new World(1);
    const peers = rising(1, count).map(() => world.connect({ height: 1_001 }));
    await world.boot(3_000);
    expect(world.head).toBe(1_001);
    expect(world.applied).toEqual(rising(2, 1_001));
    expect(world.sync.phase).toBe('ready');
    expect(world.offences).toEqual([]);
    for (const peer of peers) expect(peer.asked.length).toBeGreaterThan(0);
  });

  test('fetches while it applies', async () => {
    const world = new World(1);
    world.applyMs = 20;
    const peer = world.connect({ height: 400 });
    await world.boot(1_000);
    expect(world.head).toBeLessThan(60);
    expect(peer.asked.at(-1)?.start_from_block).toBeGreaterThan(200);
  });

  test('fetches blocks of which only some fit into a frame', async () => {
    const world = new World(1);
    const peers = [
      world.connect({ height: 60, blockBytes: 700_000 }),
      world.connect({ height: 60, blockBytes: 700_000 }),
    ];
    await world.boot(6_000);
    expect(world.applied).toEqual(rising(2, 60));
    expect(world.sync.phase).toBe('ready');
    expect(world.offences).toEqual([]);
    for (const peer of peers) expect(peer.asked.length).toBeGreaterThan(3);
  });

  test('says how far it is and how long it will take', async () => {
    const world = new World(1);
    world.applyMs = 10;
    world.connect({ height: 1_001 });
    await world.boot(3_000);
    const progress = world.sync.progress();
    expect(progress).toMatchObject({ head: world.head, target: 1_001 });
    expect(progress?.blocksPerSecond).toBeGreaterThan(80);
    expect(progress?.secondsLeft).toBeGreaterThan(5);
  });

  test('all nodes of a network that restart at once become ready', async () => {
    const heads = [10, 10, 11, 9];
    const worlds = heads.map((head) => new World(head));
    // Each sees the others as they were when they went down.
    for (const [i, world] of worlds.entries()) {
      heads.forEach((height, j) => {
        if (i !== j) world.connect({ height });
      });
      await world.boot(1_000);
      expect(world.sync.phase).toBe('ready');
      expect(world.head).toBe(11);
    }
  });

  test('is ready on a chain that grows faster than heights can be compared', async () => {
    const world = new World(1);
    const peer = world.connect({ height: 50, latencyMs: 40 });
    const grow = (): void => {
      peer.options.height++;
      world.clock.after(30, grow);
    };
    grow();
    await world.boot(2_500);
    expect(world.sync.phase).toBe('ready');
    expect(world.phases.filter((phase) => phase === 'comparing').length).toBeLessThanOrEqual(MAX_RACES + 3);
  });

  test('compares again after a download, as the others went on meanwhile', async () => {
    const world = new World(1);
    const peer = world.connect({ height: 100 });
    world.sync.start();
    world.sync.dialsDone();
    await world.clock.run(50);
    peer.options.height = 150;
    await world.clock.run(1_000);
    expect(world.head).toBe(150);
    expect(world.sync.phase).toBe('ready');
  });
});

describe('peers that are of no help', () => {
  test('a silent peer delays being ready by 2 s, not more', async () => {
    const world = new World(5);
    world.connect({ height: 5, silent: true });
    world.connect({ height: 5 });
    await world.boot(1_800);
    expect(world.sync.phase).toBe('comparing');
    await world.clock.run(400);
    expect(world.sync.phase).toBe('ready');
  });

  test.each([{ silent: true }, { withholds: true }])(
    'a height without blocks holds nobody back: %o',
    async (how) => {
      const world = new World(5);
      const liar = world.connect({ height: 5, claims: 1_000_000, ...how });
      world.connect({ height: 5 });
      await world.boot(2_300);
      expect(world.sync.phase).toBe('ready');
      expect(liar.asked.length).toBeGreaterThan(0);
    },
  );

  test('a claim that is answered with nothing is over at once', async () => {
    const world = new World(5);
    world.connect({ height: 5, claims: 9 });
    world.connect({ height: 5 });
    await world.boot(300);
    expect(world.phases).toEqual(['connecting', 'comparing', 'downloading', 'comparing', 'ready']);
    expect(world.offences).toEqual([]);
  });

  test('a liar who hands out new blocks one by one does not keep the node out', async () => {
    const world = new World(5);
    const honest = world.connect({ height: 5 });
    const liar = world.connect({ height: 5, latencyMs: 900, claims: 1_000 });
    const grow = (): void => {
      honest.options.height++;
      liar.options.height++;
      world.offer(honest, honest.options.height);
      world.clock.after(900, grow);
    };
    world.clock.after(900, grow);
    await world.boot(5_000);
    expect(world.sync.phase).toBe('ready');
    const before = world.phases.length;
    await world.clock.run(20_000);
    expect(world.phases.length).toBe(before);
    expect(world.head).toBeGreaterThan(20);
  });

  test('what silent peers were asked for is fetched from the one that answers', async () => {
    const world = new World(1);
    for (let i = 0; i < 3; i++) world.connect({ height: 300, withholds: true });
    const honest = world.connect({ height: 300 });
    await world.boot(4_000);
    expect(world.head).toBe(300);
    expect(world.sync.phase).toBe('ready');
    expect(world.phases).not.toContain('dead');
    expect(new Set(world.offences.map(({ offence }) => offence))).toEqual(new Set(['slow']));
    expect(world.offences.some(({ peer }) => peer === honest.address)).toBe(false);
  });

  test('a slow peer is asked for less than a quick one', async () => {
    const world = new World(1);
    const quick = world.connect({ height: 3_000 });
    const slow = world.connect({ height: 3_000, latencyMs: 1_500 });
    await world.boot(20_000);
    expect(world.head).toBe(3_000);
    const blocks = (peer: FakePeer) => peer.asked.reduce((sum, { count }) => sum + count, 0);
    expect(blocks(slow)).toBeLessThan(blocks(quick) / 10);
  });

  test('a single slow peer still brings the node up', async () => {
    const world = new World(1);
    world.connect({ height: 200, latencyMs: 2_500 });
    await world.boot(60_000);
    expect(world.head).toBe(200);
    expect(world.sync.phase).toBe('ready');
  });

  test('time in which this node itself stood still is held against nobody', async () => {
    const world = new World(1);
    world.connect({ height: 100, latencyMs: 500 });
    world.sync.start();
    world.sync.dialsDone();
    await world.clock.run(20);
    world.clock.freeze(10_000);
    await world.clock.run(5_000);
    expect(world.head).toBe(100);
    expect(world.offences).toEqual([]);
  });

  test('a peer that goes away mid-way is made up for by the others', async () => {
    const world = new World(1);
    world.applyMs = 0;
    const leaver = world.connect({ height: 500 });
    world.connect({ height: 500 });
    await world.boot(12);
    world.disconnect(leaver);
    await world.clock.run(150);
    expect(world.head).toBe(500);
    expect(world.sync.phase).toBe('ready');
  });

  test('if the only source goes away, what is here is applied and the node is ready', async () => {
    const world = new World(1);
    const leaver = world.connect({ height: 500 });
    await world.boot(30);
    world.disconnect(leaver);
    await world.clock.run(500);
    expect(world.sync.phase).toBe('ready');
    expect(world.head).toBeGreaterThan(1);
  });
});

describe('peers that keep only their newest blocks', () => {
  test('give way to one that keeps all, and give what they keep, blamed for nothing', async () => {
    const world = new World(1);
    world.applyMs = 5;
    const pruned = [0, 1, 2].map(() => world.connect({ height: 900, base: 600 }));
    world.connect({ height: 900 });
    await world.boot(15_000);
    expect(world.head).toBe(900);
    expect(world.sync.phase).toBe('ready');
    expect(world.offences).toEqual([]);
    expect(world.warnings).toEqual([]);
    // Once each, or in the two requests that were sent at once; then not before they can answer.
    for (const { asked } of pruned)
      expect(asked.filter((request) => request.start_from_block <= 600).length).toBeLessThanOrEqual(2);
  });

  test('alone leave a new node where it is: it says so, now and again, and asks in vain no more', async () => {
    const world = new World(1);
    const peers = [0, 1].map((i) => world.connect({ height: 900, base: 600 + i }));
    await world.boot(10_000);
    expect(world.head).toBe(1);
    expect(world.sync.phase).toBe('ready');
    expect(world.sync.bestKnownHeight).toBe(1);
    expect(world.sync.outOfReach).toEqual({ height: 900, base: 600 });
    expect(world.warnings).toEqual([
      'no peer keeps block 2 any more, those that have gone on only the blocks above 600: this node needs a peer that ' +
        'keeps everything, or a snapshot',
    ]);
    await world.clock.run(120_000);
    expect(world.warnings).toHaveLength(3);
    for (const { asked } of peers) expect(asked.length).toBeLessThanOrEqual(2);
    expect(world.offences).toEqual([]);

    world.connect({ height: 900 });
    await world.clock.run(10_000);
    expect(world.head).toBe(900);
    expect(world.sync.outOfReach).toBeNull();
    expect(world.warnings).toHaveLength(3);
  });

  test('are asked again when the head has come to where they begin', async () => {
    const world = new World(1);
    const pruned = world.connect({ height: 900, base: 600 });
    const leaver = world.connect({ height: 601 });
    await world.boot(2_000);
    world.disconnect(leaver);
    await world.clock.run(5_000);
    expect(world.head).toBe(900);
    expect(pruned.asked.at(-1)?.start_from_block).toBeGreaterThan(600);
  });

  test('that lie about it keep nobody out of ready', async () => {
    const world = new World(50);
    world.connect({ height: 50 });
    world.connect({ height: 0, base: 1_000_000, claims: 2_000_000 });
    await world.boot(3_000);
    expect(world.sync.phase).toBe('ready');
    expect(world.sync.bestKnownHeight).toBe(50);
  });
});

describe('a peer on another branch', () => {
  test('is told of, not blamed, still heard, and asked again ever more seldom', async () => {
    const world = new World(5);
    const peer = world.connect({ height: 9 });
    world.applyInstead = async () => new OtherParentError('its parent is another');
    await world.boot(100_000);
    expect(world.offences).toEqual([]);
    expect(new Set(world.branches.map(({ number }) => number))).toEqual(new Set([6]));
    expect(world.branches[0]?.peer).toBe(peer.address);
    expect(world.branches.length).toBeGreaterThan(2);
    expect(world.branches.length).toBeLessThan(8);
    expect(world.sync.phase).toBe('ready');
    const answered = world.sent.length;
    world.sync.message(peer.address, { type: 'RBH', request_id: 77, block_number: 9 });
    expect(world.sent.slice(answered)).toMatchObject([{ message: { type: 'BLH', request_id: 77 } }]);
  });
});

describe('peers that do wrong', () => {
  test('a bad block from one of several: dropped, blamed, fetched elsewhere', async () => {
    const world = new World(1);
    const peers = [0, 1, 2].map(() => world.connect({ height: 200 }));
    const forger = world.connect({ height: 200, forges: 60 });
    await world.boot(2_000);
    expect(world.head).toBe(200);
    expect(world.sync.phase).toBe('ready');
    expect(world.offences).toEqual([
      { peer: forger.address, offence: 'bad-block', detail: 'block 60: BAD_BLOCK: forged' },
    ]);
    const asked = forger.asked.length;
    for (const peer of peers) peer.options.height = 300;
    forger.options.height = 300;
    await world.clock.run(POLL_MS + 2_000);
    expect(world.head).toBe(300);
    expect(forger.asked.length).toBe(asked);
  });

  test('a bad block from the only peer ends the download', async () => {
    const world = new World(1);
    world.connect({ height: 200, forges: 40 });
    await world.boot(1_000);
    expect(world.head).toBe(39);
    expect(world.sync.phase).toBe('ready');
  });

  test.each([
    ['foreign request id', (m) => ({ ...m, request_id: m.request_id + 1_000 })],
    ['wrong numbers', (m) => ({ ...m, blocks: m.blocks.slice(1) })],
    ['too many blocks', (m) => ({ ...m, blocks: [...m.blocks, ...m.blocks] })],
    ['no certificate', (m) => ({ ...m, blocks: m.blocks.map(([block]) => [block, null]) })],
    ['garbage', (m) => ({ ...m, blocks: m.blocks.map(() => [new Uint8Array(9), CERTIFICATE]) })],
  ] satisfies [string, FakePeer['options']['twist']][])(
    'an answer with %s is an offence',
    async (_, twist) => {
      const world = new World(1);
      const bad = world.connect({ height: 100, twist });
      world.connect({ height: 100 });
      await world.boot(3_000);
      expect(world.offences.filter(({ offence }) => offence === 'bad-answer')).toHaveLength(1);
      expect(world.offences[0]?.peer).toBe(bad.address);
      expect(world.head).toBe(100);
    },
  );

  test('answers and blocks of strangers are not looked at', async () => {
    const world = new World(1);
    await world.boot(10);
    world.sync.message('ab'.repeat(20), { type: 'BLK', block: blockOf(2), certificate: CERTIFICATE });
    world.sync.message('ab'.repeat(20), { type: 'RBL', request_id: 1, start_from_block: 1, count: 9 });
    await world.clock.run(1_000);
    expect(world.applied).toEqual([]);
    expect(world.sent).toEqual([]);
  });
});

describe('ready', () => {
  async function ready(head: number, peerCount = 2): Promise<{ world: World; peers: FakePeer[] }> {
    const world = new World(head);
    const peers = rising(1, peerCount).map(() => world.connect({ height: head }));
    await world.boot(100);
    expect(world.sync.phase).toBe('ready');
    world.phases.length = 0;
    return { world, peers };
  }

  test('a claim alone never ends it, and is asked about less and less often', async () => {
    const { world, peers } = await ready(5);
    const liar = peers[0] as FakePeer;
    liar.options.withholds = true;
    for (let second = 0; second < 600; second++) {
      world.sync.claimed(liar.address, 1_000_000);
      await world.clock.run(1_000);
    }
    expect(world.phases).toEqual([]);
    expect(liar.asked.length).toBeGreaterThan(3);
    expect(liar.asked.length).toBeLessThan(30);
  });

  test('nor does one with a single new block now and then', async () => {
    const { world, peers } = await ready(5);
    const liar = peers[0] as FakePeer;
    for (let second = 0; second < 120; second++) {
      liar.options.height = world.head + 1;
      world.sync.claimed(liar.address, 1_000_000);
      await world.clock.run(1_000);
    }
    expect(world.phases).toEqual([]);
    expect(world.head).toBeGreaterThan(6);
    expect(liar.asked.length).toBeLessThan(10);
  });

  test('connecting anew does not mend a bad standing', async () => {
    const { world, peers } = await ready(5);
    const liar = peers[0] as FakePeer;
    liar.options.claims = 1_000;
    for (let i = 0; i < 100; i++) {
      world.disconnect(liar);
      world.reconnect(liar);
      await world.clock.run(1_000);
    }
    expect(world.phases).toEqual([]);
    expect(liar.asked.length).toBeLessThan(12);
  });

  test('thousands of claims, each higher than the last, cost one look at what all peers claim', async () => {
    const { world, peers } = await ready(5);
    const looks = vi.spyOn(Claims.prototype, 'sources');
    const weighs = vi.spyOn(Claims.prototype, 'unanswered');
    try {
      for (let height = 6; height < 5_000; height++)
        world.sync.claimed((peers[0] as FakePeer).address, height);
      expect(weighs.mock.calls.length + looks.mock.calls.length).toBeLessThan(5);
    } finally {
      vi.restoreAllMocks();
    }
  });

  test('consensus gets a moment to reach a claimed height by itself', async () => {
    const { world, peers } = await ready(5);
    const peer = peers[0] as FakePeer;
    for (let height = 6; height < 40; height++) {
      peer.options.height = height;
      // The others are one block further than we always.
      world.sync.claimed(peer.address, height + 1);
      await world.clock.run(CLAIM_GRACE_MS / 3);
      world.head = height;
      world.sync.headMoved(height);
    }
    expect(peer.asked).toEqual([]);
    expect(world.applied).toEqual([]);
  });

  test('a claim that is true leads back to syncing and to ready', async () => {
    const { world, peers } = await ready(5);
    for (const peer of peers) peer.options.height = 100;
    world.sync.claimed((peers[0] as FakePeer).address, 100);
    await world.clock.run(2_000);
    expect(world.head).toBe(100);
    expect(world.phases.slice(0, 2)).toEqual(['downloading', 'comparing']);
    expect(world.phases.at(-1)).toBe('ready');
  });

  test('one or two missed blocks are made up for without leaving it', async () => {
    const { world, peers } = await ready(5);
    const peer = peers[0] as FakePeer;
    peer.options.height = 7;
    world.sync.claimed(peer.address, 7);
    await world.clock.run(1_000);
    expect(world.head).toBe(7);
    expect(world.phases).toEqual([]);
  });

  test('a lost message is made up for by asking now and then', async () => {
    const { world, peers } = await ready(5);
    (peers[1] as FakePeer).options.height = 6;
    await world.clock.run(POLL_MS + 1_000);
    expect(world.head).toBe(6);
  });

  test('the next block is applied', async () => {
    const { world, peers } = await ready(5);
    world.offer(peers[0] as FakePeer, 6);
    world.offer(peers[1] as FakePeer, 6);
    await world.clock.run(100);
    expect(world.applied).toEqual([6]);
    expect(world.phases).toEqual([]);
  });

  test('a final block beyond the next one fetches what is missing', async () => {
    const { world, peers } = await ready(5);
    const peer = peers[0] as FakePeer;
    peer.options.height = 60;
    world.offer(peer, 60);
    await world.clock.run(2_000);
    expect(world.head).toBe(60);
    expect(world.phases[0]).toBe('downloading');
    expect(world.sync.phase).toBe('ready');
  });

  test('blocks that come faster than they are applied are kept', async () => {
    const { world, peers } = await ready(5);
    world.applyMs = 20;
    const peer = peers[0] as FakePeer;
    for (let number = 6; number <= 5 + MAX_OFFER_AHEAD; number++) world.offer(peer, number);
    await world.clock.run(1_000);
    expect(world.head).toBe(5 + MAX_OFFER_AHEAD);
    expect(peer.asked).toEqual([]);
    expect(world.phases).toEqual([]);
  });

  test('genesis or an old block changes nothing and is not verified', async () => {
    const { world, peers } = await ready(5);
    for (const number of [1, 3, 5]) world.offer(peers[0] as FakePeer, number, { bad: true });
    await world.clock.run(1_000);
    expect(world.applied).toEqual([]);
    expect(world.phases).toEqual([]);
    expect(world.offences).toEqual([]);
  });

  test('a bad next block is blamed on its sender; the good one is taken from another', async () => {
    const { world, peers } = await ready(5);
    const [forger, honest] = peers as [FakePeer, FakePeer];
    honest.options.height = 6;
    world.offer(forger, 6, { bad: true });
    world.offer(honest, 6);
    await world.clock.run(1_000);
    expect(world.head).toBe(6);
    expect(world.offences).toEqual([
      { peer: forger.address, offence: 'bad-block', detail: expect.any(String) },
    ]);
    expect(world.phases).toEqual([]);
  });

  test('consensus may commit the block that is being applied', async () => {
    const { world, peers } = await ready(5);
    world.applyMs = 50;
    world.offer(peers[0] as FakePeer, 6);
    await world.clock.run(20);
    world.head = 6;
    world.sync.headMoved(6);
    world.offer(peers[1] as FakePeer, 6);
    await world.clock.run(1_000);
    expect(world.applied).toEqual([6]);
    expect(world.offences).toEqual([]);
  });
});

describe('serving', () => {
  test('tells its height and gives blocks', async () => {
    const world = new World(9);
    const peer = world.connect({ height: 1, silent: true });
    await world.boot(10);
    world.sync.message(peer.address, { type: 'RBH', request_id: 7, block_number: 1 });
    world.sync.message(peer.address, { type: 'RBL', request_id: 8, start_from_block: 1, count: 20 });
    await world.clock.run(10);
    expect(peer.received).toContainEqual(
      expect.objectContaining({ type: 'BLH', request_id: 7, block_number: 9 }),
    );
    const answer = peer.received.find((message) => message.type === 'ABL');
    expect(answer).toMatchObject({ request_id: 8 });
    if (answer?.type !== 'ABL') throw new Error('no answer');
    expect(answer.blocks).toHaveLength(9);
    expect(answer.blocks[0]?.[1]).toBeNull();
    expect(answer.blocks[1]?.[1]).toEqual(CERTIFICATE);
  });
});

describe('applying several blocks at once', () => {
  test('hands on what is here before the blocks in front are applied, as far as there is room', async () => {
    const world = new World(1);
    world.applyMs = 20;
    world.connect({ height: 60 });
    await world.boot(5_000);
    expect(world.head).toBe(60);
    expect(world.applied).toEqual(rising(2, 60));
    expect(world.mostAtOnce).toBe(world.room);
    expect(world.sync.phase).toBe('ready');
  });

  test('a bad block in the middle blames its peer alone; those behind it are fetched or handed on again', async () => {
    const world = new World(1);
    world.applyMs = 20;
    world.connect({ height: 60, forges: 9 });
    world.connect({ height: 60, latencyMs: 200 });
    await world.boot(8_000);
    expect(world.head).toBe(60);
    expect(world.sync.phase).toBe('ready');
    expect(world.offences).toEqual([
      { peer: addressOf(1), offence: 'bad-block', detail: 'block 9: BAD_BLOCK: forged' },
    ]);
    // None was handed on out of order: the harness throws for that.
    expect(world.applied.filter((number) => number === 9)).toHaveLength(2);
  });

  test('what was under way behind a bad block is no reason to become ready early', async () => {
    const world = new World(1);
    world.applyMs = 20;
    world.connect({ height: 40, forges: 5 });
    world.connect({ height: 40, latencyMs: 1_500 });
    await world.boot(20_000);
    expect(world.head).toBe(40);
    expect(world.phases.filter((phase) => phase === 'ready')).toHaveLength(1);
  });

  test('in the ready phase one at a time, until it is clear that the node fell behind', async () => {
    const world = new World(1);
    const peer = world.connect({ height: 1 });
    await world.boot(3_000);
    expect(world.sync.phase).toBe('ready');
    world.applyMs = 20;
    peer.options.height = 40;
    world.mostAtOnce = 0;
    world.offer(peer, 3);
    world.offer(peer, 2);
    expect(world.mostAtOnce).toBe(1);
    await world.clock.run(10_000);
    expect(world.head).toBe(40);
    expect(world.mostAtOnce).toBe(world.room);
    expect(world.sync.phase).toBe('ready');
  });

  test('consensus may move the head past blocks that are being applied', async () => {
    const world = new World(1);
    world.applyMs = 50;
    world.connect({ height: 30 });
    await world.boot(60);
    expect(world.mostAtOnce).toBeGreaterThan(1);
    world.head += 3;
    world.sync.headMoved(world.head);
    await world.clock.run(5_000);
    expect(world.head).toBe(30);
    expect(world.offences).toEqual([]);
    expect(world.sync.phase).toBe('ready');
  });
});

describe('the end', () => {
  test('stop waits for the blocks that are being applied, and nothing follows them', async () => {
    const world = new World(1);
    world.applyMs = 300;
    world.room = 2;
    world.connect({ height: 50 });
    await world.boot(100);
    let idle = false;
    const stopped = world.sync.stop().then(() => {
      idle = true;
    });
    expect(world.sync.phase).toBe('stopping');
    await world.clock.run(100);
    expect(idle).toBe(false);
    await world.clock.run(1_000);
    await stopped;
    expect(world.applied).toEqual([2, 3]);
    expect(world.clock.pendingTimers).toBe(0);
    world.sync.stopped();
    expect(world.sync.phase).toBe('dead');
    expect(world.sync.failure).toBeNull();
  });

  test('a failure of our own while applying is the end', async () => {
    const world = new World(1);
    world.connect({ height: 50 });
    world.applyInstead = () => Promise.reject(new Error('disk on fire'));
    await world.boot(1_000);
    expect(world.sync.phase).toBe('dead');
    expect(world.sync.failure?.message).toBe('disk on fire');
    expect(world.offences).toEqual([]);
  });

  test('an apply that moves nothing is our own failure, not the peer’s', async () => {
    const world = new World(1);
    world.connect({ height: 50 });
    world.applyInstead = () => Promise.resolve(null);
    await world.boot(1_000);
    expect(world.sync.phase).toBe('dead');
    expect(world.sync.failure?.message).toContain('did not move');
  });

  test('whoever is told of a phase may stop the node right there', async () => {
    const world = new World(1);
    world.connect({ height: 50 });
    world.onPhase = (phase) => {
      if (phase === 'downloading') void world.sync.stop();
    };
    await world.boot(1_000);
    expect(world.phases.at(-1)).toBe('stopping');
    expect(world.applied).toEqual([]);
  });

  test('a refusal is told with its code', async () => {
    const world = new World(1);
    const peer = world.connect({ height: 50 });
    world.applyInstead = () => Promise.resolve(new ProtocolError('BAD_CERTIFICATE', 'too few'));
    await world.boot(1_000);
    expect(world.offences[0]).toEqual({
      peer: peer.address,
      offence: 'bad-block',
      detail: 'block 2: BAD_CERTIFICATE: too few',
    });
  });
});
