/**
 * Sees all that is signed, sent and made final, and objects to whatever section 8 forbids. It shares the encodings with
 * the nodes, and no rule: quorums, locks and certificates are counted here a second time.
 */
import type { Head } from '../../src/node/chain.js';
import { type Block, decodeBlock } from '../../src/protocol/block.js';
import { type Address, fromHex, type Hash } from '../../src/protocol/bytes.js';
import type { Certificate } from '../../src/protocol/certificate.js';
import { ProtocolError } from '../../src/protocol/errors.js';
import type { GenesisConfig } from '../../src/protocol/genesis.js';
import { type Proposal, proposalBytes, type Vote, voteBytes } from '../../src/protocol/vote.js';
import type { KeyRing } from './keys.js';
import { PlainExecutor } from './plain-executor.js';
import {
  type Kind,
  messagesIn,
  PRECOMMIT,
  PREVOTE,
  type Statement,
  signerIndexOf,
  statementIn,
  statementOf,
} from './spoken.js';
import { Split, violated } from './violation.js';

interface Authority {
  readonly address: Address;
  readonly publicKey: Uint8Array;
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
  /** Whether the play goes on after a split, each branch by itself: only the first to be final is judged further. */
  goesOn = false;
  /** The split after which it went on. */
  split: Split | undefined;
  /** Who is on another branch than the one that is judged. */
  readonly #branchedOff = new Set<string>();
  readonly #authorities: readonly Authority[];
  readonly #genesisId: Uint8Array;
  readonly #keys: KeyRing;
  /** Authorities whose word proves nothing about the rules. */
  readonly liars = new Set<Address>();
  /** Of these, and of those that forgot, whoever signed two things for one place: the evidence against them. */
  readonly equivocators = new Set<Address>();
  /** Up to which height whoever lost its record may contradict itself. */
  readonly #forgotten = new Map<Address, number>();
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
    const statement = statementIn(message);
    if (statement === undefined) return;
    this.#signersOf(statement).add(signer);
    if (!this.isBound(signer, statement.height)) return this.#liarSays(signer, statement);
    this.#againstOwnWord(signer, statement);
    this.#againstSlot(signer, statement);
    if (statement.kind === PRECOMMIT && statement.blockId !== null) {
      if (!this.#hadQuorum(statement.height, statement.round, statement.blockId))
        violated(`${brief(signer, statement)} without a quorum of prevotes`);
    }
    if (statement.kind === PREVOTE) this.#againstLock(signer, statement);
  }

  /** An authority has lost its record for good: it may contradict what it said so far, and nothing that it says later. */
  forgets(signer: Address): void {
    this.#forgotten.set(signer, this.#heights.get(signer) ?? 0);
  }

  /** Whether the rules hold for what an authority says at a height. */
  isBound(signer: Address, height: number): boolean {
    return !this.liars.has(signer) && height > (this.#forgotten.get(signer) ?? 0);
  }

  /** A frame leaves a node. */
  frame(frame: Uint8Array, sender: Address): void {
    // A broadcast is one object for all.
    if (this.#seen.has(frame)) return;
    this.#seen.add(frame);
    try {
      for (const message of messagesIn(frame, this.#genesisId)) this.#said(message, sender);
    } catch (error) {
      if (!(error instanceof ProtocolError) || !this.liars.has(sender)) throw error;
    }
  }

  /** What a process finds in its signer's record when it starts is its word, whether it ever left or not. */
  recalled(messages: readonly (Vote | Proposal)[], signer: Address): void {
    for (const message of messages)
      if (this.#signerOf(message)?.address === signer && this.isBound(signer, message.height))
        this.#ownWord(signer, statementOf(message));
  }

  /** Whether such a word left an authority, or it recalled it. */
  hasSaid(signer: Address, height: number, round: number, kind: Kind): boolean {
    return this.#words.has(placeOf(signer, { height, round, kind }));
  }

  /** A node made a block final. */
  final(block: Block, certificate: Certificate, who: string): void {
    const { number } = block.header;
    this.#assertCertified(block, certificate, who);
    if (this.#branchedOff.has(who)) return;
    const known = this.finals.get(number);
    if (known === undefined) this.#firstFinal(block);
    else if (known !== block.id)
      this.#hasSplit(
        new Split(`two final blocks at height ${number}: ${known} and, at ${who}, ${block.id}`),
        who,
      );
  }

  #hasSplit(split: Split, who: string): void {
    if (!this.goesOn) throw split;
    this.split ??= split;
    this.#branchedOff.add(who);
  }

  /** A node has taken the state after block `number` from others, if that is above 0, and stands at `head` now. */
  joined(head: Head, number: number, who: string): void {
    if (number === 0 || head.header.number !== number) return;
    const known = this.finals.get(number);
    if (known !== undefined && known !== head.id)
      throw new Split(
        `two final blocks at height ${number}: ${known} and, in the snapshot of ${who}, ${head.id}`,
      );
  }

  #assertCertified({ id, header }: Block, { round, signatures }: Certificate, who: string): void {
    const vote = { height: header.number, round, type: PRECOMMIT, blockId: id } as const;
    const message = voteBytes(vote, this.#genesisId);
    const precommit = { ...vote, kind: PRECOMMIT, validRound: null } as const;
    const signers = new Set<Address>();
    for (const { authority, signature } of signatures) {
      const signer = this.#authorities[authority];
      if (signer === undefined) continue;
      const { address, publicKey } = signer;
      if (!this.#keys.verify({ publicKey, message, signature })) continue;
      signers.add(address);
      // An authority that is alone says it to nobody else.
      if (this.isBound(address, header.number)) this.#ownWord(address, precommit);
    }
    if (signers.size < this.quorum)
      violated(`the certificate of block ${header.number} at ${who} does not hold`);
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

  #signerOf(message: Vote | Proposal): Authority | undefined {
    return this.#authorities[signerIndexOf(message, this.#authorities.length)];
  }

  #said(message: Vote | Proposal, sender: Address): void {
    const signer = this.#signerOf(message);
    if (signer === undefined) return;
    const isBound = this.isBound(signer.address, message.height);
    if (signer.address === sender && isBound) return this.#ownWord(sender, statementOf(message));
    // Of anybody else's only a liar's is news: what honest ones said was heard as it left them.
    if (!isBound) this.#liarsWord(message, signer);
  }

  #ownWord(signer: Address, statement: Statement): void {
    const { height, round, kind, blockId } = statement;
    this.#againstOwnWord(signer, statement);
    const slot = placeOf(signer, statement);
    if (this.#words.has(slot)) return;
    this.#words.set(slot, contentOf(statement));
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

  /** What a liar signed behind the back of its node is known once it is sent. */
  #liarsWord(message: Vote | Proposal, { address, publicKey }: Authority): void {
    const statement = statementOf(message);
    const signers = this.#signersOf(statement);
    if (signers.has(address)) return;
    const signed =
      'block' in message
        ? proposalBytes({ ...message, blockId: message.block.id }, this.#genesisId)
        : voteBytes(message, this.#genesisId);
    if (!this.#keys.verify({ publicKey, message: signed, signature: message.signature })) return;
    signers.add(address);
    this.#liarSays(address, statement);
  }

  #liarSays(signer: Address, statement: Statement): void {
    const place = placeOf(signer, statement);
    const before = this.#words.get(place);
    if (before !== undefined && before !== contentOf(statement)) {
      this.counts.equivocations++;
      this.equivocators.add(signer);
    }
    this.#words.set(place, contentOf(statement));
  }

  #againstOwnWord(signer: Address, statement: Statement): void {
    const before = this.#words.get(placeOf(signer, statement));
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

function placeOf(
  signer: Address,
  { height, round, kind }: Omit<Statement, 'blockId' | 'validRound'>,
): string {
  return `${signer} ${height} ${round} ${kind}`;
}

function contentOf({ blockId, validRound }: Statement): string {
  return `${blockId} ${validRound ?? ''}`;
}

function brief(signer: Address, { kind, height, round, blockId }: Statement): string {
  const what = ['proposal', 'prevote', 'precommit'][kind];
  return `${signer.slice(0, 6)} signs a ${what} for ${blockId?.slice(0, 8) ?? 'nil'} at ${height}/${round}`;
}
