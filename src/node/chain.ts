/**
 * The chain as one node has it: its head, the state of the head, and the only way in for a block. Blocks are checked and
 * executed beside the head, without touching it; one is then committed, durably, and the others thrown away. Certified
 * blocks of peers come in a row, by way of `BlockImport`.
 */
import { blockSignatureChecks, checkBlock, checkExecution } from '../ledger/check-block.js';
import { type Execution, executeBlock, type Selection, selectTransactions } from '../ledger/execute.js';
import type { LedgerRules } from '../ledger/rules.js';
import type { StateReader } from '../ledger/state-reader.js';
import type { Worker } from '../ports/worker.js';
import type { AuthoritySet } from '../protocol/authorities.js';
import type { Block, Header } from '../protocol/block.js';
import { type Address, equalBytes, type Hash } from '../protocol/bytes.js';
import type { Certificate } from '../protocol/certificate.js';
import { ProtocolError } from '../protocol/errors.js';
import type { Account } from '../protocol/state.js';
import type { StateTree, TreeUpdate } from '../protocol/state-tree.js';
import type { Transaction } from '../protocol/transaction.js';
import type { ChainStore } from '../storage/chain-store.js';
import { BlockImport, type ExecutedBlock, type ImportVerdict } from './block-import.js';
import { blockTrail } from './block-trail.js';
import type { Executed } from './pending-state.js';
import type { SignatureCache } from './signature-cache.js';

/** Blocks checked on one head and kept until it moves; a liar that leads rounds can cause no more. */
const MAX_PREPARED = 32;

export interface Head {
  readonly id: Hash;
  readonly header: Header;
}

/** A block executed on the head, ready to be committed. */
interface Prepared extends Executed {
  /** The block's wire form: its id covers neither the seal nor, before hash_txns is compared, the transactions. */
  readonly wire: Uint8Array;
}

/** A block in the making; to be adopted or its update discarded. */
export interface Draft extends Selection {
  readonly parent: Head;
  readonly update: TreeUpdate;
}

export interface Committed {
  readonly block: Block;
  readonly certificate: Certificate;
  /** Accounts that the block changed, with their new values. */
  readonly changes: ReadonlyMap<Address, Account>;
  /** Whether a peer gave it, certified; else consensus decided it here. */
  readonly synced: boolean;
}

export class Chain implements StateReader {
  readonly rules: LedgerRules;
  /** Constant in protocol version 1. */
  readonly authorities: AuthoritySet;
  readonly #store: ChainStore;
  readonly #tree: StateTree;
  readonly #worker: Worker;
  readonly #verified: SignatureCache;
  readonly #onCommit: (committed: readonly Committed[]) => void;
  readonly #import: BlockImport;
  #head: Head;
  #prepared = new Map<Hash, Prepared>();
  /** The end of the queue of blocks that consensus decided. */
  #moving: Promise<unknown> = Promise.resolve();

  /**
   * @param onCommit told of blocks that became final together, in their order; the head is the last of them then
   */
  constructor(
    parts: {
      readonly rules: LedgerRules;
      readonly authorities: AuthoritySet;
      readonly store: ChainStore;
      readonly tree: StateTree;
      readonly worker: Worker;
      readonly verified: SignatureCache;
      readonly head: Head;
      /** Called before blocks of peers are written; a rejection ends the node. */
      readonly checkDisk?: () => Promise<void>;
      /** Blocks of peers that are written together, if fewer than usual. */
      readonly maxWriteBlocks?: number;
    },
    onCommit: (committed: readonly Committed[]) => void,
  ) {
    this.rules = parts.rules;
    this.authorities = parts.authorities;
    this.#store = parts.store;
    this.#tree = parts.tree;
    this.#worker = parts.worker;
    this.#verified = parts.verified;
    this.#head = parts.head;
    this.#onCommit = onCommit;
    const { checkDisk } = parts;
    this.#import = new BlockImport(
      { ...parts, state: this },
      {
        head: () => this.#head,
        isVerified: this.#isVerified,
        commit: async (blocks) => {
          await checkDisk?.();
          await this.#append(blocks, true);
        },
      },
    );
  }

  get head(): Head {
    return this.#head;
  }

  get supply(): number {
    return this.#store.head.supply;
  }

  account(address: Address): Account | undefined {
    return this.#store.account(address);
  }

  expect(addresses: Iterable<Address>): void {
    this.#store.expect(addresses);
  }

  publicKey(address: Address): Uint8Array | undefined {
    return this.#store.publicKey(address);
  }

  /** Null if the block is valid on the head, and then it is ready to be committed; undefined if the head moved. */
  async validate(block: Block): Promise<ProtocolError | null | undefined> {
    const head = this.#head;
    if (this.#isPrepared(block)) return null;
    const error = checkBlock(block, head, this.authorities, this.rules);
    if (error !== null) return error;
    const checks = blockSignatureChecks(block, this, this.authorities, this.rules, this.#isVerified);
    if (checks instanceof ProtocolError) return checks;
    const good = await this.#worker.verify(checks);
    if (this.#head !== head) return undefined;
    if (!good.every(Boolean)) return new ProtocolError('BAD_SIGNATURE', 'a signature of the block is bad');
    this.#verified.addAll(block.transactions);
    return this.#prepare(block);
  }

  /** What a new block of ours on the head would hold and do: `candidates` in their order, what fails left out. */
  draft(candidates: Iterable<Transaction>, coinbase: Address, maxBytes: number): Draft {
    const selection = selectTransactions(this, candidates, coinbase, this.rules, maxBytes);
    const { transactions, execution } = selection;
    return { ...selection, parent: this.#head, update: this.#update(transactions, execution) };
  }

  /** Takes our own finished block as checked: it was built from `draft`, which is ours. */
  adopt(block: Block, draft: Draft): void {
    const { size } = this.#prepared;
    if (draft.parent !== this.#head || this.#prepared.has(block.id) || size >= MAX_PREPARED)
      draft.update.discard();
    else this.#prepared.set(block.id, { ...draft, wire: block.wire });
  }

  /**
   * Makes a block final that consensus decided. Resolves once it is durable and the head has moved; does nothing if the
   * block is applied already.
   */
  commit(block: Block, certificate: Certificate): Promise<void> {
    return this.#exclusively(async () => {
      if (this.#has(block)) return;
      await this.#import.pause();
      try {
        if (this.#has(block)) return;
        const error = await this.validate(block);
        if (error !== null)
          throw new Error(`a decided block is invalid: ${error?.message ?? 'the head moved'}`);
        await this.#apply(block, certificate);
      } finally {
        this.#import.resume();
      }
    });
  }

  /** Whether `applyCertified` may be called now with a block and certificate of so many bytes. */
  hasRoom(sizeBytes: number): boolean {
    return this.#import.hasRoom(sizeBytes);
  }

  /**
   * Checks a certified block that a peer gave, and applies it: null if it is good (or applied already), else why not.
   * The next ones may be handed in at once: verdicts come in order, and are undefined behind a bad block.
   * @throws Error if there is no room, or for a fault of our own
   */
  applyCertified(blockBytes: Uint8Array, certificateBytes: Uint8Array): Promise<ImportVerdict> {
    return this.#import.take(blockBytes, certificateBytes);
  }

  /** Waits until nothing is being applied. */
  async settled(): Promise<void> {
    await this.#moving;
    await this.#import.settled();
  }

  #has(block: Block): boolean {
    return block.header.number <= this.#head.header.number;
  }

  readonly #isVerified = (wireHash: Hash): boolean => this.#verified.has(wireHash);

  #exclusively<T>(move: () => Promise<T>): Promise<T> {
    const result = this.#moving.then(move);
    this.#moving = result.catch(() => undefined);
    return result;
  }

  #isPrepared(block: Block): boolean {
    const prepared = this.#prepared.get(block.id);
    return prepared !== undefined && equalBytes(prepared.wire, block.wire);
  }

  #prepare(block: Block): ProtocolError | null {
    // Of a checked block the transactions are those that its id names, so another seal changes nothing here.
    if (this.#prepared.has(block.id)) return null;
    const execution = executeBlock(this, block.transactions, block.header.coinbase, this.rules);
    if (execution instanceof ProtocolError) return execution;
    const update = this.#update(block.transactions, execution);
    const error = checkExecution(block, execution, update.root);
    if (error !== null || this.#prepared.size >= MAX_PREPARED) {
      update.discard();
      return error;
    }
    this.#prepared.set(block.id, { wire: block.wire, execution, update });
    return null;
  }

  #apply(block: Block, certificate: Certificate): Promise<void> {
    const { execution, update } = this.#prepared.get(block.id) ?? this.#executeAgain(block);
    return this.#append([{ block, certificate, execution, update }], false);
  }

  /** The one place where the head moves. */
  async #append(blocks: readonly ExecutedBlock[], synced: boolean): Promise<void> {
    await this.#store.commitAll(
      blocks.map(({ block, certificate, execution: { changes, newKeys, supply }, update }) => ({
        block,
        certificate,
        changes,
        newKeys,
        supply,
        update,
      })),
    );
    for (const { block } of blocks) this.#head = block;
    // Executed on the old head, all of them: those that were not committed are stale now.
    for (const { update } of this.#prepared.values()) update.discard();
    this.#prepared = new Map();
    this.#onCommit(
      blocks.map(({ block, certificate, execution: { changes } }) => ({
        block,
        certificate,
        changes,
        synced,
      })),
    );
  }

  /** For a valid block that found no room among the prepared ones. */
  #executeAgain(block: Block): Prepared {
    const execution = executeBlock(this, block.transactions, block.header.coinbase, this.rules);
    if (execution instanceof ProtocolError) throw execution;
    return { wire: block.wire, execution, update: this.#update(block.transactions, execution) };
  }

  /** The state tree after a block on the head. */
  #update(transactions: readonly Transaction[], { changes }: Execution): TreeUpdate {
    return this.#tree.update(changes, blockTrail(this.#head.header.number + 1, transactions));
  }
}
