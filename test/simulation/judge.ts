/**
 * Sees all that is signed, sent and made final, and objects to whatever section 8 forbids. It shares the encodings with
 * the nodes, and no rule: quorums, locks and certificates are counted here a second time.
 */
import { type Block, decodeBlock } from '../../src/protocol/block.js';
import { type Address, fromHex, type Hash, toHex } from '../../src/protocol/bytes.js';
import type { Certificate } from '../../src/protocol/certificate.js';
import { decode } from '../../src/protocol/encoding.js';
import { ProtocolError } from '../../src/protocol/errors.js';
import { FrameReader, MAX_FRAME_BYTES } from '../../src/protocol/frame.js';
import type { GenesisConfig } from '../../src/protocol/genesis.js';
import { decodeBody } from '../../src/protocol/messages.js';
import { decodeProposal, decodeVote, type Proposal, type Vote, voteBytes } from '../../src/protocol/vote.js';
import { frameType } from './internet.js';
import type { KeyRing } from './keys.js';
import { PlainExecutor } from './plain-executor.js';
import { Violation, violated } from './violation.js';

const PROPOSAL = 0;
const PREVOTE = 1;
const PRECOMMIT = 2;
type Kind = typeof PROPOSAL | typeof PREVOTE | typeof PRECOMMIT;

/** What one signature of consensus says. */
interface Statement {
  readonly kind: Kind;
  readonly height: number;
  readonly round: number;
  readonly blockId: Hash | null;
  readonly validRound: number | null;
}

export interface JudgeCounts {
  blocks: number;
  transactions: number;
  highestRound: number;
  highRounds: number;
  locksCarried: number;
  unlocked: number;
  equivocations: number;
}

export class Judge {
  readonly finals = new Map<number, Hash>();
  readonly executor: PlainExecutor;
  readonly counts: JudgeCounts = {
    blocks: 0,
    transactions: 0,
    highestRound: 0,
    highRounds: 0,
    locksCarried: 0,
    unlocked: 0,
    equivocations: 0,
  };
  readonly #authorities: readonly { readonly address: Address; readonly publicKey: Uint8Array }[];
  readonly #genesisId: Uint8Array;
  readonly #keys: KeyRing;
  /** Authorities whose word proves nothing about the rules: liars, and whoever lost its record. */
  readonly liars = new Set<Address>();
  /** Who signed what: "height round kind id" → addresses. */
  readonly #signers = new Map<string, Set<Address>>();
  /** What left an authority at "address height round kind". */
  readonly #words = new Map<string, string>();
  /** The highest slot that left an authority, and its last lock, at "address height". */
  readonly #slots = new Map<string, number>();
  readonly #locks = new Map<string, { readonly round: number; readonly blockId: Hash }>();
  readonly #heights = new Map<Address, number>();
  #seen = new WeakSet<Uint8Array>();

  constructor(genesis: GenesisConfig, genesisId: Hash, keys: KeyRing) {
    this.#genesisId = fromHex(genesisId);
    this.#keys = keys;
    this.#authorities = genesis.miners
      .map(({ address, public_key }) => ({ address, publicKey: Buffer.from(public_key, 'base64') }))
      .sort((a, b) => (a.address < b.address ? -1 : 1));
    this.executor = new PlainExecutor(genesis, genesisId, (check) => keys.verify(check));
    this.finals.set(1, genesisId);
  }

  get quorum(): number {
    return Math.ceil((2 * this.#authorities.length) / 3);
  }

  /** The key of `signer` is asked for a signature. */
  signing(signer: Address, message: Uint8Array): void {
    const statement = statementOf(message);
    if (statement === undefined) return;
    this.#signersOf(statement).add(signer);
    if (this.liars.has(signer)) return;
    this.#againstOwnWord(signer, statement);
    this.#againstSlot(signer, statement);
    if (statement.kind === PRECOMMIT && statement.blockId !== null) {
      if (!this.#hadQuorum(statement.height, statement.round, statement.blockId))
        violated(`${brief(signer, statement)} without a quorum of prevotes`);
    }
    if (statement.kind === PREVOTE) this.#againstLock(signer, statement);
  }

  /** A frame leaves a node. */
  frame(frame: Uint8Array, sender: Address): void {
    const type = frameType(frame);
    if (type !== 'VOT' && type !== 'PRP' && type !== 'ADR') return;
    // A broadcast is one object for all.
    if (this.#seen.has(frame)) return;
    this.#seen.add(frame);
    try {
      for (const message of this.#messages(frame)) this.#said(message, sender);
    } catch (error) {
      if (!(error instanceof ProtocolError) || !this.liars.has(sender)) throw error;
    }
  }

  /** A node made a block final. */
  final(block: Block, certificate: Certificate, who: string): void {
    const { number } = block.header;
    const known = this.finals.get(number);
    if (known === undefined) this.#firstFinal(block);
    else if (known !== block.id)
      violated(`two final blocks at height ${number}: ${known} and, at ${who}, ${block.id}`);
    const message = voteBytes(
      { height: number, round: certificate.round, type: PRECOMMIT, blockId: block.id },
      this.#genesisId,
    );
    const good = certificate.signatures.filter(({ authority, signature }) => {
      const publicKey = this.#authorities[authority]?.publicKey;
      return publicKey !== undefined && this.#keys.verify({ publicKey, message, signature });
    });
    if (new Set(good.map(({ authority }) => authority)).size < this.quorum)
      violated(`the certificate of block ${number} at ${who} does not hold`);
  }

  #firstFinal(block: Block): void {
    const { number } = block.header;
    if (number !== this.executor.number + 1)
      violated(`block ${number} is final although block ${this.executor.number + 1} is not`);
    // Decoded anew: what a node holds in memory is not what it stores and sends.
    this.executor.execute(decodeBlock(block.wire, this.#genesisId));
    this.finals.set(number, block.id);
    this.counts.blocks++;
    this.counts.transactions += block.transactions.length;
  }

  *#messages(frame: Uint8Array): Generator<Vote | Proposal> {
    const reader = new FrameReader();
    reader.maxFrameBytes = MAX_FRAME_BYTES;
    reader.push(frame);
    const read = reader.next();
    if (read === undefined) return;
    const message = decodeBody(read.type, read.body);
    if (message.type === 'VOT') yield decodeVote(message.vote);
    else if (message.type === 'PRP') yield decodeProposal(message.proposal, this.#genesisId);
    else if (message.type === 'ADR') {
      for (const wire of message.proposals) yield decodeProposal(wire, this.#genesisId);
      for (const wire of message.votes) yield decodeVote(wire);
    }
  }

  #said(message: Vote | Proposal, sender: Address): void {
    const isProposal = 'block' in message;
    const { height, round } = message;
    const leader = this.#authorities[(height + round) % this.#authorities.length];
    const signer = isProposal ? leader : this.#authorities[message.authority];
    if (signer === undefined) return;
    const statement: Statement = isProposal
      ? { kind: PROPOSAL, height, round, blockId: message.block.id, validRound: message.validRound }
      : { kind: message.type, height, round, blockId: message.blockId, validRound: null };
    if (signer.address === sender && !this.liars.has(sender)) return this.#ownWord(sender, statement);
    // Of anybody else's only a liar's is news: what honest ones said was heard as it left them.
    if (this.liars.has(signer.address)) this.#liarsWord(message, signer, statement);
  }

  #ownWord(signer: Address, statement: Statement): void {
    const { height, round, kind, blockId } = statement;
    this.#againstOwnWord(signer, statement);
    const key = `${signer} ${height} ${round} ${kind}`;
    if (this.#words.has(key)) return;
    this.#words.set(key, contentOf(statement));
    this.#signersOf(statement).add(signer);
    const place = `${signer} ${height}`;
    this.#slots.set(place, Math.max(this.#slots.get(place) ?? -1, 3 * round + kind));
    this.#heights.set(signer, Math.max(this.#heights.get(signer) ?? 0, height));
    if (round > this.counts.highestRound) this.counts.highestRound = round;
    if (round > 3 && kind === PREVOTE) this.counts.highRounds++;
    if (kind !== PRECOMMIT || blockId === null) return;
    const before = this.#locks.get(place);
    if (before !== undefined) {
      if (before.blockId === blockId) this.counts.locksCarried++;
      else this.counts.unlocked++;
    }
    this.#locks.set(place, { round, blockId });
  }

  #liarsWord(
    message: Vote | Proposal,
    { address, publicKey }: { readonly address: Address; readonly publicKey: Uint8Array },
    statement: Statement,
  ): void {
    const { kind, height, round, blockId } = statement;
    const signers = this.#signersOf(statement);
    if (signers.has(address) || kind === PROPOSAL) return;
    const signed = voteBytes({ height, round, type: kind, blockId }, this.#genesisId);
    if (!this.#keys.verify({ publicKey, message: signed, signature: message.signature })) return;
    signers.add(address);
    const key = `${address} ${height} ${round} ${kind}`;
    const before = this.#words.get(key);
    if (before !== undefined && before !== contentOf(statement)) this.counts.equivocations++;
    this.#words.set(key, contentOf(statement));
  }

  #againstOwnWord(signer: Address, statement: Statement): void {
    const { height, round, kind } = statement;
    const before = this.#words.get(`${signer} ${height} ${round} ${kind}`);
    if (before !== undefined && before !== contentOf(statement))
      violated(`${brief(signer, statement)} after it said ${before}`);
  }

  #againstSlot(signer: Address, statement: Statement): void {
    const { height, round, kind } = statement;
    if (height < (this.#heights.get(signer) ?? 0))
      violated(`${brief(signer, statement)} below a height it left`);
    if (3 * round + kind < (this.#slots.get(`${signer} ${height}`) ?? -1))
      violated(`${brief(signer, statement)} although it said something higher before`);
  }

  /** A lock is left only for a block that had a quorum of prevotes in its round or a later one. */
  #againstLock(signer: Address, statement: Statement): void {
    const { height, round, blockId } = statement;
    const lock = this.#locks.get(`${signer} ${height}`);
    if (blockId === null || lock === undefined || lock.blockId === blockId) return;
    for (let r = lock.round; r < round; r++) if (this.#hadQuorum(height, r, blockId)) return;
    violated(
      `${brief(signer, statement)} although locked on ${lock.blockId.slice(0, 8)} in round ${lock.round}`,
    );
  }

  #hadQuorum(height: number, round: number, blockId: Hash): boolean {
    const statement: Statement = { kind: PREVOTE, height, round, blockId, validRound: null };
    return this.#signersOf(statement).size >= this.quorum;
  }

  #signersOf({ height, round, kind, blockId }: Statement): Set<Address> {
    const key = `${height} ${round} ${kind} ${blockId}`;
    let signers = this.#signers.get(key);
    if (signers === undefined) {
      signers = new Set();
      this.#signers.set(key, signers);
    }
    return signers;
  }
}

const VOTE_TAG = Buffer.from('ccoin/vote\0');
const PROPOSAL_TAG = Buffer.from('ccoin/proposal\0');
const HASH_BYTES = 32;

/** What these signed bytes say about a height; undefined if they are no vote or proposal. */
function statementOf(signed: Uint8Array): Statement | undefined {
  for (const tag of [VOTE_TAG, PROPOSAL_TAG]) {
    if (Buffer.compare(signed.subarray(0, tag.length), tag) !== 0) continue;
    const fields = decode(signed.subarray(tag.length + HASH_BYTES));
    if (!Array.isArray(fields)) throw new Violation('a signature under what is no list');
    const [height, round, third, id] = fields as [number, number, number | null, Uint8Array | null];
    const blockId = id === null ? null : toHex(id);
    if (tag === VOTE_TAG) return { kind: third as Kind, height, round, blockId, validRound: null };
    return { kind: PROPOSAL, height, round, blockId, validRound: third };
  }
  return undefined;
}

function contentOf({ blockId, validRound }: Statement): string {
  return `${blockId} ${validRound ?? ''}`;
}

function brief(signer: Address, { kind, height, round, blockId }: Statement): string {
  const what = ['proposal', 'prevote', 'precommit'][kind];
  return `${signer.slice(0, 6)} signs a ${what} for ${blockId?.slice(0, 8) ?? 'nil'} at ${height}/${round}`;
}
