/** Nodes' networks on a memory internet, and a bare peer that says exactly what a test wants it to say. */
import { createPrivateKey, createPublicKey, type KeyObject } from 'node:crypto';
import { readFileSync } from 'node:fs';
import {
  Network,
  type NetworkHandlers,
  type NetworkOptions,
  type NetworkPorts,
} from '../../../src/network/network.js';
import type { Peer } from '../../../src/network/peer.js';
import type { Random } from '../../../src/ports/random.js';
import type { Signer } from '../../../src/ports/signer.js';
import type { Connection, Endpoint } from '../../../src/ports/transport.js';
import type { Worker } from '../../../src/ports/worker.js';
import type { Address } from '../../../src/protocol/bytes.js';
import { encodeFrame, FrameReader, MAX_FRAME_BYTES } from '../../../src/protocol/frame.js';
import { answererText, openerText } from '../../../src/protocol/handshake.js';
import { sha256 } from '../../../src/protocol/hash.js';
import { addressOf, sign, verify } from '../../../src/protocol/keys.js';
import { decodeBody, type Message, type MessageOf } from '../../../src/protocol/messages.js';
import { ManualClock, settle } from '../../support/manual-clock.js';
import { MemoryInternet } from '../../support/memory-transport.js';

export interface Key {
  readonly privateKey: KeyObject;
  readonly publicKey: Uint8Array;
  readonly address: Address;
  readonly pem: string;
}

const vectors = JSON.parse(readFileSync(new URL('../../vectors/keys.json', import.meta.url), 'utf8')) as {
  keys: { private_key_pem: string }[];
};

/** Sorted by address. */
export const KEYS: readonly Key[] = vectors.keys
  .map(({ private_key_pem: pem }) => {
    const privateKey = createPrivateKey(pem);
    const publicKey = createPublicKey(pem).export({ type: 'pkcs1', format: 'der' });
    return { privateKey, publicKey, address: addressOf(publicKey), pem };
  })
  .sort((a, b) => (a.address < b.address ? -1 : 1));

export function key(index: number): Key {
  const found = KEYS[index];
  if (found === undefined) throw new Error(`there are ${KEYS.length} keys`);
  return found;
}

export const GENESIS = { id: 'ab'.repeat(32), networkId: 7, block: new Uint8Array(100).fill(3) };

export function signerOf({ address, publicKey, privateKey }: Key): Signer {
  return { address, publicKey, sign: async (message) => sign(privateKey, message) };
}

export const worker: Worker = {
  verify: async (checks) => checks.map(verify),
  seekNonce: async () => 0,
  close: async () => {},
};

/** Repeatable. */
export function randomOf(seed: string): Random {
  let count = 0;
  const next = () => {
    count++;
    return sha256(Buffer.from(`${seed} ${count}`));
  };
  return {
    bytes: (length) =>
      Buffer.concat(Array.from({ length: Math.ceil(length / 32) }, next)).subarray(0, length),
    fraction: () => Buffer.from(next()).readUInt32LE() / 2 ** 32,
  };
}

export interface Party {
  readonly network: Network;
  readonly key: Key;
  readonly ups: Peer[];
  readonly downs: { peer: Peer; reason: string }[];
  readonly messages: { peer: Peer; message: Message }[];
  readonly geneses: Uint8Array[];
  readonly logs: { text: string; fields: Readonly<Record<string, unknown>> }[];
  port: number;
  addresses(): Address[];
}

export class World {
  readonly clock = new ManualClock();
  readonly internet = new MemoryInternet(this.clock);
  authorities: Address[] = [];
  #made = 0;

  /** A network that has not started; its host is named after it. */
  party(
    host: string,
    who: Key,
    options: Partial<NetworkOptions> = {},
    ports: Partial<NetworkPorts> = {},
  ): Party {
    this.#made++;
    const party = { ups: [], downs: [], messages: [], geneses: [], logs: [] } as Pick<
      Party,
      'ups' | 'downs' | 'messages' | 'geneses' | 'logs'
    >;
    const handlers: NetworkHandlers = {
      peerUp: (peer) => party.ups.push(peer),
      peerDown: (peer, reason) => party.downs.push({ peer, reason }),
      message: (peer, message) => party.messages.push({ peer, message }),
      genesis: (block) => party.geneses.push(block),
      log: (_, fields, text) => party.logs.push({ fields, text }),
    };
    const network = new Network(
      {
        clock: this.clock,
        random: randomOf(`${host} ${this.#made}`),
        transport: this.internet.host(host),
        signer: signerOf(who),
        worker,
        ...ports,
      },
      {
        genesis: GENESIS,
        role: 'basic',
        agent: 'test',
        listen: { host, port: 0 },
        advertise: null,
        peers: [],
        allow: [],
        maxInbound: 40,
        maxPeers: 0,
        authorities: () => new Set(this.authorities),
        height: () => 1,
        ...options,
      },
      handlers,
    );
    return { ...party, network, key: who, port: 0, addresses: () => [...network.peers.keys()] };
  }

  async start(host: string, who: Key, options: Partial<NetworkOptions> = {}): Promise<Party> {
    const party = this.party(host, who, { listen: { host, port: 1000 }, ...options });
    party.port = await party.network.start();
    return party;
  }

  /** Long enough for everything at hand to happen, too short for any deadline. */
  async moment(): Promise<void> {
    await this.clock.advance(100);
  }

  /** A bare connection to a host, from another. */
  async stranger(to: Endpoint, from = 'stranger', certified?: Address): Promise<Stranger> {
    const dial = this.internet.host(from, certified).dial(to, 1000);
    await this.clock.advance(5);
    return new Stranger(await dial);
  }

  /** A bare listener: gives the first connection that comes. */
  async listening(host: string): Promise<{ endpoint: Endpoint; connections: Stranger[] }> {
    const connections: Stranger[] = [];
    const listener = await this.internet
      .host(host)
      .listen({ host, port: 0 }, (connection) => connections.push(new Stranger(connection)));
    return { endpoint: { host, port: listener.port }, connections };
  }
}

/** Speaks frames and nothing else. */
export class Stranger {
  readonly connection: Connection;
  readonly received: Message[] = [];
  closed = false;
  readonly #reader = new FrameReader();

  constructor(connection: Connection) {
    this.connection = connection;
    this.#reader.maxFrameBytes = MAX_FRAME_BYTES;
    connection.open({
      data: (bytes) => {
        this.#reader.push(bytes);
        for (let frame = this.#reader.next(); frame !== undefined; frame = this.#reader.next()) {
          this.received.push(decodeBody(frame.type, frame.body));
        }
      },
      close: () => {
        this.closed = true;
      },
    });
  }

  send(message: Message): void {
    this.connection.send(encodeFrame(message));
  }

  last<T extends Message['type']>(type: T): MessageOf<T> {
    const found = this.received.findLast((message) => message.type === type);
    if (found === undefined) {
      throw new Error(`no ${type} among ${this.received.map((message) => message.type).join(' ')}`);
    }
    return found as MessageOf<T>;
  }

  count(type: Message['type']): number {
    return this.received.filter((message) => message.type === type).length;
  }
}

export function heyOf(who: Key, changes: Partial<MessageOf<'HEY'>> = {}): MessageOf<'HEY'> {
  return {
    type: 'HEY',
    version: 1,
    request_id: 1,
    network_id: GENESIS.networkId,
    genesis_id: GENESIS.id,
    address: who.address,
    public_key: who.publicKey,
    node_type: 'basic',
    port: 2000,
    agent: 'stranger',
    challenge: new Uint8Array(32).fill(9),
    ...changes,
  };
}

/** The opener's last ACK to `ack`. */
export function lastAckOf(
  who: Key,
  ack: MessageOf<'ACK'>,
  genesisId: string | null = GENESIS.id,
): MessageOf<'ACK'> {
  const text = openerText({
    genesisId,
    challenge: ack.challenge as Uint8Array,
    challenger: ack.address as Address,
    signer: who.address,
    channel: new Uint8Array(0),
  });
  return { type: 'ACK', request_id: 1, height: 5, time: 0, signature: sign(who.privateKey, text) };
}

/** An answerer's ACK to `hey`. */
export function ackOf(
  who: Key,
  hey: MessageOf<'HEY'>,
  changes: Partial<MessageOf<'ACK'>> = {},
): MessageOf<'ACK'> {
  const text = answererText({
    genesisId: hey.genesis_id,
    challenge: hey.challenge,
    challenger: hey.address,
    signer: who.address,
    channel: new Uint8Array(0),
  });
  return {
    type: 'ACK',
    request_id: hey.request_id,
    address: who.address,
    public_key: who.publicKey,
    node_type: 'basic',
    port: 2000,
    agent: 'stranger',
    height: 4,
    time: 0,
    genesis_id: GENESIS.id,
    challenge: new Uint8Array(32).fill(8),
    signature: sign(who.privateKey, text),
    ...changes,
  };
}

/** Takes a stranger through the handshake as opener. */
export async function introduce(
  world: World,
  stranger: Stranger,
  who: Key,
  changes: Partial<MessageOf<'HEY'>> = {},
): Promise<void> {
  stranger.send(heyOf(who, changes));
  await world.clock.advance(10);
  stranger.send(lastAckOf(who, stranger.last('ACK'), changes.genesis_id === null ? null : GENESIS.id));
  await world.clock.advance(10);
  await settle();
}
