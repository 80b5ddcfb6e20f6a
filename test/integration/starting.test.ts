/** How a network comes to be: in any order, behind TLS or a list of those allowed, with a genesis from a peer. */
import { describe, expect, it } from 'vitest';
import { freePorts } from '../../bench/lib/ports.js';
import { tlsCredentials } from '../../src/keys/certificate.js';
import { signerOf } from '../../src/keys/signer.js';
import { TcpTransport } from '../../src/network/tcp-transport.js';
import { TlsTransport } from '../../src/network/tls-transport.js';
import { type FetchGenesisOptions, fetchGenesis } from '../../src/node/fetch-genesis.js';
import { inlineWorker } from '../../src/node/inline-worker.js';
import { systemClock } from '../../src/node/system-clock.js';
import { systemRandom } from '../../src/node/system-random.js';
import { BlockMaker } from '../support/block-maker.js';
import { ALLOC_EACH, type TestGenesis, testGenesis } from '../support/genesis.js';
import { History } from '../support/history.js';
import {
  connect,
  expectSameChain,
  keyOf,
  listen,
  start,
  stop,
  stopAllAfterEach,
  transfer,
  untilReady,
} from '../support/running-nodes.js';
import { type TestNode, untilHeight } from '../support/test-node.js';

stopAllAfterEach();

describe('authorities that know each other’s ports', () => {
  it.each<[string, readonly (readonly number[])[]]>([
    ['all in the same second', [[0, 1, 2, 3]]],
    ['one after the other', [[0], [1], [2], [3]]],
    ['in reverse', [[3], [2], [1], [0]]],
    [
      'in two halves',
      [
        [1, 3],
        [0, 2],
      ],
    ],
  ])('become one network when started %s', async (_, waves) => {
    const { wire } = testGenesis(4);
    const ports = await freePorts(4);
    const nodes: TestNode[] = [];
    for (const wave of waves) {
      const started = wave.map((index) =>
        start({
          key: keyOf(index),
          genesis: wire,
          port: ports[index] as number,
          peers: ports.filter((port) => port !== ports[index]),
        }),
      );
      nodes.push(...(await Promise.all(started)));
    }
    for (let height = 2; height <= 4; height++) {
      await transfer(nodes[height % 4] as TestNode);
      await Promise.all(nodes.map((node) => untilHeight(node, height)));
    }
    await expectSameChain(nodes);
  });
});

describe('one authority alone', () => {
  it('mines by itself, empty blocks too where they are allowed', async () => {
    const { wire } = testGenesis(1, {
      block_mining: { interval: 0.001, min_bound: 1, max_bound: 10, reward: 7, difficulty: 0 },
    });
    const alone = await start({ key: keyOf(0), genesis: wire });
    await untilHeight(alone, 4);
    await stop(alone);
    const { head, supply } = alone.node.chain;
    expect(supply).toBe(6 * ALLOC_EACH + 7 * (head.header.number - 1));
  });

  it('waits while others are missing for a quorum, and goes on when they come', async () => {
    const { wire } = testGenesis(2);
    const first = await start({ key: keyOf(0), genesis: wire });
    await untilReady(first);
    await transfer(first);
    // Its own vote is all there is: the round cannot end, and it keeps asking.
    expect(first.node.chain.head.header.number).toBe(1);
    const second = await start({ key: keyOf(1), genesis: wire, peers: [first.port] });
    await Promise.all([first, second].map((node) => untilHeight(node, 2)));
    await expectSameChain([first, second]);
  });
});

describe('over TLS', () => {
  it('two authorities make transfers final', async () => {
    const { wire } = testGenesis(2);
    const transportOf = (index: number) => new TlsTransport(tlsCredentials(keyOf(index)));
    const first = await start({ key: keyOf(0), genesis: wire, transport: transportOf(0) });
    const second = await start({
      key: keyOf(1),
      genesis: wire,
      transport: transportOf(1),
      peers: [first.port],
    });
    await transfer(second);
    await Promise.all([first, second].map((node) => untilHeight(node, 2)));
    await expectSameChain([first, second]);
  });
});

describe('p2p.allow', () => {
  it('keeps a stranger out and lets the others in', async () => {
    const genesis = testGenesis(2);
    const allow = [keyOf(1).address];
    const first = await start({ key: keyOf(0), genesis: genesis.wire, allow });
    const stranger = await listen({ key: keyOf(5), genesis, peers: [first.port] });
    await stranger.logs.until(({ reason }) => String(reason).includes('NOT_ALLOWED'));
    const second = await start({ key: keyOf(1), genesis: genesis.wire, peers: [first.port] });
    await transfer(second);
    await Promise.all([first, second].map((node) => untilHeight(node, 2)));
    expect(stranger.ups.all).toEqual([]);
    expect([...first.node.peers.keys()]).toEqual(allow);
  });
});

describe('a clock that is ahead', () => {
  it('costs its leader the round: the others decide by theirs', async () => {
    const genesis = testGenesis(4);
    const hasty = (await BlockMaker.on(genesis)).leader(2);
    const clock = { ...systemClock, now: () => systemClock.now() + 60_000 };
    const nodes: TestNode[] = [];
    for (const key of [0, 1, 2, 3].map(keyOf)) {
      const peers = nodes.map(({ port }) => port);
      nodes.push(await start({ key, genesis: genesis.wire, peers, ...(key === hasty ? { clock } : {}) }));
    }
    await Promise.all(nodes.map(untilReady));
    await transfer(nodes[0] as TestNode);
    await Promise.all(nodes.map((node) => untilHeight(node, 2)));
    const second = await nodes[0]?.face.block(2);
    expect(second?.certificate?.round).toBeGreaterThan(0);
    expect(second?.block.header.coinbase).not.toBe(hasty.address);
    await expectSameChain(nodes);
  });
});

describe('a node without genesis', () => {
  function fetch(peers: readonly number[], pinnedGenesisId: string | null) {
    const logs = new History<string>();
    const options: FetchGenesisOptions = {
      role: 'basic',
      agent: 'test/1',
      listen: { host: '127.0.0.1', port: 0 },
      peers: peers.map((port) => ({ host: '127.0.0.1', port })),
      allow: [],
      maxInbound: 40,
      pinnedGenesisId,
      log: (_, __, text) => logs.add(text),
    };
    const ports = {
      clock: systemClock,
      random: systemRandom,
      transport: new TcpTransport(),
      worker: inlineWorker(),
      signer: signerOf(keyOf(4)),
    };
    const refused = (why: string) =>
      logs.until((text) => text.includes('is not taken') && text.includes(why));
    return { refused, taken: fetchGenesis(ports, options, async () => []) };
  }

  it.each([true, false])('takes it from a peer and follows the chain (pinned: %s)', async (pinned) => {
    const genesis = testGenesis(1);
    const authority = await start({ key: keyOf(0), genesis: genesis.wire });
    await transfer(authority);
    await untilHeight(authority, 2);
    const taken = await fetch([authority.port], pinned ? genesis.id : null).taken;
    expect(Buffer.from(taken)).toEqual(Buffer.from(genesis.wire));
    const node = await start({ key: keyOf(4), genesis: taken, role: 'basic', peers: [authority.port] });
    await untilHeight(node, 2);
    await expectSameChain([authority, node]);
  });

  it('refuses another than the pinned one, and waits for that', async () => {
    const right = testGenesis(1);
    const wrong = testGenesis(1, { network_id: 2 });
    const [later] = await freePorts(1);
    const other = await start({ key: keyOf(0), genesis: wrong.wire });
    const { refused, taken } = fetch([other.port, later as number], right.id);
    await refused(`it is ${wrong.id}, not ${right.id}`);
    await start({ key: keyOf(1), genesis: right.wire, role: 'basic', port: later as number });
    expect(Buffer.from(await taken)).toEqual(Buffer.from(right.wire));
  });

  it('refuses one whose state is not that of its configuration, pinned or not', async () => {
    const right = testGenesis(1);
    const [later] = await freePorts(1);
    const richer = Buffer.from(right.wire);
    const at = richer.indexOf(`${ALLOC_EACH}`);
    richer[at] = '9'.charCodeAt(0);
    const lying: TestGenesis = { id: right.id, wire: richer };
    const liar = await listen({ key: keyOf(5), genesis: lying });
    const { refused, taken } = fetch([liar.port, later as number], null);
    await refused('');
    await start({ key: keyOf(1), genesis: right.wire, role: 'basic', port: later as number });
    expect(Buffer.from(await taken)).toEqual(Buffer.from(right.wire));
  });
});

describe('what is pending', () => {
  it('is offered to every peer that comes, and again to one that was restarted', async () => {
    // With one transaction no block is due yet, so nothing but a peer's coming is a reason to offer it.
    const block_mining = { interval: 3600, min_bound: 2, max_bound: 10, difficulty: 0, allow_empty: false };
    const genesis = testGenesis(2, { block_mining });
    const node = await start({ key: keyOf(0), genesis: genesis.wire });
    await untilReady(node);
    const id = await transfer(node);
    const offered = async () => {
      const peer = await connect({ key: keyOf(5), genesis, peers: [node.port] });
      const { message } = await peer.received.until(({ message: { type } }) => type === 'TXN');
      await peer.stop();
      return message.type === 'TXN' ? message.txns.map((wire) => Buffer.from(wire)) : [];
    };
    const known = await node.face.transaction(id);
    const wires = [Buffer.from(known?.transaction.wire ?? [])];
    expect(await offered()).toEqual(wires);
    expect(await offered()).toEqual(wires);

    // So the transaction outlives the restart of the only node that was to mine it.
    const second = await start({ key: keyOf(1), genesis: genesis.wire, peers: [node.port] });
    await transfer(second);
    await untilHeight(second, 2);
    expect((await second.face.transaction(id))?.status).toMatchObject({ state: 'final' });
  });
});

describe('an authority whose clock is behind', () => {
  it('proposes when the interval is over, not when its clock has come to it', async () => {
    const { wire } = testGenesis(1, {
      time: Date.now(),
      block_mining: {
        interval: 0.05,
        min_bound: 1_000,
        max_bound: 1_000,
        reward: 100,
        difficulty: 0,
        allow_empty: true,
      },
    });
    const behind = { ...systemClock, now: () => systemClock.now() - 3_600_000 };
    const node = await start({ key: keyOf(0), genesis: wire, clock: behind });
    await untilHeight(node, 4);
  });
});
