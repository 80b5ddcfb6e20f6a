/** Chains made in this process by the node's own code, for the rows that need one to begin with. */
import { signerOf } from '../../src/keys/signer.js';
import { rulesOf } from '../../src/ledger/rules.js';
import { Chain, type Draft } from '../../src/node/chain.js';
import { inlineWorker } from '../../src/node/inline-worker.js';
import { SignatureCache } from '../../src/node/signature-cache.js';
import type { Store } from '../../src/ports/store.js';
import {
  assembleBlock,
  type Block,
  blockIdOf,
  type Header,
  hashTxnsOf,
  MAX_BLOCK_BYTES,
  miningHashOf,
  sealBytes,
} from '../../src/protocol/block.js';
import { type Address, fromHex } from '../../src/protocol/bytes.js';
import { type Certificate, encodeCertificate } from '../../src/protocol/certificate.js';
import { authoritiesOf, type Genesis } from '../../src/protocol/genesis.js';
import type { Account } from '../../src/protocol/state.js';
import { StateTree } from '../../src/protocol/state-tree.js';
import { decodeTransaction, type Transaction } from '../../src/protocol/transaction.js';
import { PRECOMMIT, voteBytes } from '../../src/protocol/vote.js';
import { ChainStore } from '../../src/storage/chain-store.js';
import type { World } from './world.js';

/** A chain on `store`, begun with genesis and, beside what that founds, `further` accounts. */
export async function beginChain(
  store: Store,
  { config, block, accounts, supply }: Genesis,
  further: ReadonlyMap<Address, Account> = new Map(),
): Promise<Chain> {
  const changes = new Map([...accounts, ...further]);
  const chainStore = await ChainStore.initialise(store, { block, changes, supply });
  return new Chain(
    {
      rules: rulesOf(config, block.id),
      authorities: authoritiesOf(config),
      store: chainStore,
      tree: StateTree.build(changes),
      worker: inlineWorker(),
      verified: new SignatureCache(),
      head: block,
    },
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
  { validators, genesis }: World,
  wires: readonly Uint8Array[],
  perBlock: number,
): Promise<void> {
  const genesisId = fromHex(genesis.block.id);
  const [miner] = validators;
  if (miner === undefined) throw new Error('a network without a validator');
  for (let at = 0; at < wires.length; at += perBlock) {
    const transactions = wires.slice(at, at + perBlock).map((wire) => decodeTransaction(wire, genesisId));
    const block = await addBlock(chain, transactions, miner.address, (id) =>
      signerOf(miner).sign(sealBytes(id, genesisId)),
    );
    await chain.commit(block, await certificateOf(chain, block, validators, genesisId));
  }
}

async function addBlock(
  chain: Chain,
  transactions: readonly Transaction[],
  coinbase: Address,
  seal: (id: string) => Promise<Uint8Array>,
): Promise<Block> {
  const draft = chain.draft(transactions, coinbase, MAX_BLOCK_BYTES);
  if (draft.transactions.length !== transactions.length)
    throw new Error(`a block takes ${draft.transactions.length} of ${transactions.length} transfers`);
  const header = headerOf(chain, draft, coinbase);
  const block = assembleBlock(header, 0, await seal(blockIdOf(0, miningHashOf(header))), transactions);
  chain.adopt(block, draft);
  return block;
}

async function certificateOf(
  chain: Chain,
  { header, id }: Block,
  validators: World['validators'],
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
  return encodeCertificate(0, signatures);
}
