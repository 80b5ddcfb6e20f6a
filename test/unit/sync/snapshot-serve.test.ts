/** Giving snapshots to others: by turns, and within what one peer may cost. */
import { describe, expect, it } from 'vitest';
import { ProtocolError } from '../../../src/protocol/errors.js';
import type { Message, MessageOf } from '../../../src/protocol/messages.js';
import {
  BURST_BYTES,
  REFILL_BYTES_PER_MS,
  SHARED_BURST_BYTES,
  SHARED_REFILL_BYTES_PER_MS,
} from '../../../src/sync/serve.js';
import {
  LEAST_COST_BYTES,
  MAX_WAITING,
  type ServedSnapshot,
  SnapshotServer,
} from '../../../src/sync/snapshot-serve.js';
import { ManualClock } from '../../support/manual-clock.js';

const HEADER = Uint8Array.of(1);
const CERTIFICATE = Uint8Array.of(2);

class World {
  readonly clock = new ManualClock();
  readonly sent: (readonly [peer: string, message: Message])[] = [];
  readonly failures: Error[] = [];
  readonly server: SnapshotServer;

  constructor(answer: ServedSnapshot['answer']) {
    const snapshot = { head: { sealedHeader: HEADER, certificate: CERTIFICATE }, answer };
    this.server = new SnapshotServer({
      clock: this.clock,
      snapshot: (number) => (number === 10 ? snapshot : undefined),
      send: (peer, message) => this.sent.push([peer, message]),
      fail: (error) => this.failures.push(error),
    });
  }

  ask(peer: string, id: number, path: Partial<MessageOf<'RSP'>> = {}): void {
    const prefix = new Uint8Array(0);
    this.server.request(peer, { type: 'RSP', request_id: id, block_number: 10, depth: 0, prefix, ...path });
  }

  get ids(): string[] {
    return this.sent.map(([peer, message]) => `${peer}${(message as { request_id: number }).request_id}`);
  }
}

const costing =
  (costBytes: number): ServedSnapshot['answer'] =>
  async (path) => ({ subtrees: null, accounts: Buffer.from(path), costBytes });

const small = costing(0);

/** Asks all the time, as often as anybody may, and counts how many answers come. */
async function answersWithin(world: World, peers: readonly string[], timeMs: number): Promise<number> {
  const before = world.sent.length;
  for (let id = 0; id < timeMs; id++) {
    for (const peer of peers) world.ask(peer, id);
    await world.clock.advance(1);
  }
  return world.sent.length - before;
}

describe('a server of snapshots', () => {
  it('answers with what it has, or that it has not', async () => {
    const world = new World(small);
    world.server.request('a', { type: 'RSN', request_id: 1, block_number: 10 });
    world.server.request('a', { type: 'RSN', request_id: 2, block_number: 11 });
    world.ask('a', 3, { depth: 3, prefix: Uint8Array.of(0b1010_0000) });
    world.ask('a', 4, { block_number: 11 });
    await world.clock.advance(1);
    expect(world.sent.map(([, message]) => message)).toEqual([
      { type: 'ASN', request_id: 1, header: HEADER, certificate: CERTIFICATE },
      { type: 'ASN', request_id: 2, header: null, certificate: null },
      { type: 'ASP', request_id: 3, subtrees: null, accounts: Buffer.from('101') },
      { type: 'ASP', request_id: 4, subtrees: null, accounts: null },
    ]);
  });

  it('refuses a path that is none', () => {
    const world = new World(small);
    expect(() => world.ask('a', 1, { depth: 9 })).toThrow(ProtocolError);
    expect(() => world.ask('a', 1, { depth: 4, prefix: Uint8Array.of(1) })).toThrow(ProtocolError);
  });

  it('takes turns, and drops what one peer asks for beyond its bound', async () => {
    const world = new World(small);
    for (let id = 0; id < MAX_WAITING + 5; id++) world.ask('a', id);
    world.ask('b', 0);
    await world.clock.advance(1);
    expect(world.ids.slice(0, 3)).toEqual(['a0', 'a1', 'b0']);
    expect(world.ids.filter((id) => id.startsWith('a'))).toHaveLength(MAX_WAITING + 1);
  });

  it('makes a peer wait that has had its allowance, and nobody else', async () => {
    const world = new World(costing(BURST_BYTES));
    for (const id of [1, 2, 3]) world.ask('a', id);
    world.ask('b', 1);
    await world.clock.advance(1);
    expect(world.ids.filter((id) => id.startsWith('b'))).toEqual(['b1']);
    const before = world.ids.filter((id) => id.startsWith('a')).length;
    expect(before).toBeLessThan(3);
    await world.clock.advance((2 * BURST_BYTES) / REFILL_BYTES_PER_MS);
    expect(world.ids.filter((id) => id.startsWith('a'))).toHaveLength(3);
    expect(world.clock.pending).toBe(0);
  });

  it('counts what an answer costs, however few its bytes are', async () => {
    for (const costBytes of [0, 600_000]) {
      const world = new World(costing(costBytes));
      const had = BURST_BYTES + 1_000 * REFILL_BYTES_PER_MS;
      const answers = await answersWithin(world, ['a'], 1_000);
      const most = Math.min(1_000, had / Math.max(costBytes, LEAST_COST_BYTES));
      expect(answers).toBeLessThanOrEqual(most + 1);
      // An honest peer has all of it.
      expect(answers).toBeGreaterThan(0.8 * most);
    }
  });

  it('does not let many peers together cost more than a few, and gives each of them its share', async () => {
    const peers = Array.from({ length: 20 }, (_, i) => String.fromCharCode(97 + i));
    const costBytes = 600_000;
    const world = new World(costing(costBytes));
    const most = (SHARED_BURST_BYTES + 1_000 * SHARED_REFILL_BYTES_PER_MS) / costBytes;
    const answers = await answersWithin(world, peers, 1_000);
    expect(answers).toBeLessThanOrEqual(most + 1);
    for (const peer of peers) {
      const share = world.ids.filter((id) => id.startsWith(peer)).length;
      expect(Math.abs(share - answers / peers.length)).toBeLessThan(2);
    }
  });

  it('says nothing to one that is gone, and fails loudly if it cannot read', async () => {
    const world = new World(small);
    world.ask('a', 1);
    world.server.forget('a');
    await world.clock.advance(1);
    expect(world.sent).toEqual([]);
    const broken = new World(() => Promise.reject(new Error('no disk')));
    broken.ask('a', 1);
    await broken.clock.advance(1);
    expect(broken.failures).toHaveLength(1);
  });
});
