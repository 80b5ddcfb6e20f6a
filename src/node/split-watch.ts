/**
 * Notices that the network has split: at a height that is final here another block is final elsewhere, with a certificate
 * that holds. Only more than f liars bring that about (section 8). Nothing can be mended then, and nothing is decided
 * here: it is said, once for a height, and the proof is kept for people to judge.
 *
 * What a peer says is only ever a reason to ask it for that one block. A peer has one such question open and gets one in
 * `ASK_EVERY_MS`, one certificate is checked at a time, and nothing of the block is kept or looked into but its header.
 */
import type { Clock } from '../ports/clock.js';
import type { Worker } from '../ports/worker.js';
import type { AuthoritySet } from '../protocol/authorities.js';
import { type Block, GENESIS_NUMBER } from '../protocol/block.js';
import { type Address, fromHex, type Hash } from '../protocol/bytes.js';
import { type Certificate, certificateChecks, decodeCertificate } from '../protocol/certificate.js';
import { ProtocolError } from '../protocol/errors.js';
import type { Message, MessageOf } from '../protocol/messages.js';
import { decodeSealedHeader, splitBlock } from '../protocol/sealed-header.js';
import { encodeVote, PRECOMMIT } from '../protocol/vote.js';
import type { ChainStore } from '../storage/chain-store.js';
import { type EvidenceStore, MAX_EVIDENCE_PER_AUTHORITY } from '../storage/evidence.js';
import type { Log } from './log.js';

/** The `request_id` of what is asked here; sync counts its own from 1. */
export const SPLIT_REQUEST_ID = 0;
/** As often as peers are asked for their height. */
export const ASK_EVERY_MS = 10_000;
/** Heights told of, after which no peer is asked any more: of further ones no evidence would be kept. */
export const MAX_SPLITS_TOLD = MAX_EVIDENCE_PER_AUTHORITY;

export interface SplitWatchParts {
  readonly clock: Clock;
  readonly worker: Worker;
  readonly authorities: AuthoritySet;
  readonly genesisId: Hash;
  readonly store: Pick<ChainStore, 'blockBytes' | 'blockNumber' | 'isKept'>;
  readonly evidence: Pick<EvidenceStore, 'add'>;
  readonly log: Log;
}

export interface SplitWatchDependencies {
  send(peer: Address, message: Message): void;
  /** It gave a block, or a certificate, that cannot be final. */
  offend(peer: Address, detail: string): void;
}

interface Question {
  readonly number: number;
  readonly askedMs: number;
  open: boolean;
}

/** A block that is final somewhere. */
interface FinalBlock {
  readonly id: Hash;
  readonly certificate: Certificate;
}

export class SplitWatch {
  readonly #parts: SplitWatchParts;
  readonly #dependencies: SplitWatchDependencies;
  /** The last question to each connected peer. */
  readonly #questions = new Map<Address, Question>();
  readonly #told = new Set<number>();
  /** The block that was last named and is ours: all peers name the same few, again and again. */
  #agreed: Hash | undefined;
  #checking = false;

  constructor(parts: SplitWatchParts, dependencies: SplitWatchDependencies) {
    this.#parts = parts;
    this.#dependencies = dependencies;
  }

  /** A peer names its head, or sends a block unasked. */
  heard(peer: Address, message: MessageOf<'BLH' | 'BLK'>): void {
    if (message.type === 'BLH') return this.#named(peer, message.block_number, message.block_id);
    try {
      const { header, id } = sealedHeaderOf(message.block);
      this.#named(peer, header.number, id);
    } catch (error) {
      // Sync says what there is to say about it.
      if (!(error instanceof ProtocolError)) throw error;
    }
  }

  /** Asks the peer for its block `number`, which another one than ours may be. */
  suspect(peer: Address, number: number): void {
    const { store, clock } = this.#parts;
    if (number <= GENESIS_NUMBER || !store.isKept(number)) return;
    if (this.#told.has(number) || this.#told.size >= MAX_SPLITS_TOLD) return;
    const last = this.#questions.get(peer);
    const nowMs = clock.monotonic();
    if (last !== undefined && (last.open || nowMs - last.askedMs < ASK_EVERY_MS)) return;
    this.#questions.set(peer, { number, askedMs: nowMs, open: true });
    this.#dependencies.send(peer, {
      type: 'RBL',
      request_id: SPLIT_REQUEST_ID,
      start_from_block: number,
      count: 1,
    });
  }

  /** Whether these blocks were asked for here. */
  awaits(peer: Address, { request_id }: MessageOf<'ABL'>): boolean {
    return request_id === SPLIT_REQUEST_ID && this.#questions.get(peer)?.open === true;
  }

  /** The answer to what was asked here. Rejects for a failure of our own. */
  async answered(peer: Address, { blocks: [given] }: MessageOf<'ABL'>): Promise<void> {
    const question = this.#questions.get(peer);
    if (question === undefined) return;
    question.open = false;
    // It may keep the block no longer; and after a while its word will be a reason to ask it again.
    if (given === undefined || this.#checking) return;
    this.#checking = true;
    try {
      await this.#judge(peer, question.number, ...given);
    } catch (error) {
      if (!(error instanceof ProtocolError)) throw error;
      this.#dependencies.offend(peer, `block ${question.number}: ${error.code}: ${error.message}`);
    } finally {
      this.#checking = false;
    }
  }

  forget(peer: Address): void {
    this.#questions.delete(peer);
  }

  #named(peer: Address, number: number, id: Hash): void {
    const { store } = this.#parts;
    if (id === this.#agreed || !store.isKept(number)) return;
    if (store.blockNumber(id) === number) this.#agreed = id;
    else this.suspect(peer, number);
  }

  /** @throws ProtocolError if this is not that block, or not final */
  async #judge(
    peer: Address,
    number: number,
    blockBytes: Uint8Array,
    certificateBytes: Uint8Array | null,
  ): Promise<void> {
    const { authorities, genesisId, worker } = this.#parts;
    const { header, id } = sealedHeaderOf(blockBytes);
    if (header.number !== number) throw new ProtocolError('BAD_BLOCK', `its number is ${header.number}`);
    const ours = this.#ours(number);
    if (ours === undefined || ours.id === id || this.#told.has(number)) return;
    const certificate = decodeCertificate(certificateBytes ?? new Uint8Array(0));
    const checks = certificateChecks(certificate, { height: number, id }, authorities, fromHex(genesisId));
    if (!(await worker.verify(checks)).every(Boolean))
      throw new ProtocolError('BAD_CERTIFICATE', 'a signature of the certificate is bad');
    this.#told.add(number);
    await this.#tell(peer, number, ours, { id, certificate });
  }

  #ours(number: number): FinalBlock | undefined {
    const bytes = this.#parts.store.blockBytes(number);
    if (bytes === undefined || bytes.certificate === null) return undefined;
    return { id: sealedHeaderOf(bytes.block).id, certificate: decodeCertificate(bytes.certificate) };
  }

  async #tell(peer: Address, height: number, ours: FinalBlock, theirs: FinalBlock): Promise<void> {
    const { authorities, clock, evidence, log } = this.#parts;
    const [round, theirRound] = [ours.certificate.round, theirs.certificate.round];
    const twice = ours.certificate.signatures.flatMap(({ authority, signature }) => {
      const other = theirs.certificate.signatures.find((signed) => signed.authority === authority);
      const address = authorities.at(authority)?.address;
      return other === undefined || address === undefined
        ? []
        : [{ authority, address, signatures: [signature, other.signature] as const }];
    });
    const addresses = twice.map(({ address }) => address);
    const ids = [ours.id, theirs.id];
    const rounds = [round, theirRound];
    log(
      'error',
      { event: 'split', height, ids, rounds, authorities: addresses, peer },
      `the network has split: more than f authorities signed two blocks of height ${height}, ${ours.id}, which is ` +
        `final here, and ${theirs.id}, which is final at ${peer}; both were signed by ${addresses.join(', ')}` +
        (round === theirRound
          ? ''
          : `, but in rounds ${round} and ${theirRound}, which alone proves nothing against any one of them`),
    );
    if (round !== theirRound) return;
    for (const { authority, address, signatures } of twice) {
      const precommit = (blockId: Hash, signature: Uint8Array) =>
        encodeVote({ height, round, type: PRECOMMIT, blockId }, authority, signature).wire;
      await evidence.add({
        authority: address,
        height,
        round,
        type: 'precommit',
        foundMs: clock.now(),
        messages: [precommit(ours.id, signatures[0]), precommit(theirs.id, signatures[1])],
      });
    }
  }
}

/** Why a node stops that meets a certified block which is invalid on its head (rule 9). */
export function brokenBy({ id, header }: Pick<Block, 'id' | 'header'>, head: { readonly id: Hash }): Error {
  const certified = `block ${id} of height ${header.number} is certified by a quorum`;
  return new Error(
    header.hashParent === head.id
      ? `${certified}, but invalid here`
      : `the network has split: ${certified} and follows block ${header.hashParent}, but ${head.id} is final here; ` +
          `more than f authorities signed two blocks of height ${header.number - 1}`,
  );
}

function sealedHeaderOf(block: Uint8Array) {
  return decodeSealedHeader(splitBlock(block)[0]);
}
