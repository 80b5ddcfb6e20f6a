/**
 * Callers and peers that want more than their share: the authorities go on deciding, every block in its first round,
 * what is held for the greedy is bounded, and they are dropped where the design says so. `PRESSURE=full npx vitest run
 * test/integration/pressure.test.ts` makes it ten times as much and prints figures.
 */
import { once } from 'node:events';
import { Agent, request } from 'node:http';
import { connect as dialTcp, type Socket } from 'node:net';
import { afterEach, describe, expect, it } from 'vitest';
import { type HttpServer, startHttp } from '../../src/api/server.js';
import { LIMITS } from '../../src/network/limits.js';
import { encodeFrame, FrameReader, MAX_FRAME_BYTES } from '../../src/protocol/frame.js';
import { openerText } from '../../src/protocol/handshake.js';
import { sign } from '../../src/protocol/keys.js';
import { decodeBody, type Message } from '../../src/protocol/messages.js';
import { encodeVote, PRECOMMIT } from '../../src/protocol/vote.js';
import { type TestGenesis, type TestKey, testGenesis } from '../support/genesis.js';
import {
  connect,
  expectSameChain,
  keyOf,
  start,
  stopAllAfterEach,
  transfer,
} from '../support/running-nodes.js';
import { type TestNode, untilHeight } from '../support/test-node.js';

stopAllAfterEach();

const FULL = process.env.PRESSURE === 'full';
const SHARE = FULL ? 1 : 0.1;
const HTTP_REQUESTS = 5_000 * SHARE;
const HTTP_SOCKETS = 500 * SHARE;
const IDLE_CONNECTIONS = 200 * SHARE;
const P2P_CONNECTIONS = 200;
const USELESS_FRAMES = 10_000 * SHARE;
/** Blocks that must become final under each pressure, at least. */
const BLOCKS = 5;
const MIB = 1024 * 1024;

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
  readonly #times: number[] = [];
  #mostQueuedBytes = 0;

  private constructor(genesis: TestGenesis) {
    this.genesis = genesis;
  }

  static async start(): Promise<Authorities> {
    const authorities = new Authorities(testGenesis(4, { ...PATIENT, transaction: { max_data: 65_536 } }));
    const { nodes, genesis } = authorities;
    for (let index = 0; index < 4; index++)
      nodes.push(
        await start({ key: keyOf(index), genesis: genesis.wire, peers: nodes.map(({ port }) => port) }),
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
    const started = performance.now();
    await transfer(this.nodes[height % 4] as TestNode);
    await Promise.all(this.nodes.map((node) => untilHeight(node, height + 1)));
    this.#times.push(performance.now() - started);
    for (const { queuedBytes } of this.victim.node.peers.values())
      this.#mostQueuedBytes = Math.max(this.#mostQueuedBytes, queuedBytes);
  }

  /** Decides block after block until `pressure` is over, and then holds what must have been true. */
  async decideUnder<T>(name: string, pressure: Promise<T>): Promise<T> {
    let over = false;
    const ended = pressure.finally(() => {
      over = true;
    });
    ended.catch(() => {});
    const before = this.#times.length;
    while (!over || this.#times.length < before + BLOCKS) await this.decide();
    const outcome = await ended;
    expect(this.#rounds.filter((round) => round > 0)).toEqual([]);
    expect(this.#mostQueuedBytes).toBeLessThanOrEqual(LIMITS.sendQueueBytes);
    await expectSameChain(this.nodes);
    if (FULL) this.#tell(name, this.#times.slice(before));
    return outcome;
  }

  #tell(name: string, times: readonly number[]): void {
    const sorted = [...times].sort((a, b) => a - b).map(Math.round);
    const { rss, heapUsed } = process.memoryUsage();
    console.log(
      `${name}: ${sorted.length} blocks, each in round 0, final after ${sorted[sorted.length >> 1]} ms (median), ` +
        `${sorted.at(-1)} ms (longest); at most ${this.#mostQueuedBytes} bytes queued for a peer; ` +
        `${Math.round(heapUsed / MIB)} MiB of heap, ${Math.round(rss / MIB)} MiB resident, all nodes together`,
    );
  }
}

async function dial(port: number): Promise<Socket> {
  const socket = dialTcp(port, '127.0.0.1').on('error', () => {});
  sockets.add(socket);
  await once(socket, 'connect');
  return socket;
}

describe('over HTTP', () => {
  it('many requests at once and many idle connections leave consensus alone', async () => {
    const authorities = await Authorities.start();
    http = await startHttp(authorities.victim.face, { host: '127.0.0.1', port: 0 });
    const { port } = http;
    const idle = await Promise.all(Array.from({ length: IDLE_CONNECTIONS }, () => dial(port)));
    const agent = new Agent({ keepAlive: true, maxSockets: HTTP_SOCKETS });
    const asks = [
      ['GET', '/status'],
      ['GET', '/blk/latest'],
      ['GET', '/accounts'],
      ['POST', '/txn'],
    ] as const;
    const flood = Promise.all(
      Array.from({ length: HTTP_REQUESTS }, (_, i) => {
        const [method, path] = asks[i % asks.length] ?? asks[0];
        return statusOf(agent, port, method, path);
      }),
    );
    const statuses = await authorities.decideUnder('HTTP flood', flood);
    agent.destroy();
    // The transaction is none, so every fourth is refused; nothing fails, nothing is left unanswered.
    const count = (status: number) => statuses.filter((each) => each === status).length;
    expect([count(200), count(400)]).toEqual([0.75 * HTTP_REQUESTS, 0.25 * HTTP_REQUESTS]);
    if (!FULL) return;
    // Those that never say anything lose their places by themselves.
    await Promise.all(idle.map((socket) => (socket.resume().closed ? undefined : once(socket, 'close'))));
  });
});

function statusOf(agent: Agent, port: number, method: string, path: string): Promise<number> {
  return new Promise((resolve, reject) => {
    const headers = { 'content-type': 'application/json' };
    const asked = request({ agent, port, host: '127.0.0.1', method, path, headers }, (response) => {
      response.resume().on('end', () => resolve(response.statusCode ?? 0));
    });
    asked.on('error', reject).end(method === 'POST' ? '{"wire":"AAAA"}' : undefined);
  });
}

describe('over the peer-to-peer port', () => {
  it('many connections of one address, each telling its HEY byte by byte, cost a few places', async () => {
    const authorities = await Authorities.start();
    const { victim, genesis } = authorities;
    const hey = encodeFrame(heyOf(keyOf(5), genesis));
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
    await authorities.decideUnder('200 slow handshakes', full);
    drip();
    expect(open).toBeGreaterThan(0);
    expect(victim.node.peers.size).toBe(3);
    if (!FULL) return;
    const left = [...sockets].filter((socket) => !socket.closed);
    const gone = Promise.all(left.map((socket) => once(socket, 'close')));
    await authorities.decideUnder('slow handshakes until they are over', gone);
  });

  it('valid but useless messages are taken in, and a flood of what nobody passes on is cut off', async () => {
    const authorities = await Authorities.start();
    const { victim, genesis } = authorities;
    const final = await victim.face.block(2);
    if (!final?.certificate) throw new Error('no block is final');
    const { block, certificate } = final;
    const votes = certificate.signatures.map(({ authority, signature }) => {
      const { round } = certificate;
      return encodeVote({ height: 2, round, type: PRECOMMIT, blockId: block.id }, authority, signature).wire;
    });
    const useless: Message[] = [
      ...votes.map((vote): Message => ({ type: 'VOT', vote })),
      { type: 'TXN', txns: block.transactions.map(({ wire }) => wire) },
      { type: 'BLK', block: block.wire, certificate: certificate.wire },
    ];
    const peer = await connect({ key: keyOf(5), genesis, peers: [victim.port] });

    async function flood(): Promise<void> {
      for (let said = 0; said < USELESS_FRAMES; said++) {
        peer.say(useless[said % useless.length] as Message);
        if (said % 500 === 0) await new Promise((resolve) => setImmediate(resolve));
      }
      // Answered after all of it was read.
      peer.say({ type: 'RBH', request_id: 77, block_number: 1 });
      await peer.received.until(({ message }) => message.type === 'BLH' && message.request_id === 77);
    }
    await authorities.decideUnder('useless messages', flood());
    expect(victim.node.peers.has(keyOf(5).address)).toBe(true);

    for (let id = 0; id < 100; id++) peer.say({ type: 'PNG', request_id: id });
    const { reason } = await authorities.decideUnder(
      'a flood of pings',
      peer.downs.until(() => true),
    );
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
    await shakeHands(socket, keyOf(5), genesis);
    await victim.logs.until(({ text, peer }) => text === 'peer connected' && peer === keyOf(5).address);
    let asked = 0;
    // Two a block: as many as are answered, and far from its quota.
    const asking = victim.node.onFinal(() => {
      for (let i = 0; i < 2 && socket.writable; i++, asked++)
        socket.write(encodeFrame({ type: 'RBL', request_id: asked, start_from_block: 1, count: 1_000 }));
    });
    const dropped = victim.logs.until(
      ({ text, reason, peer }) =>
        text === 'peer disconnected' && peer === keyOf(5).address && String(reason).includes('too slowly'),
    );
    await authorities.decideUnder('a peer that never reads', dropped);
    asking();
    expect(victim.node.peers.has(keyOf(5).address)).toBe(false);
  });
});

function heyOf(key: TestKey, genesis: TestGenesis): Message {
  return {
    type: 'HEY',
    version: 1,
    request_id: 1,
    network_id: 1,
    genesis_id: genesis.id,
    address: key.address,
    public_key: key.publicKey,
    node_type: 'basic',
    port: 0,
    agent: 'greedy/1',
    challenge: new Uint8Array(32).fill(9),
  };
}

/** As an opener; reads nothing more after it. */
async function shakeHands(socket: Socket, key: TestKey, genesis: TestGenesis): Promise<void> {
  socket.write(encodeFrame(heyOf(key, genesis)));
  const reader = new FrameReader();
  reader.maxFrameBytes = MAX_FRAME_BYTES;
  for (let frame = reader.next(); ; frame = reader.next()) {
    if (frame === undefined) {
      const [bytes] = (await once(socket, 'data')) as [Buffer];
      socket.pause();
      reader.push(bytes);
      continue;
    }
    const ack = decodeBody(frame.type, frame.body);
    if (ack.type !== 'ACK' || ack.challenge === undefined || ack.address === undefined)
      throw new Error(`${ack.type} instead of an answer to HEY`);
    const text = openerText({
      genesisId: genesis.id,
      challenge: ack.challenge,
      challenger: ack.address,
      signer: key.address,
      channel: new Uint8Array(0),
    });
    const signature = sign(key.privateKey, text);
    socket.write(encodeFrame({ type: 'ACK', request_id: 1, height: 1, time: Date.now(), signature }));
    return;
  }
}
