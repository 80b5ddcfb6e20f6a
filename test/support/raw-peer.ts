/** A peer that shakes hands as it should, and then says whatever a test wants it to say. */
import { signerOf } from '../../src/keys/signer.js';
import { Network } from '../../src/network/network.js';
import { TcpTransport } from '../../src/network/tcp-transport.js';
import { inlineWorker } from '../../src/node/inline-worker.js';
import { systemClock } from '../../src/node/system-clock.js';
import { systemRandom } from '../../src/node/system-random.js';
import type { Address } from '../../src/protocol/bytes.js';
import type { Message } from '../../src/protocol/messages.js';
import type { TestGenesis, TestKey } from './genesis.js';
import { History } from './history.js';

export interface RawPeerOptions {
  readonly key: TestKey;
  readonly genesis: TestGenesis;
  /** Ports of the nodes to dial. */
  readonly peers?: readonly number[];
  readonly role?: 'basic' | 'validator';
  /** What it claims to have; 1 unless told otherwise. */
  readonly height?: number;
  /** What it answers at once, if anything. */
  readonly answer?: (message: Message) => Message | undefined;
}

export class RawPeer {
  readonly received = new History<{ readonly from: Address; readonly message: Message }>();
  readonly ups = new History<Address>();
  readonly downs = new History<{ readonly address: Address; readonly reason: string }>();
  readonly logs = new History<Readonly<Record<string, unknown>>>();
  readonly #network: Network;
  #port = 0;

  private constructor(options: RawPeerOptions) {
    const { key, genesis, answer } = options;
    const ports = {
      clock: systemClock,
      random: systemRandom,
      transport: new TcpTransport(),
      worker: inlineWorker(),
      signer: signerOf(key),
    };
    this.#network = new Network(
      ports,
      {
        genesis: { id: genesis.id, networkId: 1, block: genesis.wire },
        role: options.role ?? 'basic',
        agent: 'raw/1',
        listen: { host: '127.0.0.1', port: 0 },
        advertise: null,
        peers: (options.peers ?? []).map((port) => ({ host: '127.0.0.1', port })),
        allow: [],
        maxInbound: 40,
        maxPeers: 0,
        authorities: () => new Set(),
        height: () => options.height ?? 1,
      },
      {
        peerUp: ({ address }) => this.ups.add(address),
        peerDown: ({ address }, reason) => this.downs.add({ address, reason }),
        message: (peer, message) => {
          const reply = answer?.(message);
          if (reply !== undefined) this.#network.send(peer, reply);
          this.received.add({ from: peer.address, message });
        },
        log: (_, fields) => this.logs.add(fields),
      },
    );
  }

  /** Listens, and is connected to all of `options.peers` once it resolves. */
  static async connect(options: RawPeerOptions): Promise<RawPeer> {
    const peer = await RawPeer.start(options);
    const wanted = options.peers?.length ?? 0;
    await peer.ups.until(() => new Set(peer.ups.all).size >= wanted);
    return peer;
  }

  /** Listens and begins to dial. */
  static async start(options: RawPeerOptions): Promise<RawPeer> {
    const peer = new RawPeer(options);
    peer.#port = await peer.#network.start();
    return peer;
  }

  get port(): number {
    return this.#port;
  }

  /** To every peer. */
  say(message: Message): void {
    this.#network.broadcast(message);
  }

  stop(): Promise<void> {
    return this.#network.stop();
  }
}
