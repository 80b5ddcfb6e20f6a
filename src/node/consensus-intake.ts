/**
 * From frames to the consensus core: proposals and votes of peers are decoded, sorted by height, and admitted once their
 * signatures are checked. What the core knows already costs no signature check.
 */
import { admissionChecks } from '../consensus/admission.js';
import type { ConsensusMessage } from '../consensus/message.js';
import type { Worker } from '../ports/worker.js';
import type { AuthoritySet } from '../protocol/authorities.js';
import { type Address, fromHex, type Hash } from '../protocol/bytes.js';
import { ProtocolError } from '../protocol/errors.js';
import { sha256Hex } from '../protocol/hash.js';
import type { SignatureCheck } from '../protocol/keys.js';
import { decodeProposal, decodeVote } from '../protocol/vote.js';
import type { ConsensusDriver } from './consensus-driver.js';

/** Messages whose signatures are being checked: beyond this, further ones are dropped and repaired later. */
const MAX_IN_FLIGHT = 4_096;

export interface IntakeDependencies {
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

  constructor(driver: ConsensusDriver, worker: Worker, genesisId: Hash, dependencies: IntakeDependencies) {
    this.#driver = driver;
    this.#worker = worker;
    this.#genesisId = fromHex(genesisId);
    this.#dependencies = dependencies;
  }

  proposal(peer: Address, wire: Uint8Array): Promise<void> {
    return this.#one(peer, wire, () => decodeProposal(wire, this.#genesisId));
  }

  vote(peer: Address, wire: Uint8Array): Promise<void> {
    return this.#one(peer, wire, () => decodeVote(wire));
  }

  /** What a peer gave us in answer to LDR: heard as one, so that a quorum shown in it is seen. */
  async repair(peer: Address, proposals: readonly Uint8Array[], votes: readonly Uint8Array[]): Promise<void> {
    const messages = this.#decode(peer, () => [
      ...proposals.map((wire): ConsensusMessage => decodeProposal(wire, this.#genesisId)),
      ...votes.map(decodeVote),
    ]);
    if (messages === undefined) return;
    const news = messages.filter(
      (message) => this.#isCurrent(peer, message) && !this.#driver.core.knows(message),
    );
    const admitted = await this.#admit(peer, news);
    if (admitted.length > 0) this.#driver.hearRepair(admitted, peer);
  }

  async #one(peer: Address, wire: Uint8Array, decode: () => ConsensusMessage): Promise<void> {
    const key = sha256Hex(wire);
    if (this.#inFlight.has(key) || this.#inFlight.size >= MAX_IN_FLIGHT) return;
    const message = this.#decode(peer, decode);
    if (message === undefined || !this.#isCurrent(peer, message) || this.#driver.core.knows(message)) return;
    this.#inFlight.add(key);
    try {
      const [admitted] = await this.#admit(peer, [message]);
      if (admitted !== undefined) this.#driver.hear(admitted, peer);
    } finally {
      this.#inFlight.delete(key);
    }
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

  #isCurrent(peer: Address, message: ConsensusMessage): boolean {
    const ours = this.#driver.core.height;
    if (message.height > ours) this.#dependencies.ahead(peer, message.height - 1);
    return message.height === ours || message.height === ours + 1;
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
