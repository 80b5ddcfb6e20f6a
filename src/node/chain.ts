/**
 * The chain as one node has it: its head, the state of the head, and the only way in for a block. Blocks are checked and
 * executed beside the head, without touching it; one is then committed, durably, and the others thrown away.
 */
import { blockSignatureChecks, checkBlock, checkExecution } from '../ledger/check-block.js';
import { type Execution, executeBlock, type Selection, selectTransactions } from '../ledger/execute.js';
import type { LedgerRules } from '../ledger/rules.js';
import type { StateReader } from '../ledger/state-reader.js';
import type { Worker } from '../ports/worker.js';
import type { AuthoritySet } from '../protocol/authorities.js';
import { type Block, decodeBlock, type Header } from '../protocol/block.js';
import { type Address, equalBytes, type Hash } from '../protocol/bytes.js';
import { type Certificate, certificateChecks, decodeCertificate } from '../protocol/certificate.js';
import { ProtocolError } from '../protocol/errors.js';
import type { Account } from '../protocol/state.js';
import type { StateTree, TreeUpdate } from '../protocol/state-tree.js';
import type { Transaction } from '../protocol/transaction.js';
import type { ChainStore } from '../storage/chain-store.js';
import type { SignatureCache } from './signature-cache.js';

/** Blocks checked on one head and kept until it moves; a liar that leads rounds can cause no more. */
const MAX_PREPARED = 32;

export interface Head {
  readonly id: Hash;
  readonly header: Header;
}

/** A block executed on the head, ready to be committed. */
interface Prepared {
  /** The block's wire form: its id covers neither the seal nor, before hash_txns is compared, the transactions. */
  readonly wire: Uint8Array;
  readonly execution: Execution;
  readonly update: TreeUpdate;
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
  readonly #onCommit: (committed: Committed) => void;
  #head: Head;
  #prepared = new Map<Hash, Prepared>();
  /** The end of the queue of those that move the head: consensus and sync may both want to. */
  #moving: Promise<unknown> = Promise.resolve();

  constructor(
    parts: {
      readonly rules: LedgerRules;
      readonly authorities: AuthoritySet;
      readonly store: ChainStore;
      readonly tree: StateTree;
      readonly worker: Worker;
      readonly verified: SignatureCache;
      readonly head: Head;
    },
    onCommit: (committed: Committed) => void,
  ) {
    this.rules = parts.rules;
    this.authorities = parts.authorities;
    this.#store = parts.store;
    this.#tree = parts.tree;
    this.#worker = parts.worker;
    this.#verified = parts.verified;
    this.#head = parts.head;
    this.#onCommit = onCommit;
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
    return { ...selection, parent: this.#head, update: this.#tree.update(selection.execution.changes) };
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
      if (block.header.number <= this.#head.header.number) return;
      const error = await this.validate(block);
      if (error !== null)
        throw new Error(`a decided block is invalid: ${error?.message ?? 'the head moved'}`);
      await this.#apply(block, certificate, false);
    });
  }

  /**
   * Checks a certified block that a peer gave, and applies it if it is the next one: null if it is good (or applied
   * already), else why not.
   */
  applyCertified(blockBytes: Uint8Array, certificateBytes: Uint8Array): Promise<ProtocolError | null> {
    return this.#exclusively(async () => {
      try {
        const block = decodeBlock(blockBytes, this.rules.genesisId);
        if (block.header.number <= this.#head.header.number) return null;
        const certificate = decodeCertificate(certificateBytes);
        const checks = certificateChecks(
          certificate,
          { height: block.header.number, id: block.id },
          this.authorities,
          this.rules.genesisId,
        );
        // The certificate first: it is a few checks, and without it the block's thousands are not worth doing.
        const proven = await this.#worker.verify(checks);
        if (!proven.every(Boolean))
          return new ProtocolError('BAD_CERTIFICATE', 'a signature of the certificate is bad');
        const error = await this.validate(block);
        if (error === undefined) throw new Error('the head moved while it was held');
        if (error !== null) return error;
        await this.#apply(block, certificate, true);
        return null;
      } catch (error) {
        if (error instanceof ProtocolError) return error;
        throw error;
      }
    });
  }

  /** Waits until nothing is being applied. */
  async settled(): Promise<void> {
    await this.#moving;
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
    const update = this.#tree.update(execution.changes);
    const error = checkExecution(block, execution, update.root);
    if (error !== null || this.#prepared.size >= MAX_PREPARED) {
      update.discard();
      return error;
    }
    this.#prepared.set(block.id, { wire: block.wire, execution, update });
    return null;
  }

  async #apply(block: Block, certificate: Certificate, synced: boolean): Promise<void> {
    const prepared = this.#prepared.get(block.id) ?? this.#executeAgain(block);
    const { execution, update } = prepared;
    await this.#store.commit({
      block,
      certificate,
      changes: execution.changes,
      newKeys: execution.newKeys,
      supply: execution.supply,
    });
    update.commit();
    for (const other of this.#prepared.values()) if (other !== prepared) other.update.discard();
    this.#prepared = new Map();
    this.#head = block;
    this.#onCommit({ block, certificate, changes: execution.changes, synced });
  }

  /** For a valid block that found no room among the prepared ones. */
  #executeAgain(block: Block): Prepared {
    const execution = executeBlock(this, block.transactions, block.header.coinbase, this.rules);
    if (execution instanceof ProtocolError) throw execution;
    return { wire: block.wire, execution, update: this.#tree.update(execution.changes) };
  }
}
