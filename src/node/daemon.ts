/**
 * A node as a process: opens its databases, finds its genesis, joins the discovery service, and runs until it is told to
 * stop or cannot go on. The edge where the real clock, disk, network and threads come in.
 */
import { join } from 'node:path';
import { DiscoveryClient } from '../discovery/client.js';
import { DiscoveryLoop } from '../discovery/loop.js';
import type { Member } from '../discovery/messages.js';
import { type Account, accountDirectory } from '../keys/account.js';
import { tlsCredentials } from '../keys/certificate.js';
import { signerOf } from '../keys/signer.js';
import { writeFileAtomic } from '../keys/write-file.js';
import { isAnyHost, type KnownEndpoint } from '../network/hints.js';
import { TcpTransport } from '../network/tcp-transport.js';
import { TlsTransport } from '../network/tls-transport.js';
import type { Clock } from '../ports/clock.js';
import type { Random } from '../ports/random.js';
import type { Signer } from '../ports/signer.js';
import type { Store } from '../ports/store.js';
import type { Transport } from '../ports/transport.js';
import type { Worker } from '../ports/worker.js';
import { GENESIS_NUMBER, MAX_CLOCK_AHEAD_MS } from '../protocol/block.js';
import type { Hash } from '../protocol/bytes.js';
import { readGenesisBlock } from '../protocol/genesis.js';
import { ChainStore } from '../storage/chain-store.js';
import { chainDirectory, filesDirectory, signerDirectory } from '../storage/data-directory.js';
import { DiskFiles } from '../storage/disk-files.js';
import { DiskGuard } from '../storage/disk-guard.js';
import { type LevelStore, openLevelStore } from '../storage/level-store.js';
import { openSignerStore } from '../storage/signer-store.js';
import type { NodeFace } from './face.js';
import { fetchGenesis } from './fetch-genesis.js';
import { GENESIS_FILE, readGenesisFile } from './genesis-file.js';
import type { Log } from './log.js';
import { Node } from './node.js';
import type { NodeOptions } from './node-options.js';
import { PublicFace } from './public-face.js';
import { joinBySnapshot } from './snapshot-join.js';
import { systemClock } from './system-clock.js';
import { systemRandom } from './system-random.js';
import { ThreadWorker } from './thread-worker.js';

const CHECK_DISK_EVERY_MS = 5_000;
/** Blocks follow each other faster than a disk fills up: one look at it serves those of so long. */
const DISK_CHECK_FRESH_MS = 1_000;
/** The longest that a timer of the system can be set to. */
const MAX_TIMER_MS = 2 ** 31 - 1;

export interface DaemonOptions
  extends Pick<
    NodeOptions,
    | 'role'
    | 'agent'
    | 'listen'
    | 'advertise'
    | 'peers'
    | 'allow'
    | 'maxInbound'
    | 'acceptLostRecord'
    | 'prune'
    | 'snapshotEvery'
    | 'log'
  > {
  readonly basePath: string;
  readonly account: Account;
  readonly tls: boolean;
  /** Base URL of the discovery service; null to ask none. */
  readonly discoveryUrl: string | null;
  readonly pinnedGenesisId: Hash | null;
  /** Whether a node without a chain begins with a snapshot of its peers. */
  readonly joinBySnapshot: boolean;
}

export interface Daemon {
  readonly face: NodeFace;
  readonly node: Node;
  /** The port listened on for other nodes. */
  readonly port: number;
  /** Stops in order; resolves when everything is closed. */
  stop(): Promise<void>;
}

/**
 * @param onFailure called at most once, when the node cannot go on; it is to be stopped then
 * @throws errors of one sentence for what an operator can mend: ports, databases, genesis
 */
export async function startDaemon(
  options: DaemonOptions,
  onFailure: (error: Error) => void,
): Promise<Daemon> {
  const closers: (() => Promise<void>)[] = [];
  try {
    const running = await begin(options, onFailure, closers);
    let stopped: Promise<void> | undefined;
    const stop = () => {
      stopped ??= closeAll(closers);
      return stopped;
    };
    return { ...running, stop };
  } catch (error) {
    await closeAll(closers);
    throw error;
  }
}

/** What was opened last is closed first; what cannot be closed keeps nothing else open. */
async function closeAll(closers: readonly (() => Promise<void>)[]): Promise<void> {
  const last = closers.at(-1);
  if (last === undefined) return;
  try {
    await last();
  } finally {
    await closeAll(closers.slice(0, -1));
  }
}

async function begin(
  options: DaemonOptions,
  onFailure: (error: Error) => void,
  closers: (() => Promise<void>)[],
): Promise<Omit<Daemon, 'stop'>> {
  const { basePath, account, log } = options;
  const fail = once(onFailure);
  const worker = new ThreadWorker();
  closers.push(() => worker.close());
  const signer = signerOf(account);
  const transport = options.tls ? new TlsTransport(tlsCredentials(account)) : new TcpTransport();
  const ports = { clock: systemClock, random: systemRandom, transport, worker, signer };

  const directory = chainDirectory(basePath, account.address);
  const chain = await openLevelStore(directory);
  closers.push(() => chain.close());
  for (const what of chain.droppedAtOpen)
    log('warn', { directory }, `a crash or damage cut the database's log: ${what}`);
  const disk = new DiskGuard(directory);
  await disk.check();
  const genesisBlock = await obtainGenesis(options, ports, chain);
  const genesis = readGenesisBlock(genesisBlock);
  await untilGenesisTime(genesis.block.header.time, log);

  const recordDirectory = signerDirectory(basePath, account.address, genesis.block.id);
  const record = await openSignerStore(recordDirectory, systemClock);
  closers.push(() => record.close());
  if (record.damage !== null)
    log('warn', { directory: recordDirectory }, `damage cut the signer's record: ${record.damage}`);
  const files = new DiskFiles(filesDirectory(basePath, account.address));
  const nodePorts = { ...ports, chain, signerRecord: record.store, files };
  const checkDisk = atMostEvery(DISK_CHECK_FRESH_MS, () => disk.check());
  const nodeOptions = { ...options, genesisBlock, checkDisk, onFailure: fail };
  const discover = discoverer(options, ports, genesis.block.id);
  const taken = options.joinBySnapshot ? await joinBySnapshot(nodePorts, { ...nodeOptions, discover }) : null;
  const node = await Node.open(nodePorts, nodeOptions, taken);
  tellLoss(chain, node, log);
  closers.push(() => node.stop());
  const port = await node.start();
  const watch = watchDisk(disk, fail);
  closers.push(async () => clearInterval(watch));
  const discovery = joinDiscovery(options, ports, node, port);
  if (discovery !== null) closers.push(() => discovery.stop());
  return { node, face: new PublicFace(node, ports), port };
}

/**
 * A key signs at a height only once the block before it is on the disk, so a chain that is shorter, and whose log was cut
 * when it was opened, lost final blocks to a disk that is not to be trusted. They are synced again, and the signer's record
 * keeps the key from contradicting itself until then; one that is merely short was deleted on purpose.
 */
function tellLoss(chain: LevelStore, node: Node, log: Log): void {
  const head = node.chain.head.header.number;
  if (chain.droppedAtOpen.length === 0 || head >= node.signedHeight - 1) return;
  log(
    'error',
    { directory: chain.directory, head },
    `the chain was cut at block ${head}, but block ${node.signedHeight - 1} was final here: its disk lost or changed ` +
      'what it had confirmed; what is missing is asked of other nodes',
  );
}

interface EdgePorts {
  readonly clock: Clock;
  readonly random: Random;
  readonly transport: Transport;
  readonly worker: Worker;
  readonly signer: Signer;
}

/** From `initc`'s file, from the chain that is there, or from a peer (section 9). */
async function obtainGenesis(options: DaemonOptions, ports: EdgePorts, chain: Store): Promise<Uint8Array> {
  const { basePath, account, pinnedGenesisId, log } = options;
  const file = join(accountDirectory(basePath, account.address), GENESIS_FILE);
  const known =
    (await readGenesisFile(basePath, account.address))?.block.wire ??
    (await ChainStore.open(chain))?.blockBytes(GENESIS_NUMBER)?.block;
  if (known !== undefined) {
    const { block } = readGenesisBlock(known);
    if (pinnedGenesisId === null || block.id === pinnedGenesisId) return known;
    throw new Error(`the genesis block here is ${block.id}, but network.genesis_id names ${pinnedGenesisId}`);
  }
  const discover = pinnedGenesisId === null ? async () => [] : discoverer(options, ports, pinnedGenesisId);
  const taken = await fetchGenesis(ports, options, discover);
  const { block } = readGenesisBlock(taken);
  if (pinnedGenesisId === null) {
    log(
      'warn',
      { genesis_id: block.id },
      `took the genesis block ${block.id} from a peer, on trust: compare it with what the other parties have, ` +
        'and set network.genesis_id',
    );
  }
  await writeFileAtomic(file, taken, { mode: 0o644, directoryMode: 0o700 });
  return taken;
}

/** "A genesis more than 15 s ahead of the clock: wait, and say so" (section 6). */
async function untilGenesisTime(timeMs: number, log: Log): Promise<void> {
  const waitMs = timeMs - MAX_CLOCK_AHEAD_MS - systemClock.now();
  if (waitMs <= 0) return;
  const seconds = Math.ceil(waitMs / 1000);
  log('warn', { genesis_time: timeMs }, `the genesis block's time lies ahead: waiting ${seconds} s for it`);
  await new Promise<void>((resolve) => systemClock.after(Math.min(waitMs, MAX_TIMER_MS), resolve));
  return untilGenesisTime(timeMs, log);
}

function discoveryClient(options: DaemonOptions, ports: EdgePorts, network: Hash): DiscoveryClient | null {
  const { discoveryUrl: url } = options;
  return url === null ? null : new DiscoveryClient({ ...ports, url, network, fetch });
}

/** Who is listed at the discovery service; nobody if there is none, or it does not answer. */
function discoverer(
  options: DaemonOptions,
  ports: EdgePorts,
  network: Hash,
): () => Promise<readonly KnownEndpoint[]> {
  const client = discoveryClient(options, ports, network);
  return async () => {
    const members = await client?.members();
    return members?.ok === true ? members.value.map(knownEndpoint) : [];
  };
}

/** Lists the node at the discovery service, and dials whoever is listed there, for as long as it runs. */
function joinDiscovery(
  options: DaemonOptions,
  ports: EdgePorts,
  node: Node,
  port: number,
): DiscoveryLoop | null {
  const client = discoveryClient(options, ports, node.genesisId);
  if (client === null) return null;
  const { advertise, listen, log } = options;
  const own = advertise ?? { host: listen.host, port };
  const loop = new DiscoveryLoop({
    ...ports,
    client,
    endpoint: isAnyHost(own.host) ? null : own,
    onMembers: (members) => node.addEndpoints(members.map(knownEndpoint)),
    onTrouble: (reason) => {
      if (reason === null) log('info', {}, 'the discovery service answers again');
      else log('warn', {}, `${reason}: going on without it, and trying again`);
    },
  });
  loop.start();
  return loop;
}

function knownEndpoint({ id, ip, port }: Member): KnownEndpoint {
  return { endpoint: { host: ip, port }, address: id };
}

/** The node commits nothing on a full disk; between blocks too it notices, and stops in order. */
function watchDisk(disk: DiskGuard, fail: (error: Error) => void): NodeJS.Timeout {
  return setInterval(() => disk.check().catch(fail), CHECK_DISK_EVERY_MS);
}

function atMostEvery(periodMs: number, check: () => Promise<void>): () => Promise<void> {
  let checkedMs = Number.NEGATIVE_INFINITY;
  return async () => {
    const nowMs = systemClock.monotonic();
    if (nowMs - checkedMs < periodMs) return;
    await check();
    checkedMs = nowMs;
  };
}

function once(call: (error: Error) => void): (error: Error) => void {
  let called = false;
  return (error) => {
    if (called) return;
    called = true;
    call(error);
  };
}
