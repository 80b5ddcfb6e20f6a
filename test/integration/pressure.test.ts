/**
 * Callers and peers that want more than their share: the authorities go on deciding, every block in its first round,
 * what is held for the greedy is bounded, and they are dropped where the design says so. `PRESSURE=full npx vitest run
 * test/integration/pressure.test.ts` makes it ten times as much. How long blocks take meanwhile is measured on real
 * processes, by `npm run pressure`, which attacks with the same code.
 */
import { once } from 'node:events';
import { connect as dialTcp, type Socket } from 'node:net';
import { afterEach, describe, expect, it } from 'vitest';
import { flood } from '../../bench/pressure/http-flood.js';
import { askForBlocks } from '../../bench/pressure/silent-reader.js';
import { heyBytes } from '../../bench/pressure/slow-handshakes.js';
import { dial as dialAsStranger, shakeHands } from '../../bench/pressure/stranger.js';
import { messagesAbout } from '../../bench/pressure/useless-messages.js';
import { type HttpServer, startHttp } from '../../src/api/server.js';
import { LIMITS } from '../../src/network/limits.js';
import { sha256Hex } from '../../src/protocol/hash.js';
import type { Message } from '../../src/protocol/messages.js';
import { pathToWire } from '../../src/protocol/state-part.js';
import { MemoryFiles } from '../../src/storage/memory-files.js';
import { MAX_WAITING } from '../../src/sync/snapshot-serve.js';
import { ALLOC_EACH, TEST_KEYS, type TestGenesis, testGenesis } from '../support/genesis.js';
import {
  connect,
  expectSameChain,
  keyOf,
  start,
  stopAllAfterEach,
  transfer,
} from '../support/running-nodes.js';
import { type LogLine, type TestNode, untilHeight } from '../support/test-node.js';

stopAllAfterEach();

const FULL = process.env.PRESSURE === 'full';
const SHARE = FULL ? 1 : 0.1;
const HTTP_REQUESTS = 5_000 * SHARE;
const HTTP_SOCKETS = 500 * SHARE;
const IDLE_CONNECTIONS = 200 * SHARE;
const P2P_CONNECTIONS = 200;
const USELESS_FRAMES = 10_000 * SHARE;
const SNAPSHOT_ANSWERS = 2_000 * SHARE;
const SNAPSHOT_EVERY = 4;
/** Nearly as many as one part holds. */
const ACCOUNTS = 1_000;
/** Blocks that must become final under each pressure, at least. */
const BLOCKS = 5;

/** So long that a machine with other work ends no round; then a second round means that somebody was not heard. */
const PATIENT = { consensus: { timeout_propose_ms: 20_000, timeout_vote_ms: 20_000 } };

const sockets = new Set<Socket>();
let http: HttpServer | undefined;
afterEach(async () => {
  for (const socket of sockets) socket.destroy();
  sockets.clear();
  await http?.close();
  http = undefined;
});

class Authorities {
  readonly genesis: TestGenesis;
  readonly nodes: TestNode[] = [];
  readonly #rounds: number[] = [];
  #decided = 0;
  #mostQueuedBytes = 0;

  private constructor(genesis: TestGenesis) {
    this.genesis = genesis;
  }

  static async start(): Promise<Authorities> {
    const addresses = [
      ...TEST_KEYS.map(({ address }) => address),
      ...Array.from({ length: ACCOUNTS }, (_, i) => sha256Hex(`account ${i}`).slice(0, 40)),
    ];
    const alloc = Object.fromEntries(addresses.map((address) => [address, { balance: ALLOC_EACH }]));
    const authorities = new Authorities(
      testGenesis(4, { ...PATIENT, alloc, transaction: { max_data: 65_536 } }),
    );
    const { nodes, genesis } = authorities;
    for (let index = 0; index < 4; index++)
      nodes.push(
        await start({
          key: keyOf(index),
          genesis: genesis.wire,
          peers: nodes.map(({ port }) => port),
          files: new MemoryFiles(),
          snapshotEvery: SNAPSHOT_EVERY,
        }),
      );
    await authorities.decide();
    authorities.victim.node.onFinal(({ certificate }) => authorities.#rounds.push(certificate.round));
    return authorities;
  }

  /** The one that is pressed. */
  get victim(): TestNode {
    return this.nodes[0] as TestNode;
  }

  /** One more block, everywhere. */
  async decide(): Promise<void> {
    const height = this.victim.node.chain.head.header.number;
    await transfer(this.nodes[height % 4] as TestNode);
    await Promise.all(this.nodes.map((node) => untilHeight(node, height + 1)));
    this.#decided++;
    for (const { queuedBytes } of this.victim.node.peers.values())
      this.#mostQueuedBytes = Math.max(this.#mostQueuedBytes, queuedBytes);
  }

  /** Decides block after block until `pressure` is over, and then holds what must have been true. */
  async decideUnder<T>(pressure: Promise<T>): Promise<T> {
    let over = false;
    const ended = pressure.finally(() => {
      over = true;
    });
    ended.catch(() => {});
    const before = this.#decided;
    while (!over || this.#decided < before + BLOCKS) await this.decide();
    const outcome = await ended;
    expect(this.#rounds.filter((round) => round > 0)).toEqual([]);
    expect(this.#mostQueuedBytes).toBeLessThanOrEqual(LIMITS.sendQueueBytes);
    await expectSameChain(this.nodes);
    return outcome;
  }
}

async function dial(port: number): Promise<Socket> {
  const socket = await dialAsStranger(port);
  sockets.add(socket);
  return socket;
}

describe('over HTTP', () => {
  it('many requests at once and many idle connections leave consensus alone', async () => {
    const authorities = await Authorities.start();
    http = await startHttp(authorities.victim.face, { host: '127.0.0.1', port: 0 });
    const { port } = http;
    const idle = await Promise.all(Array.from({ length: IDLE_CONNECTIONS }, () => dial(port)));
    const statuses = await authorities.decideUnder(flood(port, HTTP_REQUESTS, HTTP_SOCKETS));
    // The transaction is none, so every fourth is refused; nothing fails, nothing is left unanswered.
    const count = (status: number) => statuses.filter((each) => each === status).length;
    expect([count(200), count(400)]).toEqual([0.75 * HTTP_REQUESTS, 0.25 * HTTP_REQUESTS]);
    if (!FULL) return;
    // Those that never say anything lose their places by themselves.
    await Promise.all(idle.map((socket) => (socket.resume().closed ? undefined : once(socket, 'close'))));
  });
});

describe('over the peer-to-peer port', () => {
  it('many connections of one address, each telling its HEY byte by byte, cost a few places', async () => {
    const authorities = await Authorities.start();
    const { victim, genesis } = authorities;
    const hey = heyBytes({ strangers: [keyOf(5)], genesisId: genesis.id });
    let open = P2P_CONNECTIONS;
    const full = new Promise<void>((resolve) => {
      const closed = () => {
        open--;
        if (open <= LIMITS.pendingInboundPerHost) resolve();
      };
      for (let i = 0; i < P2P_CONNECTIONS; i++) {
        const socket = dialTcp(victim.port, '127.0.0.1').on('error', () => {});
        sockets.add(socket.resume().once('close', closed));
        socket.write(hey.subarray(0, 8));
      }
    });
    let at = 8;
    const drip = victim.node.onFinal(() => {
      for (const socket of sockets) if (socket.writable) socket.write(hey.subarray(at, at + 1));
      at++;
    });
    await authorities.decideUnder(full);
    drip();
    expect(open).toBeGreaterThan(0);
    expect(victim.node.peers.size).toBe(3);
    if (!FULL) return;
    const left = [...sockets].filter((socket) => !socket.closed);
    const gone = Promise.all(left.map((socket) => once(socket, 'close')));
    await authorities.decideUnder(gone);
  });

  it('valid but useless messages are taken in, and a flood of what nobody passes on is cut off', async () => {
    const authorities = await Authorities.start();
    const { victim, genesis } = authorities;
    const final = await victim.face.block(2);
    if (!final?.certificate) throw new Error('no block is final');
    const useless = messagesAbout(final.block.wire, final.certificate.wire, genesis.id);
    const peer = await connect({ key: keyOf(5), genesis, peers: [victim.port] });

    async function sayAll(): Promise<void> {
      for (let said = 0; said < USELESS_FRAMES; said++) {
        peer.say(useless[said % useless.length] as Message);
        if (said % 500 === 0) await new Promise((resolve) => setImmediate(resolve));
      }
      // Answered after all of it was read.
      peer.say({ type: 'RBH', request_id: 77, block_number: 1 });
      await peer.received.until(({ message }) => message.type === 'BLH' && message.request_id === 77);
    }
    await authorities.decideUnder(sayAll());
    expect(victim.node.peers.has(keyOf(5).address)).toBe(true);

    for (let id = 0; id < 100; id++) peer.say({ type: 'PNG', request_id: id });
    const { reason } = await authorities.decideUnder(peer.downs.until(() => true));
    expect(reason).toContain('FLOODING');
  });

  it('a peer that asks for blocks and never reads is dropped with a full queue', async () => {
    const authorities = await Authorities.start();
    const { victim, genesis } = authorities;
    // Blocks to fill an answer with.
    for (let i = 0; i < 45; i++)
      await victim.face.transfer({ to: keyOf(5).address, amount: 1, data: new Uint8Array(65_000) });
    await authorities.decide();
    const socket = await dial(victim.port);
    await shakeHands(socket, keyOf(5), genesis.id);
    await victim.logs.until(({ text, peer }) => text === 'peer connected' && peer === keyOf(5).address);
    let asked = 0;
    // Two a block: as many as are answered, and far from its quota.
    const asking = victim.node.onFinal(() => {
      for (let i = 0; i < 2 && socket.writable; i++, asked++) socket.write(askForBlocks(asked));
    });
    const dropped = victim.logs.until(
      ({ text, reason, peer }) =>
        text === 'peer disconnected' && peer === keyOf(5).address && String(reason).includes('too slowly'),
    );
    await authorities.decideUnder(dropped);
    asking();
    expect(victim.node.peers.has(keyOf(5).address)).toBe(false);
  });

  it('a peer that asks without end for what is deep within a part of a snapshot leaves consensus alone', async () => {
    const authorities = await Authorities.start();
    const { victim, genesis } = authorities;
    for (let height = 2; height < SNAPSHOT_EVERY; height++) await authorities.decide();
    const made = ({ event }: LogLine) => event === 'snapshot';
    await victim.logs.until(made);
    const deep = pathToWire('0'.repeat(256));
    let asked = 0;
    let answered = 0;
    const ask = (): Message => ({
      type: 'RSP',
      request_id: asked++,
      block_number: Number(victim.logs.all.findLast(made)?.number),
      ...deep,
    });
    const peer = await connect({
      key: keyOf(5),
      genesis,
      peers: [victim.port],
      answer: (message) => {
        if (message.type !== 'ASP') return undefined;
        if (message.accounts !== null) answered++;
        return ask();
      },
    });
    for (let i = 0; i < MAX_WAITING; i++) peer.say(ask());
    await authorities.decideUnder(peer.received.until(() => answered >= SNAPSHOT_ANSWERS));
    expect(victim.node.peers.has(keyOf(5).address)).toBe(true);
  });
});
