/**
 * The shell around the consensus core: carries its effects out, strictly in their order, and hands it what comes back.
 * It decides nothing; `consensus/effects.ts` is the contract.
 */

import { Consensus } from '../consensus/consensus.js';
import type {
  ConsensusMessage,
  Effect,
  Input,
  SignerRecord,
  SignerState,
  Statement,
  TimeoutId,
} from '../consensus/effects.js';
import type { Evidence } from '../consensus/height-log.js';
import type { Timeouts } from '../consensus/leader.js';
import { signerIndexOf } from '../consensus/message.js';
import { isAmongFirst, keptBackMs, Reserve } from '../consensus/reserve.js';
import type { Clock, Timer } from '../ports/clock.js';
import type { Random } from '../ports/random.js';
import type { Signer } from '../ports/signer.js';
import type { AuthoritySet } from '../protocol/authorities.js';
import type { Block } from '../protocol/block.js';
import { type Address, equalBytes, fromHex, type Hash } from '../protocol/bytes.js';
import type { Certificate } from '../protocol/certificate.js';
import { asError } from '../protocol/errors.js';
import { encodeProposal, encodeVote, proposalBytes, voteBytes } from '../protocol/vote.js';
import { FarRelay } from './far-relay.js';
import { MessageRelay } from './message-relay.js';

const NOBODY: ReadonlySet<Address> = new Set();
const EVERYBODY = () => true;

export interface DriverDependencies {
  /** Whether the block is valid on our head; undefined if the head moved meanwhile. */
  validate(block: Block): Promise<boolean | undefined>;
  /** Whether the block's time is at most 15 s ahead of our clock. */
  isTimely(block: Block): boolean;
  /**
   * A sealed block on our head, or null if `signal` was aborted or none could be built.
   * @param mined is told its id as soon as that is known: the block has still to be sealed then
   */
  build(height: number, signal: AbortSignal, mined: (id: Hash) => void): Promise<Block | null>;
  /** Applies a final block durably, then calls `enterHeight`. Does nothing for a height that is already applied. */
  commit(block: Block, certificate: Certificate): Promise<void>;
  peers(): Iterable<Address>;
  /** To the peers for which `isFor` holds, to those for which `isFirst` does before the others. */
  broadcast(
    message: ConsensusMessage,
    isFor: (peer: Address) => boolean,
    isFirst?: (peer: Address) => boolean,
  ): void;
  /** Synced to disk when it resolves. */
  persist(state: SignerState, messages: readonly ConsensusMessage[]): Promise<void>;
  evidence(evidence: Evidence): void;
  /** Our key is in use elsewhere. */
  stranger(message: ConsensusMessage): void;
  /** What to fail with: a quorum certified this block, which is invalid here. */
  broken(block: Block): Error;
  /** The process must stop, loudly. */
  fail(error: Error): void;
}

export class ConsensusDriver {
  readonly #core: Consensus;
  readonly #clock: Clock;
  readonly #signer: Signer | null;
  readonly #genesisId: Uint8Array;
  readonly #dependencies: DriverDependencies;
  readonly #queue: (Effect | (() => unknown))[] = [];
  /** Who sent us each message, so that it is not relayed back. */
  readonly #holders = new WeakMap<ConsensusMessage, ReadonlySet<Address>>();
  readonly #nearRelay: MessageRelay;
  readonly #farRelay: FarRelay;
  readonly #reserve = new Reserve();
  readonly #keptBackMs: number;
  #authorities: AuthoritySet;
  #draining = false;
  #stopped = false;
  #timers: Timer[] = [];
  #building: AbortController | null = null;
  /** The signature of a proposal that is likely to be asked for: that of the block which is being sealed. */
  #prepared: { readonly bytes: Uint8Array; readonly signature: Promise<Uint8Array> } | null = null;
  #progressMs: number;
  #firstProposalMs: number | null = null;

  constructor(
    options: {
      readonly clock: Clock;
      readonly random: Random;
      readonly signer: Signer | null;
      readonly genesisId: Hash;
      readonly timeouts: Timeouts;
      readonly height: number;
      readonly authorities: AuthoritySet;
    },
    dependencies: DriverDependencies,
  ) {
    this.#clock = options.clock;
    this.#signer = options.signer;
    this.#genesisId = fromHex(options.genesisId);
    this.#dependencies = dependencies;
    const address = options.signer?.address ?? null;
    this.#core = new Consensus(address, options.timeouts, options.height, options.authorities);
    this.#authorities = options.authorities;
    this.#keptBackMs = keptBackMs(options.timeouts);
    this.#nearRelay = new MessageRelay(options.clock, options.random, options.timeouts.timeout_vote_ms, {
      peers: () => dependencies.peers(),
      isAuthority: (peer) => this.#authorities.has(peer),
      hasShown: (peer, message) => this.#core.hasShown(peer, message),
      send: (message, isFor) => dependencies.broadcast(message, isFor),
    });
    this.#farRelay = new FarRelay(options.clock, (message) => this.#passOn(message));
    this.#progressMs = this.#clock.monotonic();
  }

  get core(): Consensus {
    return this.#core;
  }

  /**
   * When we last took a step, of any kind (monotonic clock). What is merely heard does not count: a liar that says
   * something new every second would keep us from asking for what we lack.
   */
  get progressMs(): number {
    return this.#progressMs;
  }

  /** When this height's first proposal was built or heard (monotonic clock); null before. */
  get firstProposalMs(): number | null {
    return this.#firstProposalMs;
  }

  enterHeight(height: number, authorities: AuthoritySet, record: SignerRecord | null): void {
    for (const timer of this.#timers) timer.cancel();
    this.#timers = [];
    this.#building?.abort();
    this.#nearRelay.clear();
    this.#farRelay.stop();
    this.#authorities = authorities;
    this.#prepared = null;
    this.#firstProposalMs = null;
    const self = this.#signer === null ? undefined : authorities.indexOf(this.#signer.address);
    this.#reserve.enterHeight(height, authorities, self);
    this.input({ type: 'height', height, authorities, record });
  }

  /** A verified message of somebody else. `holders`: the peers that sent it; may grow as copies of it come in. */
  hear(message: ConsensusMessage, holders: ReadonlySet<Address>): void {
    this.#holders.set(message, holders);
    this.input({ type: 'message', message });
  }

  hearRepair(messages: readonly ConsensusMessage[], source: Address): void {
    const holders = new Set([source]);
    for (const message of messages) this.#holders.set(message, holders);
    this.input({ type: 'repair', messages });
  }

  input(input: Input): void {
    if (this.#stopped) return;
    const core = this.#core;
    const { height, round, currentStep } = core;
    const effects = core.step(input);
    if (core.height !== height || core.round !== round || core.currentStep !== currentStep) {
      this.#progressMs = this.#clock.monotonic();
    }
    if (effects.length === 0) return;
    this.#queue.push(...effects);
    if (!this.#draining) void this.#drain();
  }

  /**
   * Runs `send` once everything decided so far is carried out. What is read from the core may hold our newest word,
   * which must not leave before it is on disk.
   */
  behindEffects(send: () => unknown): void {
    if (this.#stopped) return;
    this.#queue.push(send);
    if (!this.#draining) void this.#drain();
  }

  stop(): void {
    this.#stopped = true;
    this.#queue.length = 0;
    for (const timer of this.#timers) timer.cancel();
    this.#building?.abort();
    this.#nearRelay.clear();
    this.#farRelay.stop();
  }

  /** One effect at a time: whatever is awaited here holds up all that stands behind it. */
  async #drain(): Promise<void> {
    this.#draining = true;
    try {
      for (let effect = this.#queue.shift(); effect !== undefined; effect = this.#queue.shift()) {
        const done = typeof effect === 'function' ? effect() : this.#carryOut(effect);
        if (done !== undefined) await done;
        if (this.#stopped) return;
      }
    } catch (error) {
      this.#failed(error);
    } finally {
      this.#draining = false;
    }
  }

  /** A promise if what follows has to wait. */
  #carryOut(effect: Effect): Promise<void> | undefined {
    switch (effect.type) {
      case 'round':
        this.#building?.abort();
        return;
      case 'schedule':
        this.#schedule(effect.timeout, effect.delayMs);
        return;
      case 'validate':
        this.#firstProposalMs ??= this.#clock.monotonic();
        this.#validate(effect.block).catch(this.#failed);
        return;
      case 'build':
        this.#firstProposalMs ??= this.#clock.monotonic();
        this.#build(effect.height, effect.round).catch(this.#failed);
        return;
      case 'sign':
        return this.#speak(effect.statement);
      case 'persist':
        return this.#dependencies.persist(effect.state, effect.messages);
      case 'send':
        this.#dependencies.broadcast(effect.message, EVERYBODY, this.#isNeeded);
        return;
      case 'relay':
        this.#relay(effect.message);
        return;
      case 'evidence':
        this.#dependencies.evidence(effect.evidence);
        return;
      case 'stranger':
        // What is out there already must not be contradicted by what was not said yet.
        this.#reserve.release();
        this.#dependencies.stranger(effect.message);
        return;
      case 'commit':
        return this.#dependencies.commit(effect.block, effect.certificate);
      case 'broken':
        throw this.#dependencies.broken(effect.block);
    }
  }

  /** For good: what stands behind a failed effect, a vote that is not on disk, must not leave while the node stops. */
  readonly #failed = (error: unknown): void => {
    this.stop();
    this.#dependencies.fail(asError(error));
  };

  /** What we say ourselves goes first to those whose votes the height waits for. */
  readonly #isNeeded = (peer: Address): boolean => {
    const index = this.#authorities.indexOf(peer);
    return index !== undefined && isAmongFirst(this.#authorities, this.#core.height, index);
  };

  #relay(message: ConsensusMessage): void {
    const core = this.#core;
    if (message.height === core.height && message.round > core.round + 1) {
      this.#farRelay.relay(signerIndexOf(message, this.#authorities), message);
    } else this.#passOn(message);
  }

  #passOn(message: ConsensusMessage): void {
    this.#nearRelay.pass(message, this.#holders.get(message) ?? NOBODY);
  }

  #schedule(timeout: TimeoutId, delayMs: number): void {
    if (timeout.height !== this.#core.height) return;
    this.#timers.push(this.#clock.after(delayMs, () => this.input({ type: 'timeout', timeout })));
  }

  async #validate(block: Block): Promise<void> {
    const { number: height } = block.header;
    const timely = this.#dependencies.isTimely(block);
    const valid = await this.#dependencies.validate(block);
    if (valid !== undefined) this.input({ type: 'validated', height, blockId: block.id, valid, timely });
  }

  async #build(height: number, round: number): Promise<void> {
    this.#building?.abort();
    const building = new AbortController();
    this.#building = building;
    const block = await this.#dependencies.build(height, building.signal, (blockId) =>
      this.#prepareProposal(proposalBytes({ height, round, validRound: null, blockId }, this.#genesisId)),
    );
    // What is done cannot be called off: an abort would cost a stack trace for nobody.
    if (this.#building === building) this.#building = null;
    this.input({ type: 'built', height, round, block });
  }

  /**
   * Sealing a block and proposing it are two signatures that need nothing of each other: the second is made beside the
   * first. It stays here unless the core says to propose just that, and leaves as any other, once it is on the disk.
   */
  #prepareProposal(bytes: Uint8Array): void {
    const signature = this.#signer?.sign(bytes, true);
    if (signature === undefined) return;
    // A failure is met where the signature is used.
    signature.catch(() => {});
    this.#prepared = { bytes, signature };
  }

  /** Says it, or keeps it back until it is known to be needed. */
  #speak(statement: Statement): Promise<void> | undefined {
    if (!this.#reserve.keeps(statement)) return this.#speakUp(statement);
    this.#timers.push(this.#clock.after(this.#keptBackMs, () => this.behindEffects(() => this.#speakUp())));
    return undefined;
  }

  /** Signs what was kept back, if anything, and then this: the signer's record never goes back. */
  async #speakUp(...statements: readonly Statement[]): Promise<void> {
    for (const statement of [...this.#reserve.release(), ...statements]) await this.#sign(statement);
  }

  async #sign(statement: Statement): Promise<void> {
    const signer = this.#signer;
    if (signer === null) throw new Error('a node without a key was asked to sign');
    // What was decided meanwhile needs no word of ours, and would wait for it.
    if (statement.content.height !== this.#core.height || this.#core.decided) return;
    if (statement.kind === 'vote') {
      const signature = await signer.sign(voteBytes(statement.content, this.#genesisId));
      this.input({ type: 'signed', message: encodeVote(statement.content, statement.authority, signature) });
    } else {
      const { height, round, validRound, block } = statement.content;
      const bytes = proposalBytes({ height, round, validRound, blockId: block.id }, this.#genesisId);
      const prepared = this.#prepared;
      this.#prepared = null;
      const signature = await (prepared !== null && equalBytes(prepared.bytes, bytes)
        ? prepared.signature
        : signer.sign(bytes));
      this.input({ type: 'signed', message: encodeProposal(statement.content, signature) });
    }
  }
}
