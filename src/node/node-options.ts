/** What a node is given: its ports to the world, and how it is to run. */
import type { Clock } from '../ports/clock.js';
import type { Files } from '../ports/files.js';
import type { Random } from '../ports/random.js';
import type { Signer } from '../ports/signer.js';
import type { Store } from '../ports/store.js';
import type { Endpoint, Transport } from '../ports/transport.js';
import type { Worker } from '../ports/worker.js';
import type { Address } from '../protocol/bytes.js';
import type { Role } from './face.js';
import type { Log } from './log.js';

export interface NodePorts {
  readonly clock: Clock;
  readonly random: Random;
  readonly transport: Transport;
  readonly worker: Worker;
  readonly signer: Signer;
  /** The chain's database. */
  readonly chain: Store;
  /** The signer's record: a store apart from the chain's (section 8). */
  readonly signerRecord: Store;
  /** Where a copy of the state tree and snapshots are kept; absent, it is built anew at each start, and none are made. */
  readonly files?: Files;
}

export interface NodeOptions {
  /** The genesis block's wire form. */
  readonly genesisBlock: Uint8Array;
  /** What the node wants to be; one that is no authority runs on as basic. */
  readonly role: Role;
  /** Name and version, for peers and people. */
  readonly agent: string;
  readonly listen: Endpoint;
  readonly advertise: Endpoint | null;
  readonly peers: readonly Endpoint[];
  readonly allow: readonly Address[];
  readonly maxInbound: number;
  /** Sign although the own record is lost (section 8); nothing at the height then current. */
  readonly acceptLostRecord: boolean;
  /** How many blocks are kept whole, with the states since (ChainStore.base); null or absent for all. */
  readonly prune?: number | null;
  /** Blocks from one snapshot for others to the next; 0 or absent for none. */
  readonly snapshotEvery?: number;
  /** Accounts in a part of one at the most, if fewer than usual. */
  readonly snapshotPartAccounts?: number;
  readonly log: Log;
  /** Rejects when the disk is nearly full: asked before each block is written. */
  readonly checkDisk: () => Promise<void>;
  /** The node cannot go on: it is to be stopped, and the process to end with an error. */
  readonly onFailure: (error: Error) => void;
}
