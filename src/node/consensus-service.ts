/**
 * Consensus as one node takes part in it: the core behind its driver, what is heard from peers, what repairs a silence,
 * when a block is due, and whether this node may sign at all.
 */
import type { SignerRecord } from '../consensus/effects.js';
import type { Evidence } from '../consensus/height-log.js';
import { blockIdOfMessage, type ConsensusMessage, isProposal, kindOf } from '../consensus/message.js';
import { checkClock } from '../ledger/check-block.js';
import type { Mempool } from '../mempool/mempool.js';
import type { Clock, Timer } from '../ports/clock.js';
import type { Random } from '../ports/random.js';
import type { Signer } from '../ports/signer.js';
import type { Worker } from '../ports/worker.js';
import type { Block } from '../protocol/block.js';
import type { Address, Hash } from '../protocol/bytes.js';
import type { GenesisConfig } from '../protocol/genesis.js';
import type { Message, MessageOf } from '../protocol/messages.js';
import { decodeProposal, decodeVote } from '../protocol/vote.js';
import type { EvidenceStore } from '../storage/evidence.js';
import type { SignerRecordStore } from '../storage/signer-record.js';
import { buildBlock } from './block-builder.js';
import type { Chain } from './chain.js';
import { ConsensusDriver } from './consensus-driver.js';
import { ConsensusIntake } from './consensus-intake.js';
import { dueInMs } from './due.js';
import type { Log } from './log.js';
import { RoundRepair } from './round-repair.js';
import type { SigningPermission } from './signing-permission.js';
import { brokenBy } from './split-watch.js';

export interface ConsensusParts {
  readonly clock: Clock;
  readonly random: Random;
  readonly worker: Worker;
  readonly signer: Signer;
  readonly genesis: GenesisConfig;
  readonly genesisId: Hash;
  readonly chain: Chain;
  readonly mempool: Mempool;
  readonly evidence: EvidenceStore;
  readonly record: SignerRecordStore;
  /** Null for a node that only follows. */
  readonly permission: SigningPermission | null;
  readonly log: Log;
  readonly checkDisk: () => Promise<void>;
}

export interface ConsensusDependencies {
  peers(): Iterable<Address>;
  send(peer: Address, message: Message): void;
  /** To the peers for which `isFor` holds, to those for which `isFirst` does before the others; encoded once. */
  broadcast(message: Message, isFor: (peer: Address) => boolean, isFirst?: (peer: Address) => boolean): void;
  offend(peer: Address, offence: 'malformed' | 'bad-signature', detail: string): void;
  /** A peer is beyond our height: it may have final blocks up to `height`. */
  ahead(peer: Address, height: number): void;
  /** A peer decides `height`, which is final here. */
  giveFinal(peer: Address, height: number): void;
  offerTransactions(peer: Address): void;
  /** Whether a quorum of authorities is here, and nobody says to have more blocks than we. */
  isAmongEquals(): boolean;
  fail(error: Error): void;
}

/** How often a key without a record looks whether it may say its first word. */
const BEGIN_POLL_MS = 100;

/** The messages that are for consensus. */
export type ConsensusFrame = MessageOf<'PRP' | 'VOT' | 'LDR' | 'ADR'>;

export class ConsensusService {
  readonly #parts: ConsensusParts;
  readonly #dependencies: ConsensusDependencies;
  readonly #driver: ConsensusDriver;
  readonly #intake: ConsensusIntake;
  readonly #repair: RoundRepair;
  /** Caught up: only then a validator signs (section 8, "No vote while catching up"). */
  #caughtUp = false;
  #dueTimer: Timer | null = null;
  #beginTimer: Timer | null = null;
  #dueSinceMs: number | null = null;
  /** When the head became ours (monotonic clock). */
  #enteredMs = 0;
  #refusalLogged: string | null = null;
  #stopped = false;

  constructor(parts: ConsensusParts, dependencies: ConsensusDependencies) {
    const { clock, random, worker, signer, genesis, genesisId, chain, permission } = parts;
    this.#parts = parts;
    this.#dependencies = dependencies;
    this.#driver = new ConsensusDriver(
      {
        clock,
        random,
        signer: permission === null ? null : signer,
        genesisId,
        timeouts: genesis.consensus,
        height: chain.head.header.number + 1,
        authorities: chain.authorities,
      },
      {
        validate: (block) => this.#validate(block),
        isTimely: (block) => checkClock(block.header, clock.now()) === null,
        build: (height, signal, mined) => buildBlock(parts, height, signal, mined),
        commit: async (block, certificate) => {
          await parts.checkDisk();
          await chain.commit(block, certificate);
        },
        peers: () => dependencies.peers(),
        broadcast: (message, isFor, isFirst) => dependencies.broadcast(frameOf(message), isFor, isFirst),
        persist: (state, messages) =>
          parts.record.persist(
            state,
            messages.map((message) => ({ kind: kindOf(message), wire: message.wire })),
          ),
        evidence: (evidence) => this.#keepEvidence(evidence),
        stranger: ({ height, round }) =>
          parts.log(
            'error',
            { height, round },
            'a message signed with our key was not sent by us: another node runs with this key, or the record was lost',
          ),
        broken: (block) => brokenBy(block, chain.head),
        fail: dependencies.fail,
      },
    );
    this.#intake = new ConsensusIntake(this.#driver, worker, genesisId, {
      decodedBefore: (wireHash) => parts.mempool.ofWire(wireHash),
      authorities: () => chain.authorities,
      offend: dependencies.offend,
      ahead: dependencies.ahead,
    });
    this.#repair = new RoundRepair(this.#driver, this.#intake, clock, {
      ...dependencies,
      address: signer.address,
    });
  }

  get core(): ConsensusDriver['core'] {
    return this.#driver.core;
  }

  /** How long a block has been due at this height; 0 while none is. */
  get stalledMs(): number {
    return this.#dueSinceMs === null ? 0 : this.#parts.clock.monotonic() - this.#dueSinceMs;
  }

  /** How long this height has been worked on: since its first proposal was built or heard; 0 before. */
  get workedMs(): number {
    const sinceMs = this.#driver.firstProposalMs;
    return sinceMs === null ? 0 : this.#parts.clock.monotonic() - sinceMs;
  }

  start(): void {
    this.enterHeight();
    this.#repair.start();
  }

  stop(): void {
    this.#stopped = true;
    this.#repair.stop();
    this.#dueTimer?.cancel();
    this.#beginTimer?.cancel();
    this.#driver.stop();
  }

  /** Turns to the height above the head. */
  enterHeight(): void {
    const { chain, clock } = this.#parts;
    const height = chain.head.header.number + 1;
    this.#dueTimer?.cancel();
    this.#dueSinceMs = null;
    this.#enteredMs = clock.monotonic();
    this.#driver.enterHeight(height, chain.authorities, this.#recordOf(height));
    this.#considerActing();
    this.considerDue();
  }

  setCaughtUp(caughtUp: boolean): void {
    this.#caughtUp = caughtUp;
    this.#considerActing();
  }

  /** A peer that just came may hold more of this height than we do. */
  peerUp(peer: Address): void {
    this.#repair.ask(peer);
  }

  message(peer: Address, message: ConsensusFrame): Promise<void> | undefined {
    switch (message.type) {
      case 'PRP':
        return this.#intake.proposal(peer, message.proposal);
      case 'VOT':
        return this.#intake.vote(peer, message.vote);
      case 'LDR':
        this.#repair.answer(peer, message);
        return undefined;
      case 'ADR':
        return this.#repair.hear(peer, message);
    }
  }

  /** Rule 2: tells the core once a block is due at this height, now or when its time has come. */
  considerDue(): void {
    if (this.#dueSinceMs !== null || this.#stopped) return;
    const { clock, genesis, mempool } = this.#parts;
    const inMs = dueInMs(genesis.block_mining, this.#headAgeMs(), mempool.readyCount);
    this.#dueTimer?.cancel();
    if (inMs === undefined) return;
    if (inMs > 0) {
      this.#dueTimer = clock.after(inMs, () => this.considerDue());
      return;
    }
    this.#dueSinceMs = clock.monotonic();
    this.#driver.input({ type: 'due', height: this.#driver.core.height });
  }

  /** A clock that is behind would give every turn of this authority away: no head is younger than it has been here. */
  #headAgeMs(): number {
    const { clock, chain } = this.#parts;
    return Math.max(clock.now() - chain.head.header.time, clock.monotonic() - this.#enteredMs);
  }

  /** "No vote while catching up", none without the own record, none below what was signed already. */
  #considerActing(): void {
    const { permission, log, clock } = this.#parts;
    if (permission === null) return;
    this.#beginTimer?.cancel();
    if (this.#caughtUp && !this.#mayBegin()) {
      this.#beginTimer = clock.after(BEGIN_POLL_MS, () => this.#considerActing());
      this.#driver.input({ type: 'acting', acting: false });
      return;
    }
    const refusal = this.#caughtUp ? permission.refusal(this.#driver.core.height) : null;
    if (refusal !== null && refusal !== this.#refusalLogged) log('error', {}, refusal);
    this.#refusalLogged = refusal;
    this.#driver.input({ type: 'acting', acting: this.#caughtUp && refusal === null });
  }

  /**
   * A key without a record may have one that was wiped. Alone it cannot know, and what it signs alone makes nothing
   * final: its first word waits for a quorum, none of which is beyond its height.
   */
  #mayBegin(): boolean {
    return this.#parts.record.state !== null || this.#dependencies.isAmongEquals();
  }

  #recordOf(height: number): SignerRecord | null {
    const { record, chain } = this.#parts;
    const { state } = record;
    if (state === null || state.height !== height) return null;
    const messages = record
      .messages()
      .map(({ kind, wire }) => (kind === 0 ? decodeProposal(wire, chain.rules.genesisId) : decodeVote(wire)));
    return { ...state, messages };
  }

  async #validate(block: Block): Promise<boolean | undefined> {
    const error = await this.#parts.chain.validate(block);
    if (error === undefined) return undefined;
    if (error === null) return true;
    this.#parts.log('warn', { height: block.header.number, id: block.id, code: error.code }, error.message);
    return false;
  }

  #keepEvidence({ authority: index, messages: [first, second] }: Evidence): void {
    const { chain, clock, evidence, log } = this.#parts;
    const authority = chain.authorities.at(index)?.address;
    if (authority === undefined) throw new Error(`evidence against authority ${index}, which there is not`);
    const type = (['proposal', 'prevote', 'precommit'] as const)[kindOf(second)];
    const { height, round } = second;
    const blocks = [blockIdOfMessage(first), blockIdOfMessage(second)];
    log('warn', { authority, height, round, type, blocks }, 'an authority signed two things in one place');
    const messages = [first.wire, second.wire] as const;
    evidence
      .add({ authority, height, round, type, foundMs: clock.now(), messages })
      .catch((error: Error) => this.#dependencies.fail(error));
  }
}

function frameOf(message: ConsensusMessage): Message {
  return isProposal(message) ? { type: 'PRP', proposal: message.wire } : { type: 'VOT', vote: message.wire };
}
