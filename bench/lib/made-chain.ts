/** Chains made in this process by the node's own code, for the rows that need one to begin with. */
import { signerOf } from '../../src/keys/signer.js';
import { rulesOf } from '../../src/ledger/rules.js';
import { Chain, type Draft } from '../../src/node/chain.js';
import { inlineWorker } from '../../src/node/inline-worker.js';
import { openChain } from '../../src/node/open-stores.js';
import { SignatureCache } from '../../src/node/signature-cache.js';
import type { Files } from '../../src/ports/files.js';
import type { Store } from '../../src/ports/store.js';
import {
  assembleBlock,
  type Block,
  type Header,
  hashTxnsOf,
  MAX_BLOCK_BYTES,
  miningHashOf,
  sealBytes,
} from '../../src/protocol/block.js';
import { type Address, fromHex } from '../../src/protocol/bytes.js';
import { type Certificate, encodeCertificate } from '../../src/protocol/certificate.js';
import type { Genesis } from '../../src/protocol/genesis.js';
import { blockIdOf } from '../../src/protocol/proof-of-work.js';
import { decodeTransaction, type Transaction } from '../../src/protocol/transaction.js';
import { PRECOMMIT, voteBytes } from '../../src/protocol/vote.js';
import type { World } from './world.js';

/** The chain on `store`; begun with genesis if there is none. `files` may have a copy of its state tree. */
export async function beginChain(store: Store, { config, block }: Genesis, files?: Files): Promise<Chain> {
  const opened = await openChain(store, block.wire, files);
  return new Chain(
    { ...opened, rules: rulesOf(config, block.id), worker: inlineWorker(), verified: new SignatureCache() },
    () => {},
  );
}

/** The header of the block that `draft` executed, one second after its parent. */
export function headerOf(chain: Chain, draft: Draft, coinbase: Address): Header {
  return {
    number: draft.parent.header.number + 1,
    time: draft.parent.header.time + 1_000,
    hashParent: draft.parent.id,
    hashState: draft.update.root,
    hashTxns: hashTxnsOf(draft.transactions),
    hashAuthorities: chain.authorities.hash,
    coinbase,
    reward: draft.execution.reward,
    difficulty: 0,
    data: null,
  };
}

/** Adds blocks of `perBlock` transfers each, sealed and certified as consensus would have left them. */
export async function extendChain(
  chain: Chain,
  world: World,
  wires: readonly Uint8Array[],
  perBlock: number,
): Promise<void> {
  for (let at = 0; at < wires.length; at += perBlock)
    await addBlock(chain, world, wires.slice(at, at + perBlock));
}

/** Adds one block with these transfers, checked whole: signatures, seal, execution, roots. */
export async function addBlock(chain: Chain, world: World, wires: readonly Uint8Array[]): Promise<void> {
  const genesisId = fromHex(world.genesis.block.id);
  const transactions = wires.map((wire) => decodeTransaction(wire, genesisId));
  const block = await sealedBlock(chain, world, transactions, genesisId);
  await chain.commit(block, await certificateOf(chain, block, world, genesisId));
}

async function sealedBlock(
  chain: Chain,
  { validators: [miner] }: World,
  transactions: readonly Transaction[],
  genesisId: Uint8Array,
): Promise<Block> {
  if (miner === undefined) throw new Error('a network without a validator');
  const draft = chain.draft(transactions, miner.address, MAX_BLOCK_BYTES);
  const header = headerOf(chain, draft, miner.address);
  draft.update.discard();
  if (draft.transactions.length !== transactions.length)
    throw new Error(`a block takes ${draft.transactions.length} of ${transactions.length} transfers`);
  const seal = await signerOf(miner).sign(sealBytes(blockIdOf(0, miningHashOf(header)), genesisId));
  return assembleBlock(header, 0, seal, transactions);
}

async function certificateOf(
  chain: Chain,
  { header, id }: Block,
  { validators }: World,
  genesisId: Uint8Array,
): Promise<Certificate> {
  const { authorities } = chain;
  const message = voteBytes({ height: header.number, round: 0, type: PRECOMMIT, blockId: id }, genesisId);
  const voters = validators.slice(0, authorities.quorum);
  const signatures = await Promise.all(
    voters.map(async (voter) => ({
      authority: authorities.indexOf(voter.address) ?? -1,
      signature: await signerOf(voter).sign(message),
    })),
  );
  signatures.sort((a, b) => a.authority - b.authority);
  return encodeCertificate(0, signatures);
}
