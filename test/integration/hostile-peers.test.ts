/** Peers that shake hands and then lie: what they say changes nothing, and the network goes on without them. */
import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { connect as dialTcp } from 'node:net';
import { describe, expect, it } from 'vitest';
import type { Block } from '../../src/protocol/block.js';
import type { Message } from '../../src/protocol/messages.js';
import { PREVOTE } from '../../src/protocol/vote.js';
import { BlockMaker } from '../support/block-maker.js';
import { type TestGenesis, type TestKey, testGenesis } from '../support/genesis.js';
import type { RawPeer } from '../support/raw-peer.js';
import {
  connect,
  dump,
  keyOf,
  start,
  stopAllAfterEach,
  transfer,
  untilReady,
} from '../support/running-nodes.js';
import { type TestNode, untilHeight } from '../support/test-node.js';

stopAllAfterEach();

const STRANGER = keyOf(5);
const heightOf = ({ node }: TestNode) => node.chain.head.header.number;

/** Everything that lying could change: what is stored, what is signed, what waits. */
async function everythingOf({ stores, face }: TestNode): Promise<unknown> {
  return {
    chain: await dump(stores.chain),
    signerRecord: await dump(stores.signerRecord),
    pool: face.status().pool,
  };
}

let lastRequestId = 0;

/** Resolves when the node has dealt with all that `peer` said before: frames are handled in order. */
async function heard(peer: RawPeer, node: TestNode): Promise<void> {
  lastRequestId++;
  const requestId = lastRequestId;
  peer.say({ type: 'RBH', request_id: requestId, block_number: 1 });
  await peer.received.until(({ message }) => message.type === 'BLH' && message.request_id === requestId);
  await node.node.chain.settled();
}

describe('a block sent as a frame', () => {
  it('that is genesis or an old one changes nothing', async () => {
    const genesis = testGenesis(1);
    const maker = await BlockMaker.on(genesis);
    const old = [];
    for (let height = 2; height <= 4; height++) old.push(await maker.add({ miner: maker.leader(height) }));
    const victim = await start({ key: keyOf(4), genesis: genesis.wire, role: 'basic' });
    await untilReady(victim);
    const peer = await connect({ key: STRANGER, genesis, peers: [victim.port] });
    for (const { block, certificate } of old)
      peer.say({ type: 'BLK', block: block.wire, certificate: certificate.wire });
    await untilHeight(victim, 4);

    const before = await everythingOf(victim);
    const [first] = old;
    if (first === undefined) throw new Error('no block was made');
    peer.say({ type: 'BLK', block: genesis.wire, certificate: first.certificate.wire });
    for (const { block, certificate } of old)
      peer.say({ type: 'BLK', block: block.wire, certificate: certificate.wire });
    await heard(peer, victim);
    expect(await everythingOf(victim)).toEqual(before);
    expect(victim.failures).toEqual([]);
  });

  it.each<[string, (maker: BlockMaker) => Block]>([
    ["has a miner that is no authority's", (maker) => maker.block({ miner: STRANGER })],
    ['takes a reward of its own', (maker) => maker.block({ miner: maker.leader(2), extraReward: 1 })],
    [
      'names a reward that it does not take',
      (maker) => maker.block({ miner: maker.leader(2), header: { reward: 101 } }),
    ],
    ['has a state root of its own', ownRoot],
    ["holds a transaction whose key is not the sender's", wrongKey],
  ])('that %s is refused, however many authorities certify it', async (_, spoil) => {
    const genesis = testGenesis(4);
    const maker = await BlockMaker.on(genesis);
    const victim = await start({ key: keyOf(4), genesis: genesis.wire, role: 'basic' });
    await untilReady(victim);
    const peer = await connect({ key: STRANGER, genesis, peers: [victim.port] });
    const before = await everythingOf(victim);
    const bad = spoil(maker);
    peer.say({ type: 'BLK', block: bad.wire, certificate: maker.certificate(bad).wire });
    const { reason } = await peer.downs.until(() => true);
    expect(reason).toContain('BAD_BLOCK');
    expect(await everythingOf(victim)).toEqual(before);

    // The sound block of that height is still taken, from another peer.
    const other = await connect({ key: keyOf(3), genesis, peers: [victim.port] });
    const { block, certificate } = await maker.add({ miner: maker.leader(2) });
    other.say({ type: 'BLK', block: block.wire, certificate: certificate.wire });
    await untilHeight(victim, 2);
    expect(victim.node.chain.head.id).toBe(block.id);
  });
});

function ownRoot(maker: BlockMaker): Block {
  return maker.block({ miner: maker.leader(2), header: { hashState: 'ab'.repeat(32) } });
}

/** The stranger takes the coins of another: everything in the block fits, but for who signed the transaction. */
function wrongKey(maker: BlockMaker): Block {
  const theft = maker.transfer(keyOf(4), { nonce: 0, to: STRANGER.address, amount: 5 }, STRANGER);
  return maker.block({ miner: maker.leader(2), transactions: [theft] });
}

describe('an authority that leads and lies', () => {
  /** Three honest authorities, and the fourth, the leader of (2, 0), in the hands of the test. */
  async function besides(): Promise<{
    maker: BlockMaker;
    honest: TestNode[];
    liar: RawPeer;
    leader: TestKey;
  }> {
    const genesis = testGenesis(4);
    const maker = await BlockMaker.on(genesis);
    const leader = maker.leader(2);
    const honest: TestNode[] = [];
    for (const key of [0, 1, 2, 3].map(keyOf)) {
      if (key === leader) continue;
      const peers = honest.map(({ port }) => port);
      honest.push(await start({ key, genesis: genesis.wire, peers }));
    }
    await Promise.all(honest.map(untilReady));
    const ports = honest.map(({ port }) => port);
    const liar = await connect({ key: leader, genesis, role: 'validator', peers: ports });
    return { maker, honest, liar, leader };
  }

  it('is followed as long as it tells the truth', async () => {
    const { maker, honest, liar, leader } = await besides();
    const block = maker.block({ miner: leader });
    liar.say({ type: 'PRP', proposal: maker.proposal(block, leader).wire });
    await Promise.all(honest.map((node) => untilHeight(node, 2)));
    for (const { node } of honest) expect(node.chain.head.id).toBe(block.id);
  });

  it.each<[string, (maker: BlockMaker, leader: TestKey) => Block]>([
    ['a reward of its own', (maker, leader) => maker.block({ miner: leader, extraReward: 1 })],
    ['a state root of its own', ownRoot],
    ['a transaction whose key is not that of its sender', wrongKey],
    ['a block of a miner that is no authority', (maker) => maker.block({ miner: STRANGER })],
    [
      'a block 20 s ahead of all clocks',
      (maker, leader) => maker.block({ miner: leader, header: { time: Date.now() + 20_000 } }),
    ],
  ])('proposes %s in vain: the next leader’s block becomes final', async (_, spoil) => {
    const { maker, honest, liar, leader } = await besides();
    const bad = spoil(maker, leader);
    liar.say({ type: 'PRP', proposal: maker.proposal(bad, leader).wire });
    await Promise.all(honest.map((node) => transfer(node)));
    await Promise.all(honest.map((node) => untilHeight(node, 2)));
    const second = await Promise.all(honest.map(({ face }) => face.block(2)));
    for (const final of second) {
      expect(final?.block.id).toBe(second[0]?.block.id);
      expect(final?.block.id).not.toBe(bad.id);
      expect(final?.block.header.coinbase).not.toBe(leader.address);
      expect(final?.certificate?.round).toBeGreaterThan(0);
    }
    for (const { failures } of honest) expect(failures).toEqual([]);
  });

  it('and says two things in one place, is shown as evidence by everybody', async () => {
    const { maker, honest, liar, leader } = await besides();
    const blocks = [1, 2].map((data) =>
      maker.block({ miner: leader, header: { data: Uint8Array.of(data) } }),
    );
    for (const block of blocks) liar.say({ type: 'PRP', proposal: maker.proposal(block, leader).wire });
    for (const blockId of [null, blocks[0]?.id ?? null])
      liar.say({ type: 'VOT', vote: maker.vote(leader, { round: 0, type: PREVOTE, blockId }).wire });
    const found = await Promise.all(
      honest.map(async (node) => {
        for (const type of ['proposal', 'prevote'])
          await node.logs.until((line) => line.authority === leader.address && line.type === type);
        await untilHeight(node, 2);
        return node.face.evidence();
      }),
    );
    for (const evidence of found) {
      expect(evidence).toMatchObject([
        { authority: leader.address, height: 2, round: 0, type: 'proposal' },
        { authority: leader.address, height: 2, round: 0, type: 'prevote' },
      ]);
    }
  });
});

describe('a transaction', () => {
  it("whose key is not the sender's is taken neither from a peer nor from the API", async () => {
    const genesis = testGenesis(1);
    const maker = await BlockMaker.on(genesis);
    const victim = await start({ key: keyOf(0), genesis: genesis.wire });
    await untilReady(victim);
    const peer = await connect({ key: STRANGER, genesis, peers: [victim.port] });
    const before = await everythingOf(victim);
    const order = { nonce: 0, to: STRANGER.address, amount: 5 };
    const thefts = [
      maker.transfer(keyOf(4), order, STRANGER),
      maker.transfer(keyOf(4), { ...order, publicKey: STRANGER.publicKey }, STRANGER),
    ];
    peer.say({ type: 'TXN', txns: thefts.map(({ wire }) => wire) });
    const codes = (await victim.face.submit(thefts.map(({ wire }) => wire))).map(
      (result) => !result.accepted && result.code,
    );
    expect(codes).toEqual(['BAD_SIGNATURE', 'BAD_PUBLIC_KEY']);
    await heard(peer, victim);
    await victim.logs.until(({ offence }) => offence === 'BAD_TRANSACTION');
    expect(await everythingOf(victim)).toEqual(before);

    // The same order by its true sender is taken from a peer: what was refused was the key.
    peer.say({ type: 'TXN', txns: [maker.transfer(keyOf(4), order).wire] });
    await untilHeight(victim, 2);
    expect(victim.node.chain.account(STRANGER.address)?.balance).toBe(1_000_000_005);
  });
});

describe('a source of blocks', () => {
  const BAD_FROM = 21;
  const LAST = 40;

  /** Gives what it is asked for, from block BAD_FROM on with a certificate that proves nothing. */
  function liarOf(genesis: TestGenesis, wires: readonly (readonly [Uint8Array, Uint8Array])[]) {
    return (message: Message): Message | undefined => {
      if (message.type === 'RBH')
        return { type: 'BLH', request_id: 0, block_number: LAST, block_id: genesis.id };
      if (message.type !== 'RBL') return undefined;
      const { request_id, start_from_block: first, count } = message;
      const certificateOf = (number: number) => wires[number >= BAD_FROM ? number - 1 : number]?.[1];
      const blocks = wires
        .map(([block], number) => [block, certificateOf(number) ?? null] as [Uint8Array, Uint8Array | null])
        .slice(first, first + count);
      return { type: 'ABL', request_id, blocks };
    };
  }

  it('that gives a bad one is dropped, and the blocks come from elsewhere', async () => {
    const genesis = testGenesis(4);
    const maker = await BlockMaker.on(genesis);
    const nothing = new Uint8Array(0);
    const wires: [Uint8Array, Uint8Array][] = [
      [nothing, nothing],
      [genesis.wire, nothing],
    ];
    for (let height = 2; height <= LAST; height++) {
      const { block, certificate } = await maker.add({ miner: maker.leader(height) });
      wires.push([block.wire, certificate.wire]);
    }
    const victim = await start({ key: keyOf(4), genesis: genesis.wire, role: 'basic' });
    const answer = liarOf(genesis, wires);
    const liar = await connect({ key: STRANGER, genesis, peers: [victim.port], height: LAST, answer });
    const { reason } = await liar.downs.until(() => true);
    expect(reason).toContain('BAD_BLOCK');
    expect(heightOf(victim)).toBe(BAD_FROM - 1);

    await start({ key: keyOf(0), genesis: genesis.wire, stores: maker.stores, peers: [victim.port] });
    await untilHeight(victim, LAST);
    expect(victim.node.chain.head.id).toBe(maker.chain.head.id);
    expect(victim.failures).toEqual([]);
  });
});

describe('connections that speak no protocol', () => {
  it('change nothing and keep nobody out', async () => {
    const genesis = testGenesis(1);
    const victim = await start({ key: keyOf(0), genesis: genesis.wire });
    await untilReady(victim);
    const before = await everythingOf(victim);
    const length = (value: number) => Buffer.from(Uint32Array.of(value).buffer);
    const garbage = [
      randomBytes(10_000),
      Buffer.concat([length(0xffffffff), Buffer.from('HEY')]),
      Buffer.concat([length(3_000_000), Buffer.from('ABL')]),
      Buffer.concat([length(16), Buffer.from('HEY'), Buffer.alloc(13, 0xdf)]),
      Buffer.from('GET / HTTP/1.1\r\nHost: localhost\r\n\r\n'),
    ];
    await Promise.all(
      garbage.map(async (bytes) => {
        const socket = dialTcp(victim.port, '127.0.0.1');
        socket.on('error', () => {});
        socket.resume();
        socket.write(bytes);
        await once(socket, 'close');
      }),
    );
    expect(await everythingOf(victim)).toEqual(before);
    await connect({ key: STRANGER, genesis, peers: [victim.port] });
    await transfer(victim);
    await untilHeight(victim, 2);
  });
});
