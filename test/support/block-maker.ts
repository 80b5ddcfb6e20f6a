/**
 * Makes blocks, certificates, proposals and votes with the keys of the tests, sound ones or spoilt ones, on a chain of
 * its own that a node can be started on.
 */
import { rulesOf } from '../../src/ledger/rules.js';
import { Chain, type Draft } from '../../src/node/chain.js';
import { inlineWorker } from '../../src/node/inline-worker.js';
import type { NodePorts } from '../../src/node/node-options.js';
import { type Opened, openStores } from '../../src/node/open-stores.js';
import { SignatureCache } from '../../src/node/signature-cache.js';
import {
  assembleBlock,
  type Block,
  type Header,
  hashTxnsOf,
  MAX_BLOCK_BYTES,
  miningHashOf,
  sealBytes,
} from '../../src/protocol/block.js';
import type { Hash } from '../../src/protocol/bytes.js';
import { type Certificate, encodeCertificate } from '../../src/protocol/certificate.js';
import { sign } from '../../src/protocol/keys.js';
import { blockIdOf } from '../../src/protocol/proof-of-work.js';
import type { Account } from '../../src/protocol/state.js';
import type { StateTree } from '../../src/protocol/state-tree.js';
import {
  decodeTransaction,
  encodePayload,
  encodeTransaction,
  type Payload,
  signedTransactionBytes,
  type Transaction,
} from '../../src/protocol/transaction.js';
import {
  encodeProposal,
  encodeVote,
  PRECOMMIT,
  type Proposal,
  proposalBytes,
  type Vote,
  type VoteContent,
  voteBytes,
} from '../../src/protocol/vote.js';
import { MemoryStore } from '../../src/storage/memory-store.js';
import { TEST_KEYS, type TestGenesis, type TestKey } from './genesis.js';

export interface BlockWishes {
  readonly miner: TestKey;
  readonly transactions?: readonly Transaction[];
  /** Coins that the miner takes beyond its reward, with a state root to match. */
  readonly extraReward?: number;
  /** Whatever else the header is to say. */
  readonly header?: Partial<Header>;
}

export class BlockMaker {
  readonly chain: Chain;
  readonly tree: StateTree;
  readonly stores: { readonly chain: MemoryStore; readonly signerRecord: MemoryStore };
  readonly #genesisId: Uint8Array;

  private constructor(chain: Chain, opened: Opened, stores: BlockMaker['stores']) {
    this.chain = chain;
    this.tree = opened.tree;
    this.stores = stores;
    this.#genesisId = chain.rules.genesisId;
  }

  static async on(genesis: TestGenesis): Promise<BlockMaker> {
    const stores = { chain: new MemoryStore(), signerRecord: new MemoryStore() };
    const opened = await openStores(stores as unknown as NodePorts, genesis.wire);
    const rules = rulesOf(opened.genesis, genesis.id);
    const parts = { ...opened, rules, worker: inlineWorker(), verified: new SignatureCache() };
    return new BlockMaker(new Chain(parts, () => {}), opened, stores);
  }

  /** The authority that leads (height, round). */
  leader(height: number, round = 0): TestKey {
    const { authorities } = this.chain;
    const address = authorities.list[(height + round) % authorities.size]?.address;
    const key = TEST_KEYS.find((each) => each.address === address);
    if (key === undefined) throw new Error('an authority without a key of the tests');
    return key;
  }

  transfer(from: TestKey, wishes: Partial<Payload> & Pick<Payload, 'nonce'>, signer = from): Transaction {
    const payload = encodePayload({
      kind: 0,
      from: from.address,
      to: from.address,
      amount: 1,
      fee: 0,
      data: null,
      time: 0,
      publicKey: wishes.nonce === 0 ? from.publicKey : null,
      ...wishes,
    });
    const signature = sign(signer.privateKey, signedTransactionBytes(payload, this.#genesisId));
    return decodeTransaction(encodeTransaction(payload, signature), this.#genesisId);
  }

  /** The next block, sealed by its miner. */
  block({ miner, transactions = [], extraReward = 0, header }: BlockWishes): Block {
    const { chain } = this;
    const draft = chain.draft(transactions, miner.address, MAX_BLOCK_BYTES);
    if (draft.transactions.length !== transactions.length) throw new Error('not all transactions apply');
    const parent = chain.head;
    const whole: Header = {
      number: parent.header.number + 1,
      time: parent.header.time + 1,
      hashParent: parent.id,
      hashState: this.#rootWith(draft, miner, extraReward),
      hashTxns: hashTxnsOf(transactions),
      hashAuthorities: chain.authorities.hash,
      coinbase: miner.address,
      reward: draft.execution.reward + extraReward,
      difficulty: 0,
      data: null,
      ...header,
    };
    draft.update.discard();
    const id = blockIdOf(0, miningHashOf(whole));
    return assembleBlock(whole, 0, sign(miner.privateKey, sealBytes(id, this.#genesisId)), transactions);
  }

  /** Adds a sound block with its certificate to the chain. */
  async add(wishes: BlockWishes): Promise<{ readonly block: Block; readonly certificate: Certificate }> {
    const block = this.block(wishes);
    const certificate = this.certificate(block);
    const error = await this.chain.applyCertified(block.wire, certificate.wire);
    if (error !== null) throw error;
    return { block, certificate };
  }

  /** The precommits of all authorities. */
  certificate(block: Block, round = 0): Certificate {
    const content: VoteContent = { height: block.header.number, round, type: PRECOMMIT, blockId: block.id };
    const signatures = this.chain.authorities.list.map(({ address }, authority) => {
      const key = TEST_KEYS.find((each) => each.address === address) as TestKey;
      return { authority, signature: sign(key.privateKey, voteBytes(content, this.#genesisId)) };
    });
    return encodeCertificate(round, signatures);
  }

  proposal(block: Block, proposer: TestKey, round = 0): Proposal {
    const height = block.header.number;
    const bytes = proposalBytes({ height, round, validRound: null, blockId: block.id }, this.#genesisId);
    return encodeProposal({ height, round, validRound: null, block }, sign(proposer.privateKey, bytes));
  }

  vote(voter: TestKey, content: Omit<VoteContent, 'height'> & { readonly blockId: Hash | null }): Vote {
    const whole = { ...content, height: this.chain.head.header.number + 1 };
    const authority = this.chain.authorities.indexOf(voter.address);
    if (authority === undefined) throw new Error('only authorities vote');
    return encodeVote(whole, authority, sign(voter.privateKey, voteBytes(whole, this.#genesisId)));
  }

  #rootWith({ execution, update }: Draft, miner: TestKey, extraReward: number): Hash {
    if (extraReward === 0) return update.root;
    const changes = new Map(execution.changes);
    const account = changes.get(miner.address) as Account;
    changes.set(miner.address, { ...account, balance: account.balance + extraReward });
    const greedy = this.tree.update(changes);
    greedy.discard();
    return greedy.root;
  }
}
