/**
 * A Byzantine authority: a real node whose word is changed on its way out, with its own key and nobody else's. Each
 * trick takes a frame that is about to leave for one peer and says what leaves instead; some speak unasked.
 */
import { type Timeouts, timeoutMs } from '../../src/consensus/leader.js';
import {
  assembleBlock,
  type Block,
  type Header,
  hashTxnsOf,
  miningHashOf,
  sealBytes,
} from '../../src/protocol/block.js';
import { equalBytes, fromHex, type Hash } from '../../src/protocol/bytes.js';
import { encodeFrame, FrameReader, MAX_FRAME_BYTES } from '../../src/protocol/frame.js';
import type { Genesis } from '../../src/protocol/genesis.js';
import { decodeBody, type Message, type MessageOf } from '../../src/protocol/messages.js';
import { blockIdOf, seekNonce } from '../../src/protocol/proof-of-work.js';
import { type AccountEntry, decodeAccounts, encodeAccounts } from '../../src/protocol/state-part.js';
import {
  decodeTransaction,
  encodePayload,
  encodeTransaction,
  signedTransactionBytes,
} from '../../src/protocol/transaction.js';
import {
  decodeProposal,
  decodeVote,
  encodeProposal,
  encodeVote,
  PRECOMMIT,
  PREVOTE,
  type Proposal,
  proposalBytes,
  type Vote,
  type VoteContent,
  voteBytes,
} from '../../src/protocol/vote.js';
import type { Chance } from './chance.js';
import { frameType, type Outgoing, type SimConnection } from './internet.js';
import type { SimKey } from './keys.js';

export const TRICKS = [
  'two votes',
  'two proposals',
  'withhold',
  'late',
  'wrong root',
  'invalid transaction',
  'replay',
  'forget the lock',
  'far ahead',
  'false blocks',
  'malformed',
] as const;
/** Drawn apart, so that seeds keep the rest of their plans. */
export const LATER_TRICKS = ['false snapshots'] as const;
export const ALL_TRICKS = [...TRICKS, ...LATER_TRICKS] as const;
export type Trick = (typeof ALL_TRICKS)[number];

/** How much of its past a liar keeps for replaying it. */
const MAX_REPLAYS = 50;
const AT_ONCE = 0;

export class Liar {
  readonly tricks: ReadonlySet<Trick>;
  readonly counts: Record<string, number> = {};
  readonly #key: SimKey;
  readonly #index: number;
  readonly #genesisId: Uint8Array;
  readonly #authorities: number;
  readonly #timeouts: Timeouts;
  readonly #chance: Chance;
  readonly #old: Uint8Array[] = [];
  /** The last blocks proposed by anybody, for votes that nobody expects. */
  readonly #blocks: Block[] = [];
  /** The second block beside each proposal of our own. */
  readonly #doubles = new Map<Hash, Uint8Array>();

  constructor(
    key: SimKey,
    place: { readonly index: number; readonly authorities: number; readonly genesis: Genesis },
    tricks: readonly Trick[],
    chance: Chance,
  ) {
    this.#key = key;
    this.#index = place.index;
    this.#authorities = place.authorities;
    this.#genesisId = fromHex(place.genesis.block.id);
    this.#timeouts = place.genesis.config.consensus;
    this.tricks = new Set(tricks);
    this.#chance = chance;
  }

  outgoing(frame: Uint8Array, to: SimConnection): Outgoing[] {
    const type = frameType(frame);
    if (this.#does('malformed', 0.01)) return [...this.#plain(this.#garbled(frame))];
    let frames = this.#changed(type, frame, to);
    if (this.#old.length > 0 && this.#does('replay', 0.02))
      frames = [...frames, this.#chance.pick(this.#old)];
    if (type !== 'HEY' && type !== 'ACK') this.#remember(frame);
    if (this.#does('far ahead', 0.02)) frames = [...frames, this.#farAhead()];
    const slow = type === 'VOT' || type === 'PRP' || type === 'ADR';
    if (slow && frames.length > 0 && this.#does('late', 0.5)) {
      const delayMs = this.#delayMs(frame);
      return frames.map((each) => ({ frame: each, delayMs }));
    }
    return this.#plain(...frames);
  }

  /** Any; or so long that it comes just before the timeout of its round, to some in time and to others too late. */
  #delayMs(frame: Uint8Array): number {
    const anyMs = this.#chance.between(0, 5_000);
    const message = read(frame);
    if (message.type === 'ADR' || this.#chance.chance(0.5)) return anyMs;
    const limitMs =
      message.type === 'PRP'
        ? timeoutMs('propose', decodeProposal(message.proposal, this.#genesisId).round, this.#timeouts)
        : message.type === 'VOT'
          ? timeoutMs('prevote', decodeVote(message.vote).round, this.#timeouts)
          : anyMs;
    return limitMs * this.#chance.between(0.9, 1);
  }

  #changed(type: string, frame: Uint8Array, to: SimConnection): Uint8Array[] {
    switch (type) {
      case 'VOT':
        return this.#vote(frame, to);
      case 'PRP':
        return this.#proposal(frame, to);
      case 'ABL':
      case 'BLK':
      case 'GLK':
        if (!this.#tries('false blocks', 0.5)) return [frame];
        return this.#counted('false blocks', frame, [this.#falseBlocks(frame)]);
      case 'BLH':
      case 'ASN':
      case 'ASP':
        if (!this.#tries('false snapshots', type === 'BLH' ? 0.2 : 0.6)) return [frame];
        return this.#counted('false snapshots', frame, this.#falseSnapshot(frame));
      default:
        return [frame];
    }
  }

  #vote(frame: Uint8Array, to: SimConnection): Uint8Array[] {
    const message = read(frame);
    if (message.type !== 'VOT') return [frame];
    const vote = decodeVote(message.vote);
    if (this.#does('withhold', 0.4)) return [];
    if (vote.authority !== this.#index) return [frame];
    if (this.#inSecondHalf(to)) {
      const other = vote.blockId === null ? this.#someBlock(vote.height)?.id : null;
      if (other === undefined || !this.#does('two votes', 0.8)) return [frame];
      const lie = this.#signVote({ ...vote, blockId: other });
      // To some of them both, in an order of our choice.
      return this.#chance.chance(0.3) ? [lie, frame] : [lie];
    }
    return [frame];
  }

  #proposal(frame: Uint8Array, to: SimConnection): Uint8Array[] {
    const message = read(frame);
    if (message.type !== 'PRP') return [frame];
    const proposal = decodeProposal(message.proposal, this.#genesisId);
    this.#noteBlock(proposal.block);
    if (this.#does('withhold', 0.4)) return [];
    const own = (proposal.height + proposal.round) % this.#authorities === this.#index;
    const frames = own ? this.#ownProposal(frame, proposal, to) : [frame];
    return this.#does('forget the lock', 0.8) ? [...frames, ...this.#votesFor(proposal)] : frames;
  }

  #ownProposal(frame: Uint8Array, proposal: Proposal, to: SimConnection): Uint8Array[] {
    if (proposal.validRound !== null) return [frame];
    const { block } = proposal;
    if (this.#does('wrong root', 0.5)) {
      return [this.#double(proposal, 'root', { ...block.header, hashState: 'ab'.repeat(32) })];
    }
    if (this.#does('invalid transaction', 0.5)) return [this.#withInvalidTransaction(proposal)];
    if (this.#inSecondHalf(to) && this.#does('two proposals', 1)) {
      const lie = this.#double(proposal, 'data', { ...block.header, data: Uint8Array.of(1, 2, 3) });
      return this.#chance.chance(0.3) ? [lie, frame] : [lie];
    }
    return [frame];
  }

  /** The same proposal with another block, the same one each time it is asked for. */
  #double(
    proposal: Proposal,
    kind: string,
    header: Header,
    transactions = proposal.block.transactions,
  ): Uint8Array {
    const name = `${kind} ${proposal.round} ${proposal.block.id}`;
    const known = this.#doubles.get(name);
    if (known !== undefined) return known;
    const miningHash = miningHashOf(header);
    const nonce = seekNonce(miningHash, header.difficulty, 0, Number.MAX_SAFE_INTEGER) ?? 0;
    const seal = this.#key.sign(sealBytes(blockIdOf(nonce, miningHash), this.#genesisId));
    const block = assembleBlock(header, nonce, seal, transactions);
    this.#noteBlock(block);
    const { height, round, validRound } = proposal;
    const signed = proposalBytes({ height, round, validRound, blockId: block.id }, this.#genesisId);
    const { wire } = encodeProposal({ height, round, validRound, block }, this.#key.sign(signed));
    const frame = encodeFrame({ type: 'PRP', proposal: wire });
    this.#doubles.set(name, frame);
    return frame;
  }

  #withInvalidTransaction(proposal: Proposal): Uint8Array {
    const payload = encodePayload({
      kind: 0,
      from: this.#key.address,
      nonce: 0,
      to: this.#key.address,
      amount: Number.MAX_SAFE_INTEGER,
      fee: 1_000,
      data: null,
      time: proposal.block.header.time,
      publicKey: this.#key.publicKey,
    });
    const signature = this.#key.sign(signedTransactionBytes(payload, this.#genesisId));
    const invalid = decodeTransaction(encodeTransaction(payload, signature), this.#genesisId);
    const transactions = [...proposal.block.transactions, invalid];
    const header = { ...proposal.block.header, hashTxns: hashTxnsOf(transactions) };
    return this.#double(proposal, 'transaction', header, transactions);
  }

  /** Prevotes and precommits whatever is proposed. */
  #votesFor({ height, round, block }: Proposal): Uint8Array[] {
    return [PREVOTE, PRECOMMIT].map((type) =>
      this.#signVote({ height, round, type: type as VoteContent['type'], blockId: block.id }),
    );
  }

  #farAhead(): Uint8Array {
    const height = (this.#blocks.at(-1)?.header.number ?? 2) + this.#chance.pick([0, 0, 1, 2, 1_000]);
    const round = this.#chance.pick([0, 1, 2, 7, 1_000, 2 ** 30]);
    const blockId = this.#chance.chance(0.5) ? null : (this.#someBlock(height)?.id ?? null);
    if (this.#chance.chance(0.7)) return this.#signVote({ height, round, type: PREVOTE, blockId });
    const claim = { request_id: 0, block_number: height + 1_000, block_id: 'cd'.repeat(32) };
    return encodeFrame({ type: 'BLH', ...claim });
  }

  #falseBlocks(frame: Uint8Array): Uint8Array {
    const message = read(frame);
    if (message.type === 'BLK') {
      const part = this.#chance.pick(['block', 'certificate'] as const);
      return encodeFrame({ ...message, [part]: this.#spoilt(message[part]) });
    }
    if (message.type === 'GLK') return encodeFrame({ ...message, block: this.#spoilt(message.block) });
    if (message.type !== 'ABL') return frame;
    const blocks = message.blocks.map(([block, certificate], index) => {
      if (index !== message.blocks.length - 1) return [block, certificate] as [Uint8Array, Uint8Array | null];
      return (
        this.#chance.chance(0.5)
          ? [this.#spoilt(block), certificate]
          : [block, certificate && this.#spoilt(certificate)]
      ) as [Uint8Array, Uint8Array | null];
    });
    return encodeFrame({ ...message, blocks });
  }

  #falseSnapshot(frame: Uint8Array): Uint8Array[] {
    const message = read(frame);
    // Says nothing at all, or that it has nothing.
    if (message.type !== 'BLH' && this.#chance.chance(0.2)) return [];
    switch (message.type) {
      case 'BLH':
        return [encodeFrame({ ...message, snapshot: this.#chance.pick([2, message.block_number, 2 ** 30]) })];
      case 'ASN': {
        const { header, certificate } = message;
        if (header === null || certificate === null) return [frame];
        return [
          encodeFrame(
            this.#chance.pick([
              { ...message, header: this.#spoilt(header) },
              { ...message, certificate: this.#spoilt(certificate) },
              { ...message, header: null, certificate: null },
            ]),
          ),
        ];
      }
      case 'ASP': {
        if (message.subtrees !== null)
          return [encodeFrame({ ...message, subtrees: this.#spoilt(message.subtrees) })];
        return message.accounts === null
          ? [frame]
          : [this.#falsePart(message, decodeAccounts(message.accounts))];
      }
      default:
        return [frame];
    }
  }

  #falsePart(message: MessageOf<'ASP'>, entries: readonly AccountEntry[]): Uint8Array {
    const [first, ...others] = entries;
    if (first === undefined) return encodeFrame(message);
    const richer = { ...first.account, balance: first.account.balance + 1 };
    const accounts = this.#chance.pick<() => Uint8Array>([
      () => encodeAccounts([{ ...first, account: richer }, ...others]),
      () => encodeAccounts(entries.map((entry) => ({ ...entry, publicKey: null }))),
      () => encodeAccounts(entries.map((entry) => ({ ...entry, publicKey: this.#key.publicKey }))),
      () => encodeAccounts(others),
      () => encodeAccounts([first, ...entries]),
      () => encodeAccounts(entries.toReversed()),
      () => this.#spoilt(encodeAccounts(entries)),
    ])();
    return encodeFrame({ ...message, accounts });
  }

  #spoilt(bytes: Uint8Array): Uint8Array {
    const copy = bytes.slice();
    const at = this.#chance.below(copy.length);
    copy[at] = (copy[at] ?? 0) ^ (1 << this.#chance.below(8));
    return copy;
  }

  #garbled(frame: Uint8Array): Uint8Array {
    return this.#chance.chance(0.5) ? this.#spoilt(frame) : this.#chance.bytes(1 + this.#chance.below(64));
  }

  #signVote(vote: VoteContent): Uint8Array {
    const signature = this.#key.sign(voteBytes(vote, this.#genesisId));
    const { wire }: Vote = encodeVote(vote, this.#index, signature);
    return encodeFrame({ type: 'VOT', vote: wire });
  }

  #someBlock(height: number): Block | undefined {
    const blocks = this.#blocks.filter(({ header }) => header.number === height);
    return blocks.length === 0 ? undefined : this.#chance.pick(blocks);
  }

  #noteBlock(block: Block): void {
    if (this.#blocks.some(({ id }) => id === block.id)) return;
    this.#blocks.push(block);
    if (this.#blocks.length > 8) this.#blocks.shift();
  }

  #remember(frame: Uint8Array): void {
    if (this.#old.length < MAX_REPLAYS) this.#old.push(frame);
    else this.#old[this.#chance.below(MAX_REPLAYS)] = frame;
  }

  /** By the peer, so that the same ones are told the same story. */
  #inSecondHalf(to: SimConnection): boolean {
    return Number(to.remote.host.split('.').at(-1)) % 2 === 0;
  }

  #tries(trick: Trick, probability: number): boolean {
    return this.tricks.has(trick) && this.#chance.chance(probability);
  }

  /** To be asked last: if it does, it is done. */
  #does(trick: Trick, probability: number): boolean {
    const does = this.#tries(trick, probability);
    if (does) this.counts[trick] = (this.counts[trick] ?? 0) + 1;
    return does;
  }

  /** It is a lie only if it is not what would have left anyway. */
  #counted(trick: Trick, truth: Uint8Array, lies: Uint8Array[]): Uint8Array[] {
    const [lie] = lies;
    if (lie === undefined || !equalBytes(lie, truth)) this.counts[trick] = (this.counts[trick] ?? 0) + 1;
    return lies;
  }

  #plain(...frames: readonly Uint8Array[]): Outgoing[] {
    return frames.map((frame) => ({ frame, delayMs: AT_ONCE }));
  }
}

function read(frame: Uint8Array): Message {
  const reader = new FrameReader();
  reader.maxFrameBytes = MAX_FRAME_BYTES;
  reader.push(frame);
  const whole = reader.next();
  if (whole === undefined) throw new Error('a node sent half a frame');
  return decodeBody(whole.type, whole.body);
}
