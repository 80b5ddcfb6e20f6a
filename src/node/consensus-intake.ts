/**
 * From frames to the consensus core: proposals and votes of peers are decoded, sorted by height, and admitted once their
 * signatures are checked. What the core knows already costs no signature check.
 */
import { admissionChecks } from '../consensus/admission.js';
import type { ConsensusMessage } from '../consensus/message.js';
import type { Worker } from '../ports/worker.js';
import type { AuthoritySet } from '../protocol/authorities.js';
import type { DecodedBefore } from '../protocol/block.js';
import { type Address, fromHex, type Hash } from '../protocol/bytes.js';
import { ProtocolError } from '../protocol/errors.js';
import { sha256Hex } from '../protocol/hash.js';
import type { SignatureCheck } from '../protocol/keys.js';
import { decodeProposal, decodeVote, heightOfProposal, type Proposal } from '../protocol/vote.js';
import type { ConsensusDriver } from './consensus-driver.js';

/** Messages whose signatures are being checked: beyond this, further ones are dropped and repaired later. */
const MAX_IN_FLIGHT = 4_096;
/** The same of one peer's answers to LDR: forty rounds of 100 authorities, and no more than a tenth of a second's work. */
const MAX_REPAIRING = 4_096;
/** Messages of the height of which it is kept who sent them: four hundred rounds of four authorities, and enough. */
const MAX_HELD = 4_096;
/** Proposals of the height whose bytes are known. */
const MAX_KNOWN_PROPOSALS = 256;

export interface IntakeDependencies {
  /** What is pending need not be decoded again to know a proposal's block. */
  readonly decodedBefore: DecodedBefore;
  /** The set of the current height, and in version 1 of the next one too. */
  authorities(): AuthoritySet;
  offend(peer: Address, offence: 'malformed' | 'bad-signature', detail: string): void;
  /** A peer speaks of a height beyond our next: it may have final blocks that we lack. */
  ahead(peer: Address, height: number): void;
}

export class ConsensusIntake {
  readonly #driver: ConsensusDriver;
  readonly #worker: Worker;
  readonly #genesisId: Uint8Array;
  readonly #dependencies: IntakeDependencies;
  /** H(wire) of messages being checked, so that the copies other peers relay meanwhile are not checked again. */
  readonly #inFlight = new Set<Hash>();
  /** How many messages of each peer's answers are being checked. */
  readonly #repairing = new Map<Address, number>();
  /**
   * H(wire) of proposals of the height that the core knows: every peer passes each on, and decoding two megabytes of
   * transactions again for each copy takes longer than all else.
   */
  readonly #knownProposals = new Set<Hash>();
  /** By H(wire) of messages of the height: the peers that sent them, who need no copies of them. */
  readonly #holders = new Map<Hash, Set<Address>>();
  /** What the two are of. */
  #height = 0;

  constructor(driver: ConsensusDriver, worker: Worker, genesisId: Hash, dependencies: IntakeDependencies) {
    this.#driver = driver;
    this.#worker = worker;
    this.#genesisId = fromHex(genesisId);
    this.#dependencies = dependencies;
  }

  async proposal(peer: Address, wire: Uint8Array): Promise<void> {
    const height = this.#decode(peer, () => heightOfProposal(wire));
    if (height === undefined || !this.#isCurrent(peer, height)) return;
    const key = sha256Hex(wire);
    this.#turnTo(this.#driver.core.height);
    if (this.#knownProposals.has(key)) {
      this.#holders.get(key)?.add(peer);
      return;
    }
    const proposal = await this.#one(peer, key, () => this.#proposalOf(wire));
    if (proposal?.height !== this.#height || this.#knownProposals.size >= MAX_KNOWN_PROPOSALS) return;
    const { core } = this.#driver;
    // One of a later round may have to make way for another, and be news again when that round comes.
    if (proposal.round <= core.round + 1 && core.knows(proposal)) this.#knownProposals.add(key);
  }

  async vote(peer: Address, wire: Uint8Array): Promise<void> {
    this.#turnTo(this.#driver.core.height);
    await this.#one(peer, sha256Hex(wire), () => decodeVote(wire));
  }

  /** What a peer gave us in answer to LDR: heard as one, so that a quorum shown in it is seen. */
  async repair(peer: Address, proposals: readonly Uint8Array[], votes: readonly Uint8Array[]): Promise<void> {
    const messages = this.#decode(peer, () => [
      ...proposals.map((wire): ConsensusMessage => this.#proposalOf(wire)),
      ...votes.map(decodeVote),
    ]);
    if (messages === undefined) return;
    const before = this.#repairing.get(peer) ?? 0;
    const news = this.#news(peer, messages).slice(0, MAX_REPAIRING - before);
    if (news.length === 0) return;
    this.#repairing.set(peer, before + news.length);
    try {
      const admitted = await this.#admit(peer, news);
      if (admitted.length > 0) this.#driver.hearRepair(admitted, peer);
    } finally {
      const rest = (this.#repairing.get(peer) ?? 0) - news.length;
      if (rest > 0) this.#repairing.set(peer, rest);
      else this.#repairing.delete(peer);
    }
  }

  #proposalOf(wire: Uint8Array): Proposal {
    return decodeProposal(wire, this.#genesisId, this.#dependencies.decodedBefore);
  }

  /** What the core lacks of these, each once. */
  #news(peer: Address, messages: readonly ConsensusMessage[]): ConsensusMessage[] {
    const news = new Map<Hash, ConsensusMessage>();
    for (const message of messages) {
      if (this.#isCurrent(peer, message.height) && !this.#driver.core.knows(message))
        news.set(sha256Hex(message.wire), message);
    }
    return [...news.values()];
  }

  /** The message, once it was heard or found to be known; undefined if it was not admitted. `key` is H(wire). */
  async #one<M extends ConsensusMessage>(peer: Address, key: Hash, decode: () => M): Promise<M | undefined> {
    this.#holders.get(key)?.add(peer);
    if (this.#inFlight.has(key) || this.#inFlight.size >= MAX_IN_FLIGHT) return undefined;
    const message = this.#decode(peer, decode);
    if (message === undefined || !this.#isCurrent(peer, message.height)) return undefined;
    if (this.#driver.core.ignores(message)) return message;
    this.#inFlight.add(key);
    const holders = this.#holdersOf(key).add(peer);
    try {
      const [admitted] = await this.#admit(peer, [message]);
      if (admitted === undefined) return undefined;
      this.#driver.hear(admitted, holders);
      return message;
    } finally {
      this.#inFlight.delete(key);
    }
  }

  /** What is remembered is of one height. */
  #turnTo(height: number): void {
    if (height === this.#height) return;
    this.#height = height;
    this.#knownProposals.clear();
    this.#holders.clear();
  }

  #holdersOf(key: Hash): Set<Address> {
    let holders = this.#holders.get(key);
    if (holders !== undefined) return holders;
    holders = new Set();
    if (this.#holders.size < MAX_HELD) this.#holders.set(key, holders);
    return holders;
  }

  #decode<T>(peer: Address, decode: () => T): T | undefined {
    try {
      return decode();
    } catch (error) {
      if (!(error instanceof ProtocolError)) throw error;
      this.#dependencies.offend(peer, 'malformed', error.message);
      return undefined;
    }
  }

  #isCurrent(peer: Address, height: number): boolean {
    const ours = this.#driver.core.height;
    if (height > ours) this.#dependencies.ahead(peer, height - 1);
    return height === ours || height === ours + 1;
  }

  /** The messages that pass; whoever sent one that does not is told on. */
  async #admit(peer: Address, messages: readonly ConsensusMessage[]): Promise<ConsensusMessage[]> {
    const candidates: { readonly message: ConsensusMessage; readonly checks: readonly SignatureCheck[] }[] =
      [];
    for (const message of messages) {
      const checks = admissionChecks(message, this.#dependencies.authorities(), this.#genesisId);
      if (checks instanceof ProtocolError) this.#dependencies.offend(peer, 'bad-signature', checks.message);
      else candidates.push({ message, checks });
    }
    const good = await this.#worker.verify(candidates.flatMap(({ checks }) => checks));
    let at = 0;
    const admitted: ConsensusMessage[] = [];
    for (const { message, checks } of candidates) {
      const passed = good.slice(at, at + checks.length).every(Boolean);
      at += checks.length;
      if (passed) admitted.push(message);
      else
        this.#dependencies.offend(
          peer,
          'bad-signature',
          `a message of height ${message.height} is not signed`,
        );
    }
    return admitted;
  }
}
