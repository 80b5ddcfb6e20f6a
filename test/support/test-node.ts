/** Whole nodes in this process, over real TCP on loopback, with stores in memory that outlive a restart. */
import { signerOf } from '../../src/keys/signer.js';
import { TcpTransport } from '../../src/network/tcp-transport.js';
import { inlineWorker } from '../../src/node/inline-worker.js';
import { Node } from '../../src/node/node.js';
import type { NodeOptions } from '../../src/node/node-options.js';
import { PublicFace } from '../../src/node/public-face.js';
import { type JoinOptions, joinBySnapshot } from '../../src/node/snapshot-join.js';
import { systemClock } from '../../src/node/system-clock.js';
import { systemRandom } from '../../src/node/system-random.js';
import type { Clock } from '../../src/ports/clock.js';
import type { Files } from '../../src/ports/files.js';
import type { Store } from '../../src/ports/store.js';
import type { Transport } from '../../src/ports/transport.js';
import type { Address } from '../../src/protocol/bytes.js';
import { MemoryStore } from '../../src/storage/memory-store.js';
import type { TestKey } from './genesis.js';
import { History } from './history.js';

export interface Stores {
  readonly chain: Store;
  readonly signerRecord: Store;
}

export interface LogLine {
  readonly level: string;
  readonly text: string;
  readonly [field: string]: unknown;
}

export interface TestNode {
  readonly key: TestKey;
  readonly node: Node;
  readonly face: PublicFace;
  readonly port: number;
  readonly stores: Stores;
  readonly failures: Error[];
  readonly logs: History<LogLine>;
  stop(): Promise<void>;
}

export interface TestNodeOptions {
  readonly key: TestKey;
  readonly genesis: Uint8Array;
  readonly role?: 'basic' | 'validator';
  readonly port?: number;
  readonly peers?: readonly number[];
  readonly stores?: Stores;
  readonly acceptLostRecord?: boolean;
  readonly prune?: number;
  readonly checkDisk?: () => Promise<void>;
  readonly transport?: Transport;
  readonly clock?: Clock;
  readonly allow?: readonly Address[];
  readonly files?: Files;
  readonly snapshotEvery?: number;
  /** Takes a snapshot before it begins, if there is one. */
  readonly join?: boolean;
  /** What discovery knows then; nobody, unless told otherwise. */
  readonly discover?: JoinOptions['discover'];
}

const HOST = '127.0.0.1';

export async function startTestNode(options: TestNodeOptions): Promise<TestNode> {
  const { key } = options;
  const stores = options.stores ?? { chain: new MemoryStore(), signerRecord: new MemoryStore() };
  const signer = signerOf(key);
  const failures: Error[] = [];
  const logs = new History<LogLine>();
  const ports = {
    clock: options.clock ?? systemClock,
    random: systemRandom,
    transport: options.transport ?? new TcpTransport(),
    worker: inlineWorker(),
    signer,
    ...stores,
    ...(options.files === undefined ? {} : { files: options.files }),
  };
  const nodeOptions: NodeOptions = {
    genesisBlock: options.genesis,
    role: options.role ?? 'validator',
    agent: 'test/1',
    listen: { host: HOST, port: options.port ?? 0 },
    advertise: null,
    peers: (options.peers ?? []).map((port) => ({ host: HOST, port })),
    allow: options.allow ?? [],
    maxInbound: 40,
    acceptLostRecord: options.acceptLostRecord ?? false,
    prune: options.prune ?? null,
    log: (level, fields, text) => {
      logs.add({ ...fields, level, text });
      if (process.env.TEST_LOG !== undefined)
        console.log(key.address.slice(0, 6), level, text, JSON.stringify(fields));
    },
    checkDisk: options.checkDisk ?? (async () => {}),
    snapshotEvery: options.snapshotEvery ?? 0,
    onFailure: (error) => failures.push(error),
  };
  const discover = options.discover ?? (async () => []);
  const taken = options.join === true ? await joinBySnapshot(ports, { ...nodeOptions, discover }) : null;
  const node = await Node.open(ports, nodeOptions, taken);
  const port = await node.start();
  const face = new PublicFace(node, ports);
  return { key, node, face, port, stores, failures, logs, stop: () => node.stop() };
}

/** Resolves once the node has block `number`; the test's own timeout is the guard against waiting for ever. */
export function untilHeight({ node }: TestNode, number: number): Promise<void> {
  if (node.chain.head.header.number >= number) return Promise.resolve();
  return new Promise((resolve) => {
    const end = node.onFinal(({ block }) => {
      if (block.header.number < number) return;
      end();
      resolve();
    });
  });
}
