/** What the network is given: ports, options, and whom it tells. */
import type { Clock } from '../ports/clock.js';
import type { Random } from '../ports/random.js';
import type { Signer } from '../ports/signer.js';
import type { Endpoint, Transport } from '../ports/transport.js';
import type { Worker } from '../ports/worker.js';
import type { Address, Hash } from '../protocol/bytes.js';
import type { Message } from '../protocol/messages.js';
import type { Role } from './handshake.js';
import type { Peer } from './peer.js';

export interface NetworkPorts {
  readonly clock: Clock;
  readonly random: Random;
  readonly transport: Transport;
  readonly signer: Signer;
  readonly worker: Worker;
}

export interface NetworkOptions {
  /** Null for a node that has to take its genesis block from a peer: it gets nothing else. */
  readonly genesis: { readonly id: Hash; readonly networkId: number; readonly block: Uint8Array } | null;
  readonly role: Role;
  /** Name and version of the software, for people. */
  readonly agent: string;
  readonly listen: Endpoint;
  /** Where others reach us, if that is not where we listen. */
  readonly advertise: Endpoint | null;
  /** To be dialed for ever, whoever lives there. */
  readonly peers: readonly Endpoint[];
  /** If not empty, all others are kept out. */
  readonly allow: readonly Address[];
  readonly maxInbound: number;
  /** Genesis max_peers; 0 is no limit. */
  readonly maxPeers: number;
  readonly authorities: () => ReadonlySet<Address>;
  /** Of our head. */
  readonly height: () => number;
}

export type LogLevel = 'debug' | 'info' | 'warn';

/**
 * Called synchronously; what they throw stops the process. `peerDown` may come from within `send`, `broadcast` and
 * `offend`, as these may end a connection.
 */
export interface NetworkHandlers {
  peerUp(peer: Peer): void;
  peerDown(peer: Peer, reason: string): void;
  /** Everything that is not the network's own business (handshake, PNG, PON, RPR, PRS, GLK, BYE). */
  message(peer: Peer, message: Message): void;
  /** For a node without genesis: what a peer says it is. That peer is gone afterwards. */
  genesis?(block: Uint8Array, from: Peer): void;
  log(level: LogLevel, fields: Readonly<Record<string, unknown>>, text: string): void;
}
