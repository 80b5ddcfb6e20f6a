/** An authority that lies by the script: what it says of the story's height is retold, by receiver, on its way out. */
import { assembleBlock, type Block, miningHashOf, sealBytes } from '../../../src/protocol/block.js';
import { encodeFrame } from '../../../src/protocol/frame.js';
import { blockIdOf } from '../../../src/protocol/proof-of-work.js';
import {
  encodeProposal,
  encodeVote,
  type Proposal,
  proposalBytes,
  type Vote,
  voteBytes,
} from '../../../src/protocol/vote.js';
import { frameType, type Outgoing, type SimConnection } from '../internet.js';
import type { SimKey } from '../keys.js';
import type { Deceit, Machine } from '../machine.js';
import { messagesIn, signerIndexOf } from '../spoken.js';

/** The block that is named instead, null for nil; undefined to say it as it is. */
export type Retelling = (message: Vote | Proposal, to: string) => Block | null | undefined;

export class FalseTongue implements Deceit {
  readonly counts = {};
  readonly #machine: Machine;
  readonly #genesisId: Uint8Array;
  readonly #retelling: Retelling;

  constructor(machine: Machine, genesisId: Uint8Array, retelling: Retelling) {
    this.#machine = machine;
    this.#genesisId = genesisId;
    this.#retelling = retelling;
  }

  outgoing(frame: Uint8Array, to: SimConnection): readonly Outgoing[] {
    return [{ frame: this.#retold(frame, to.remote.host) ?? frame, delayMs: 0 }];
  }

  #retold(frame: Uint8Array, to: string): Uint8Array | undefined {
    if (frameType(frame) === 'ADR') return undefined;
    const [message] = messagesIn(frame, this.#genesisId);
    if (message === undefined || !this.#isOwn(message)) return undefined;
    const block = this.#retelling(message, to);
    if (block === undefined) return undefined;
    const { key, index } = this.#machine;
    if ('block' in message) {
      if (block === null) return undefined;
      const { height, round, validRound } = message;
      const signed = proposalBytes({ height, round, validRound, blockId: block.id }, this.#genesisId);
      const { wire } = encodeProposal({ height, round, validRound, block }, key.sign(signed));
      return encodeFrame({ type: 'PRP', proposal: wire });
    }
    const { height, round, type } = message;
    const content = { height, round, type, blockId: block?.id ?? null };
    const { wire } = encodeVote(content, index, key.sign(voteBytes(content, this.#genesisId)));
    return encodeFrame({ type: 'VOT', vote: wire });
  }

  #isOwn(message: Vote | Proposal): boolean {
    return signerIndexOf(message, this.#machine.peers.length + 1) === this.#machine.index;
  }
}

/** Another block of the same miner, on the same parent, and as good. */
export function twinOf({ header, transactions }: Block, { sign }: SimKey, genesisId: Uint8Array): Block {
  const other = { ...header, data: Uint8Array.of(2) };
  const id = blockIdOf(0, miningHashOf(other));
  return assembleBlock(other, 0, sign(sealBytes(id, genesisId)), transactions);
}
