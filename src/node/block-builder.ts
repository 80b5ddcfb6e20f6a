/** Builds the leader's block on the head: transactions, header, proof of work, seal (section 5). */

import type { Mempool } from '../mempool/mempool.js';
import type { Clock } from '../ports/clock.js';
import type { Random } from '../ports/random.js';
import type { Signer } from '../ports/signer.js';
import type { Worker } from '../ports/worker.js';
import {
  assembleBlock,
  type Block,
  type Header,
  hashTxnsOf,
  MAX_BLOCK_BYTES,
  miningHashOf,
  sealBytes,
} from '../protocol/block.js';
import { type Hash, utf8 } from '../protocol/bytes.js';
import type { GenesisConfig, Placeholder } from '../protocol/genesis.js';
import { blockIdOf } from '../protocol/proof-of-work.js';
import type { Transaction } from '../protocol/transaction.js';
import type { Chain } from './chain.js';

export interface BuilderParts {
  readonly chain: Chain;
  readonly mempool: Mempool;
  readonly clock: Clock;
  readonly random: Random;
  readonly worker: Worker;
  readonly signer: Signer;
  readonly genesis: GenesisConfig;
}

/**
 * A sealed block on the head, or null if the head moved or `signal` was aborted meanwhile.
 * @param mined is told the block's id before it is sealed
 */
export async function buildBlock(
  parts: BuilderParts,
  height: number,
  signal: AbortSignal,
  mined: (id: Hash) => void,
): Promise<Block | null> {
  const { chain, mempool, clock, random, signer, genesis } = parts;
  const parent = chain.head;
  if (parent.header.number + 1 !== height) return null;

  const draft = chain.draft(mempool.candidates(), signer.address, MAX_BLOCK_BYTES);
  const { transactions, execution, refused } = draft;
  for (const { transaction, error } of refused)
    mempool.dropInvalid(transaction.id, error.message, clock.now());
  const header: Header = {
    number: height,
    time: Math.max(clock.now(), parent.header.time + 1),
    hashParent: parent.id,
    hashState: draft.update.root,
    hashTxns: hashTxnsOf(transactions),
    hashAuthorities: chain.authorities.hash,
    coinbase: signer.address,
    reward: execution.reward,
    difficulty: genesis.block_mining.difficulty,
    data: placeholderData(genesis.block_mining.placeholder_data, random),
  };

  const block = await seal(parts, header, transactions, signal, mined);
  if (block === null) draft.update.discard();
  else chain.adopt(block, draft);
  return block;
}

async function seal(
  { chain, worker, signer }: BuilderParts,
  header: Header,
  transactions: readonly Transaction[],
  signal: AbortSignal,
  mined: (id: Hash) => void,
): Promise<Block | null> {
  const miningHash = miningHashOf(header);
  const nonce = await worker.seekNonce(miningHash, header.difficulty, signal);
  if (nonce === undefined) return null;
  const id = blockIdOf(nonce, miningHash);
  // Told first: a proposal is signed in another thread then, while the seal holds up this one.
  mined(id);
  const signature = await signer.sign(sealBytes(id, chain.rules.genesisId));
  return signal.aborted ? null : assembleBlock(header, nonce, signature, transactions);
}

/** What goes into `data` where nobody gave any: n random bytes, or a text fixed by genesis. */
export function placeholderData([kind, value]: Placeholder, random: Random): Uint8Array | null {
  const bytes = kind === 'rnd' ? random.bytes(value) : utf8(value);
  return bytes.length === 0 ? null : bytes;
}
