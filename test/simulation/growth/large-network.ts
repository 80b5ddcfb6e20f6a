/**
 * One network of many production nodes without any fault: how long a block takes to be final on lines like those of the
 * internet, and what each node sends and receives for it. Lines have delay and bandwidth; of a processor's time only
 * signatures are simulated.
 */
import { concat, fromHex, toBase64 } from '../../../src/protocol/bytes.js';
import { FrameReader, MAX_FRAME_BYTES } from '../../../src/protocol/frame.js';
import { type Genesis, genesisBlock, parseGenesis } from '../../../src/protocol/genesis.js';
import { decodeBody } from '../../../src/protocol/messages.js';
import {
  encodePayload,
  encodeTransaction,
  signedTransactionBytes,
} from '../../../src/protocol/transaction.js';
import { heightOfProposal } from '../../../src/protocol/vote.js';
import { Agenda } from '../agenda.js';
import { Chance } from '../chance.js';
import { EPOCH_MS } from '../clock.js';
import { frameType, SimInternet } from '../internet.js';
import { Judge } from '../judge.js';
import { hashedKeys, type KeyRing, type SimKey } from '../keys.js';
import { hostOf, Machine, type MachineWorld, PORT } from '../machine.js';
import { Trace } from '../trace.js';
import { type Violation, violated } from '../violation.js';
import { Traffic } from './traffic.js';

/** Lines of a node, among which its bandwidth is shared: those that it dials, and as many that choose it. */
const LINES = 16;
/** What a node takes unless it is configured otherwise. */
const MAX_INBOUND = 40;
/** From hearing of the others to having found one's places among them. */
const SETTLE_MS = 60_000;
/** Of RSA-2048: what a simulated key signs is filled up to it, so that bytes are counted right. */
const SIGNATURE_BYTES = 256;
const SIGN_MS = 0.6;
const READY_MS = 600_000;
const BLOCK_MS = 120_000;
/** Blocks before counting starts: they find connections that are still being made. */
const WARM_UP_BLOCKS = 2;
/** At least; in one block each submits one transfer, as a node could not check a second that overtakes the first. */
const CLIENTS = 50;

export interface LargeNetworkOptions {
  readonly seed: number;
  readonly authorities: number;
  readonly basics: number;
  readonly blocks: number;
  /** Submitted at once for each block, each to another node. */
  readonly transfers: number;
  /** One way, before the jitter of the simulated internet. */
  readonly delayMs: number;
  /** Of each node, shared evenly by its lines. */
  readonly uplinkBytesPerMs: number;
}

/** When a block of the network became final, in milliseconds after its first proposal left the leader. */
export interface BlockTimes {
  /** From the submission of its transfers to the first proposal. */
  readonly waitedMs: number;
  readonly quorumMs: number;
  readonly authoritiesMs: number;
  readonly allMs: number;
  readonly round: number;
}

export interface Growth {
  readonly blocks: readonly BlockTimes[];
  readonly traffic: Traffic;
  readonly events: number;
}

/** What is known so far of the block that is being decided. */
interface Progress {
  readonly number: number;
  readonly submittedMs: number;
  proposedMs: number | undefined;
  round: number;
  readonly authoritiesMs: number[];
  readonly basicsMs: number[];
}

export class LargeNetwork implements MachineWorld {
  readonly agenda = new Agenda();
  readonly trace = new Trace();
  readonly internet: SimInternet;
  readonly judge: Judge;
  readonly keys: KeyRing;
  readonly diskCounts = { dropped: 0, kept: 0 };
  readonly counts = { strikes: 0, genesisTaken: 0, joined: 0 };
  readonly strikeRate = 0;
  readonly signMs = SIGN_MS;
  readonly maxInbound = MAX_INBOUND;
  readonly #options: LargeNetworkOptions;
  readonly #chance: Chance;
  readonly #genesis: Genesis;
  readonly #machines: readonly Machine[];
  readonly #clients: readonly SimKey[];
  readonly #nonces = new Map<SimKey, number>();
  readonly #traffic: Traffic;
  #progress: Progress | undefined;
  #events = 0;
  #thrown: Error | undefined;

  constructor(options: LargeNetworkOptions) {
    const { seed, authorities, basics } = options;
    const nodes = authorities + basics;
    const clients = Math.max(CLIENTS, options.transfers);
    const ring = hashedKeys(nodes + clients, new Chance(seed, 'signatures'));
    const miners = ring.keys.slice(0, authorities).sort((a, b) => (a.address < b.address ? -1 : 1));
    this.#options = options;
    this.#chance = new Chance(seed, 'growth');
    this.keys = ofFullSize(ring);
    this.#clients = ring.keys.slice(nodes);
    this.#genesis = genesisOf(miners, this.#clients, options.transfers);
    this.judge = new Judge(this.#genesis.config, this.#genesis.block.id, this.keys);
    this.internet = new SimInternet(this.agenda, new Chance(seed, 'internet'));
    this.#traffic = new Traffic(authorities, nodes);
    this.#machines = this.#createMachines([...miners, ...ring.keys.slice(authorities, nodes)]);
    this.#linkInternet();
  }

  /** @throws Violation if a promise is broken, or a block is not final in time */
  async run(): Promise<Growth> {
    const caught = (error: unknown) => {
      this.#thrown ??= error instanceof Error ? error : new Error(String(error));
    };
    process.on('unhandledRejection', caught);
    try {
      await this.#connect();
      for (let i = 0; i < WARM_UP_BLOCKS; i++) await this.#addBlock();
      this.#traffic.clear();
      const blocks: BlockTimes[] = [];
      for (let i = 0; i < this.#options.blocks; i++) blocks.push(await this.#addBlock());
      return { blocks, traffic: this.#traffic, events: this.#events };
    } finally {
      process.off('unhandledRejection', caught);
    }
  }

  ended({ name }: Machine): void {
    violated(`${name} ended`);
  }

  restartLater({ name }: Machine): void {
    violated(`${name} ended`);
  }

  broken(violation: Violation): void {
    this.#thrown ??= violation;
  }

  accused({ name }: Machine, { peer, offence, detail }: Readonly<Record<string, unknown>>): void {
    this.#thrown ??= new Error(`${name} accuses ${peer}, which is honest, of ${offence}: ${detail}`);
  }

  async #connect(): Promise<void> {
    for (const machine of this.#machines)
      this.agenda.after(this.#chance.between(0, 1_000), () => machine.start());
    await this.#until(
      () => this.#machines.every(({ node }) => node?.phase === 'ready'),
      READY_MS,
      'all are ready',
    );
    // As from the discovery service; whom each then dials is its own affair.
    const endpoints = this.#machines.map(({ name, key }) => ({
      endpoint: { host: name, port: PORT },
      address: key.address,
    }));
    for (const { node } of this.#machines) node?.addEndpoints(endpoints);
    const settledMs = this.agenda.nowMs + SETTLE_MS;
    await this.#until(() => this.agenda.nowMs >= settledMs, 2 * SETTLE_MS, 'all have found peers');
    this.#machines.forEach(({ node }, index) => {
      node?.onFinal(({ block, certificate }) => this.#final(index, block.header.number, certificate.round));
    });
  }

  async #addBlock(): Promise<BlockTimes> {
    const { authorities, transfers } = this.#options;
    const progress: Progress = {
      number: this.judge.executor.number + 1,
      submittedMs: this.agenda.nowMs,
      proposedMs: undefined,
      round: 0,
      authoritiesMs: [],
      basicsMs: [],
    };
    this.#progress = progress;
    for (const client of this.#chance.sample(this.#clients, transfers)) await this.#submit(client);
    const { authoritiesMs, basicsMs } = progress;
    const everywhere = () => authoritiesMs.length + basicsMs.length === this.#machines.length;
    await this.#until(everywhere, BLOCK_MS, `block ${progress.number} is final everywhere`);
    const proposedMs = progress.proposedMs ?? violated('a block is final that nobody proposed');
    const quorumMs = authoritiesMs[this.judge.quorum - 1] ?? violated('a block is final without a quorum');
    return {
      waitedMs: proposedMs - progress.submittedMs,
      quorumMs: quorumMs - proposedMs,
      authoritiesMs: (authoritiesMs[authorities - 1] ?? 0) - proposedMs,
      allMs: Math.max(...authoritiesMs, ...basicsMs) - proposedMs,
      round: progress.round,
    };
  }

  async #until(reached: () => boolean, withinMs: number, what: string): Promise<void> {
    const untilMs = this.agenda.nowMs + withinMs;
    while (!reached()) {
      if (!this.agenda.next(untilMs)) violated(`it takes longer than ${withinMs} ms until ${what}`);
      this.#events++;
      await new Promise((resolve) => setImmediate(resolve));
      if (this.#thrown !== undefined) throw this.#thrown;
    }
  }

  #final(index: number, number: number, round: number): void {
    const progress = this.#progress;
    if (progress === undefined || progress.number !== number) return;
    progress.round = Math.max(progress.round, round);
    const times = index < this.#options.authorities ? progress.authoritiesMs : progress.basicsMs;
    times.push(this.agenda.nowMs);
  }

  async #submit(client: SimKey): Promise<void> {
    const nonce = this.#nonces.get(client) ?? 0;
    this.#nonces.set(client, nonce + 1);
    const payload = encodePayload({
      kind: 0,
      from: client.address,
      nonce,
      to: this.#chance.pick(this.#clients).address,
      amount: 1,
      fee: 1,
      data: null,
      time: Math.floor(EPOCH_MS + this.agenda.nowMs),
      publicKey: nonce === 0 ? client.publicKey : null,
    });
    const genesisId = fromHex(this.#genesis.block.id);
    const signature = filledUp(client.sign(signedTransactionBytes(payload, genesisId)));
    const { node } = this.#chance.pick(this.#machines);
    node?.intake.submit([encodeTransaction(payload, signature)], null);
  }

  #createMachines(keys: readonly SimKey[]): Machine[] {
    const { seed, authorities } = this.#options;
    const chance = new Chance(seed, 'machines');
    return keys.map((key, index) => {
      const isAuthority = index < authorities;
      const peers = isAuthority ? keys.slice(0, authorities).map((_, place) => place) : [];
      const endpoints = peers
        .filter((place) => place !== index)
        .map((place) => ({ host: hostOf(place), port: PORT }));
      const signer: SimKey = { ...key, sign: (message) => filledUp(key.sign(message)) };
      const machine = new Machine(index, signer, isAuthority, endpoints, chance.of(index), this);
      machine.genesisBlock = this.#genesis.block.wire;
      return machine;
    });
  }

  #linkInternet(): void {
    const { authorities, delayMs, uplinkBytesPerMs } = this.#options;
    const indexes = new Map(this.#machines.map(({ name, index }) => [name, index]));
    const lines = Math.max(authorities - 1, LINES);
    this.internet.drawLine = () => ({ delayMs, bytesPerMs: uplinkBytesPerMs / lines });
    this.internet.onFrame = (frame, from, to) => {
      const type = frameType(frame);
      this.#traffic.add(type, frame.length, indexes.get(from.name) ?? 0, indexes.get(to) ?? 0);
      const progress = this.#progress;
      if (type === 'PRP' && progress?.proposedMs === undefined && heightIn(frame) === progress?.number)
        if (progress !== undefined) progress.proposedMs = this.agenda.nowMs;
    };
  }
}

function heightIn(frame: Uint8Array): number | undefined {
  const reader = new FrameReader();
  reader.maxFrameBytes = MAX_FRAME_BYTES;
  reader.push(frame);
  const read = reader.next();
  const message = read && decodeBody(read.type, read.body);
  return message?.type === 'PRP' ? heightOfProposal(message.proposal) : undefined;
}

function filledUp(signature: Uint8Array): Uint8Array {
  return concat(signature, new Uint8Array(SIGNATURE_BYTES - signature.length));
}

function ofFullSize(ring: KeyRing): KeyRing {
  const [key] = ring.keys;
  const length = key?.sign(new Uint8Array(0)).length;
  return {
    keys: ring.keys,
    verify: ({ publicKey, message, signature }) =>
      ring.verify({ publicKey, message, signature: signature.subarray(0, length) }),
  };
}

function genesisOf(miners: readonly SimKey[], clients: readonly SimKey[], transfers: number): Genesis {
  const config = {
    network_id: 1,
    time: EPOCH_MS - 60_000,
    miners: miners.map(({ address, publicKey }) => ({ address, public_key: toBase64(publicKey) })),
    alloc: Object.fromEntries(clients.map(({ address }) => [address, { balance: 1_000_000 }])),
    block_mining: { interval: 10, min_bound: transfers, max_bound: 1_000, difficulty: 0, allow_empty: false },
    genesis_block: { difficulty: 0 },
  };
  return genesisBlock(parseGenesis(JSON.stringify(config)).config);
}
