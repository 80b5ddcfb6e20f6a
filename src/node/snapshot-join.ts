/**
 * Takes the state after a final block from peers (section 9), for a node that has no more than the genesis block and is
 * told to: before the node itself is begun, with a network of its own. A certificate proves the header, the header's
 * `hash_state` the parts of the state, each as it comes, and an account's address its public key; so nobody is believed.
 * Nothing here decides about blocks: those behind the snapshot are synced as ever.
 */
import type { KnownEndpoint } from '../network/hints.js';
import { Network } from '../network/network.js';
import type { Offence } from '../network/offences.js';
import type { Peer } from '../network/peer.js';
import type { Timer } from '../ports/clock.js';
import type { AuthoritySet } from '../protocol/authorities.js';
import { GENESIS_NUMBER, sealBytes } from '../protocol/block.js';
import { type Address, fromHex } from '../protocol/bytes.js';
import { certificateChecks, decodeCertificate } from '../protocol/certificate.js';
import { ProtocolError } from '../protocol/errors.js';
import { authoritiesOf, type Genesis, readGenesisBlock } from '../protocol/genesis.js';
import type { Message, MessageOf } from '../protocol/messages.js';
import { decodeSealedHeader, type SealedHeader } from '../protocol/sealed-header.js';
import { StateAssembly } from '../protocol/state-assembly.js';
import { type AccountEntry, decodeAccounts, decodeSubtrees, pathToWire } from '../protocol/state-part.js';
import { ChainStore } from '../storage/chain-store.js';
import { SnapshotLoader } from '../storage/snapshot-loader.js';
import type { StoredTree } from '../storage/tree-file.js';
import { SnapshotDownload, type SnapshotRequest } from '../sync/snapshot-download.js';
import type { NodeOptions, NodePorts } from './node-options.js';

const TICK_MS = 100;
/** One tick never counts for more than this: while we were busy or suspended, no peer was silent. */
const MAX_TICK_MS = 2 * TICK_MS;
const ASK_DISCOVERY_EVERY_MS = 2_000;
/** How long peers may take to come and say what they have … */
const LOOK_MS = 10_000;
/** … and how long they are still waited for when all that could be dialed have said it. */
const SETTLE_MS = 1_000;
/** So long nobody has what is being taken: it is begun again with a newer snapshot. */
const STRANDED_MS = 3_000;
/** So often; then the chain is synced from its beginning. */
const MAX_ATTEMPTS = 3;
/** Accounts of one write: synced, so not too few. */
const WRITE_ACCOUNTS = 2_048;
/** Above it nothing is asked for until some are written. */
const MAX_UNWRITTEN = 65_536;
const LOG_EVERY_MS = 3_000;
/** Addresses whose word was false; each had to sign a handshake. */
const MAX_BARRED = 1_000;

export interface JoinOptions
  extends Pick<
    NodeOptions,
    'genesisBlock' | 'agent' | 'listen' | 'peers' | 'allow' | 'maxInbound' | 'checkDisk' | 'log'
  > {
  /** Endpoints that discovery knows; failures are its own to report. */
  readonly discover: () => Promise<readonly KnownEndpoint[]>;
}

/**
 * Makes the chain's database one that begins with a snapshot. Null if there is a chain already, or nobody has a snapshot:
 * then the database holds the genesis block at the most, or is empty.
 * @returns the state tree, to be taken up by the node
 * @throws StorageError DISK_FULL, DAMAGED
 */
export async function joinBySnapshot(ports: NodePorts, options: JoinOptions): Promise<StoredTree | null> {
  const genesis = readGenesisBlock(options.genesisBlock);
  const chain = await ChainStore.open(ports.chain, genesis.block.id);
  if (chain !== undefined && chain.head.number > GENESIS_NUMBER) return null;
  return new Join(ports, options, genesis).run();
}

/** The state that is being taken. */
interface Taking {
  readonly header: SealedHeader;
  readonly certificate: Uint8Array;
  readonly assembly: StateAssembly;
  readonly loader: SnapshotLoader;
}

class Join {
  readonly #ports: NodePorts;
  readonly #options: JoinOptions;
  readonly #genesis: Genesis;
  readonly #genesisId: Uint8Array;
  readonly #authorities: AuthoritySet;
  readonly #network: Network;
  readonly #download = new SnapshotDownload();
  readonly #barred = new Set<Address>();
  /** Peers that have not said yet what they have. */
  readonly #unheard = new Set<Address>();
  #taking: Taking | null = null;
  #attempts = 0;
  /** A header is being checked, or the database prepared. */
  #beginning = false;
  #unwritten: AccountEntry[] = [];
  /** Accounts taken and not on the disk yet. */
  #pendingAccounts = 0;
  #writing: Promise<void> = Promise.resolve();
  readonly #startedMs: number;
  #tickedMs: number;
  #attentionMs = 0;
  #lastHopeMs = 0;
  #loggedMs = 0;
  #discoverAtMs = 0;
  #timer: Timer | null = null;
  #lastId = 0;
  #settle: (tree: StoredTree | null) => void = () => {};
  #fail: (error: unknown) => void = () => {};

  constructor(ports: NodePorts, options: JoinOptions, genesis: Genesis) {
    this.#ports = ports;
    this.#options = options;
    this.#genesis = genesis;
    const { id } = genesis.block;
    this.#genesisId = fromHex(id);
    this.#authorities = authoritiesOf(genesis.config);
    this.#startedMs = ports.clock.monotonic();
    this.#tickedMs = this.#startedMs;
    this.#network = new Network(
      ports,
      // It only dials: a node without a state has nothing to give to those who come.
      {
        ...options,
        role: 'basic',
        listen: { host: options.listen.host, port: 0 },
        advertise: null,
        genesis: { id, networkId: genesis.config.network_id, block: options.genesisBlock },
        maxPeers: genesis.config.max_peers,
        authorities: () => new Set(this.#authorities.list.map(({ address }) => address)),
        height: () => GENESIS_NUMBER,
      },
      {
        peerUp: (peer) => this.#peerUp(peer),
        peerDown: ({ address }) => {
          this.#unheard.delete(address);
          this.#download.drop(address);
        },
        message: (peer, message) => this.#message(peer.address, message),
        log: options.log,
      },
    );
  }

  async run(): Promise<StoredTree | null> {
    this.#options.log('info', {}, 'no chain here: asking peers for a snapshot');
    const settled = new Promise<StoredTree | null>((resolve, reject) => {
      this.#settle = resolve;
      this.#fail = reject;
    });
    await this.#network.start();
    this.#tick();
    try {
      return await settled;
    } finally {
      this.#timer?.cancel();
      this.#taking = null;
      await this.#network.stop();
      await this.#writing;
    }
  }

  /** Milliseconds of attention: the monotonic clock without the time in which we listened to nobody. */
  get #nowMs(): number {
    return this.#attentionMs + Math.min(this.#ports.clock.monotonic() - this.#tickedMs, MAX_TICK_MS);
  }

  #tick(): void {
    this.#timer = this.#ports.clock.after(TICK_MS, () => this.#tick());
    const nowMs = this.#nowMs;
    this.#attentionMs = nowMs;
    this.#tickedMs = this.#ports.clock.monotonic();
    if (nowMs >= this.#discoverAtMs) {
      this.#discoverAtMs = nowMs + ASK_DISCOVERY_EVERY_MS;
      this.#options.discover().then(
        (endpoints) => this.#network.addEndpoints(endpoints),
        () => undefined,
      );
    }
    for (const { peer, kind } of this.#download.expire(nowMs))
      this.#offend(peer, 'NO_ANSWER', `no answer to a request for the ${kind} of a snapshot`);
    this.#logProgress(nowMs);
    this.#goOn();
  }

  /** Asks for what is wanted now, or gives up. */
  #goOn(): void {
    const nowMs = this.#nowMs;
    if (this.#beginning || this.#taking?.assembly.done === true || this.#download.hopeful)
      this.#lastHopeMs = nowMs;
    if (this.#taking === null) {
      if (this.#beginning || !this.#haveLooked(nowMs)) return;
      if (!this.#download.hopeful) return this.#withoutSnapshot('no peer has a snapshot');
    } else if (nowMs - this.#lastHopeMs >= STRANDED_MS) return this.#strand();
    if (this.#pendingAccounts >= MAX_UNWRITTEN) return;
    for (const request of this.#download.plan(nowMs)) this.#ask(request);
  }

  #haveLooked(nowMs: number): boolean {
    if (nowMs >= LOOK_MS) return true;
    const settled = !this.#network.dialing() && this.#network.peers.size > 0 && this.#unheard.size === 0;
    return settled && nowMs >= SETTLE_MS;
  }

  #withoutSnapshot(why: string): void {
    this.#options.log('warn', {}, `${why}: syncing the chain from its beginning`);
    this.#settle(null);
  }

  /** Nobody has that snapshot any more. What was taken is cleared when the database is opened again. */
  #strand(): void {
    this.#attempts++;
    this.#taking = null;
    this.#unwritten = [];
    this.#download.restart();
    this.#lastHopeMs = this.#nowMs;
    if (this.#attempts >= MAX_ATTEMPTS) this.#withoutSnapshot('no peer gave a whole snapshot');
  }

  #ask(request: SnapshotRequest): void {
    const { peer, id, number } = request;
    if (request.kind === 'header') this.#send(peer, { type: 'RSN', request_id: id, block_number: number });
    else {
      const { depth, prefix } = pathToWire(request.path);
      this.#send(peer, { type: 'RSP', request_id: id, block_number: number, depth, prefix });
    }
  }

  #peerUp({ address }: Peer): void {
    if (this.#barred.has(address)) return;
    this.#unheard.add(address);
    this.#lastId++;
    this.#send(address, { type: 'RBH', request_id: this.#lastId, block_number: GENESIS_NUMBER });
  }

  #message(peer: Address, message: Message): void {
    if (this.#barred.has(peer)) return;
    switch (message.type) {
      case 'RBH':
        this.#send(peer, {
          type: 'BLH',
          request_id: message.request_id,
          block_number: GENESIS_NUMBER,
          block_id: this.#genesis.block.id,
        });
        break;
      case 'BLH':
        this.#unheard.delete(peer);
        this.#download.offer(peer, message.snapshot);
        break;
      case 'ASN':
        this.#takeHeader(peer, message);
        break;
      case 'ASP':
        this.#takePart(peer, message);
        break;
      // All else is for those who are further.
      default:
        return;
    }
    this.#goOn();
  }

  #takeHeader(peer: Address, { request_id, header, certificate }: MessageOf<'ASN'>): void {
    const request = this.#requestOf(peer, request_id, 'header');
    if (request === undefined) return;
    if (header === null || certificate === null) return this.#download.useless(peer);
    this.#beginning = true;
    this.#begin(peer, request.number, header, certificate)
      .catch((error: unknown) => this.#failed(error))
      .finally(() => {
        this.#beginning = false;
        this.#goOn();
      });
  }

  async #begin(peer: Address, number: number, bytes: Uint8Array, certificate: Uint8Array): Promise<void> {
    const header = await this.#proven(peer, number, bytes, certificate);
    if (header === undefined) return;
    await this.#writing;
    const { block, accounts: changes, supply } = this.#genesis;
    const loader = await SnapshotLoader.begin(this.#ports.chain, { block, changes, supply }, number);
    this.#pendingAccounts = 0;
    this.#taking = { header, certificate, loader, assembly: new StateAssembly(header.header.hashState) };
    this.#download.begin(number);
    this.#options.log('info', { number, id: header.id }, `taking the state after block ${number}`);
  }

  /** The header, if it is that of a final block; else its giver is to blame. */
  async #proven(
    peer: Address,
    number: number,
    bytes: Uint8Array,
    certificateBytes: Uint8Array,
  ): Promise<SealedHeader | undefined> {
    try {
      const sealed = decodeSealedHeader(bytes);
      const { header, id, signature } = sealed;
      if (header.number !== number)
        throw new ProtocolError('BAD_BLOCK', `block ${header.number} for ${number}`);
      const certificate = decodeCertificate(certificateBytes);
      const checks = certificateChecks(
        certificate,
        { height: number, id },
        this.#authorities,
        this.#genesisId,
      );
      // The id, and so the certificate, covers the header but not its seal, which we shall keep and pass on.
      const coinbase = this.#authorities.at(this.#authorities.indexOf(header.coinbase) ?? -1);
      if (coinbase === undefined || signature === null)
        throw new ProtocolError('BAD_BLOCK', 'it has no seal');
      const { publicKey } = coinbase;
      checks.push({ publicKey, message: sealBytes(id, this.#genesisId), signature });
      const good = await this.#ports.worker.verify(checks);
      if (good.every(Boolean)) return sealed;
      throw new ProtocolError('BAD_CERTIFICATE', 'a signature is bad');
    } catch (error) {
      if (!(error instanceof ProtocolError)) throw error;
      this.#bar(peer, `the header of block ${number}: ${error.message}`);
      return undefined;
    }
  }

  #takePart(peer: Address, { request_id, accounts, subtrees }: MessageOf<'ASP'>): void {
    const request = this.#requestOf(peer, request_id, 'part');
    if (request?.kind !== 'part' || this.#taking === null) return;
    const { assembly } = this.#taking;
    const place = assembly.wanted(request.path);
    if (place === undefined) return;
    try {
      if (accounts !== null) {
        const entries = decodeAccounts(accounts);
        assembly.take(place, entries);
        this.#write(entries);
      } else if (subtrees !== null) {
        const wanted = assembly.split(place.path, decodeSubtrees(place, subtrees));
        this.#download.want(wanted.map(({ path }) => path));
      } else {
        this.#download.useless(peer);
        this.#download.want([place.path]);
      }
    } catch (error) {
      if (!(error instanceof ProtocolError)) throw error;
      this.#bar(peer, error.message);
      this.#download.want([place.path]);
    }
  }

  #requestOf(peer: Address, id: number, kind: SnapshotRequest['kind']): SnapshotRequest | undefined {
    const request = this.#download.answered(peer, id, kind);
    if (request === undefined)
      this.#offend(peer, 'UNEXPECTED_MESSAGE', `a ${kind} of a snapshot never asked for`);
    return request === 'stale' ? undefined : request;
  }

  #write(entries: readonly AccountEntry[]): void {
    const { assembly } = this.#taking as Taking;
    for (const entry of entries) this.#unwritten.push(entry);
    this.#pendingAccounts += entries.length;
    if (this.#unwritten.length < WRITE_ACCOUNTS && !assembly.done) return;
    const batch = this.#unwritten;
    this.#unwritten = [];
    this.#continue(async (taking) => {
      await this.#options.checkDisk();
      await taking.loader.add(batch);
      this.#pendingAccounts -= batch.length;
      this.#goOn();
    });
    if (assembly.done) this.#continue((taking) => this.#finish(taking));
  }

  /** One write after the other, as long as it is still that state that is being taken. */
  #continue(write: (taking: Taking) => Promise<void>): void {
    const taking = this.#taking as Taking;
    this.#writing = this.#writing
      .then(() => (this.#taking === taking ? write(taking) : undefined))
      .catch((error: unknown) => this.#failed(error));
  }

  async #finish({ header, certificate, assembly, loader }: Taking): Promise<void> {
    const tree = assembly.finish();
    await loader.finish(header, certificate);
    const { number } = header.header;
    const tookMs = Math.round(this.#ports.clock.monotonic() - this.#startedMs);
    const fields = { event: 'joined', number, accounts: tree.size, took_ms: tookMs };
    this.#options.log(
      'info',
      fields,
      `took the state after block ${number} from peers: ${tree.size} accounts`,
    );
    this.#settle({ tree, number, blockId: header.id, genesisId: this.#genesis.block.id });
  }

  /** Of our own: the disk, or a broken invariant. */
  #failed(error: unknown): void {
    this.#taking = null;
    this.#fail(error);
  }

  #bar(peer: Address, detail: string): void {
    const [oldest] = this.#barred;
    if (oldest !== undefined && this.#barred.size >= MAX_BARRED) this.#barred.delete(oldest);
    this.#barred.add(peer);
    this.#unheard.delete(peer);
    this.#download.drop(peer);
    this.#offend(peer, 'FALSE_SNAPSHOT', detail);
  }

  #send(address: Address, message: Message): void {
    const peer = this.#network.peers.get(address);
    if (peer !== undefined) this.#network.send(peer, message);
  }

  #offend(address: Address, offence: Offence, detail: string): void {
    const peer = this.#network.peers.get(address);
    if (peer !== undefined) this.#network.offend(peer, offence, detail);
  }

  #logProgress(nowMs: number): void {
    if (this.#taking === null || nowMs - this.#loggedMs < LOG_EVERY_MS) return;
    this.#loggedMs = nowMs;
    const { assembly, header } = this.#taking;
    const fields = { number: header.header.number, accounts: assembly.size, ...assembly.progress };
    this.#options.log('info', fields, 'taking a snapshot');
  }
}
