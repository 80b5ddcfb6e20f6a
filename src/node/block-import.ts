/**
 * Takes certified blocks in their order, each on the one before, and lets the steps of neighbours overlap: `ImportLine`
 * says which step is due, and this carries it out. The chain's head moves only with a write that is durable; a bad block
 * leaves no trace, and those behind it are not judged.
 */
import { blockSignatureChecks, checkBlock, checkExecution } from '../ledger/check-block.js';
import { executeBlock } from '../ledger/execute.js';
import type { LedgerRules } from '../ledger/rules.js';
import type { StateReader } from '../ledger/state-reader.js';
import type { Worker } from '../ports/worker.js';
import type { AuthoritySet } from '../protocol/authorities.js';
import { type Block, decodeBlock } from '../protocol/block.js';
import type { Address, Hash } from '../protocol/bytes.js';
import { type Certificate, certificateChecks, decodeCertificate } from '../protocol/certificate.js';
import { ProtocolError } from '../protocol/errors.js';
import type { StateTree } from '../protocol/state-tree.js';
import { ImportLine, type Place, type Step } from './import-line.js';
import { type Executed, PendingState } from './pending-state.js';

/** Null if the block is part of the chain now; why it is bad; undefined if one before it was. */
export type ImportVerdict = ProtocolError | null | undefined;

export interface ExecutedBlock extends Executed {
  readonly block: Block;
  readonly certificate: Certificate;
}

export interface ImportParts {
  readonly rules: LedgerRules;
  readonly authorities: AuthoritySet;
  readonly worker: Worker;
  readonly tree: StateTree;
  /** The state of the head. */
  readonly state: StateReader;
  /** Blocks of one write, if fewer than usual. */
  readonly maxWriteBlocks?: number | undefined;
}

export interface ImportDependencies {
  head(): Pick<Block, 'id' | 'header'>;
  isVerified(wireHash: Hash): boolean;
  /** Makes them durable, all or none, and moves the head behind them. A rejection is a failure of our own. */
  commit(blocks: readonly ExecutedBlock[]): Promise<void>;
}

/** A block on its way through the line. */
interface Incoming {
  readonly blockBytes: Uint8Array;
  readonly certificateBytes: Uint8Array;
  readonly resolve: (verdict: ImportVerdict) => void;
  readonly reject: (error: unknown) => void;
  /** From the beginning of its check on. */
  decoded?: { readonly block: Block; readonly certificate: Certificate };
  /** Once it is executed. */
  executed?: ExecutedBlock;
}

export class BlockImport {
  readonly #parts: ImportParts;
  readonly #dependencies: ImportDependencies;
  readonly #line: ImportLine<Incoming>;
  readonly #pending: PendingState;
  /** Keys that blocks in the line carry: those behind may be checked with them before they are executed. */
  readonly #carried = new Map<Address, Uint8Array>();
  #failure: { readonly error: unknown } | undefined;
  #whenStill: (() => void)[] = [];
  #whenEmpty: (() => void)[] = [];

  constructor(parts: ImportParts, dependencies: ImportDependencies) {
    this.#parts = parts;
    this.#dependencies = dependencies;
    this.#line = new ImportLine(parts.maxWriteBlocks);
    this.#pending = new PendingState(parts.state, parts.tree);
  }

  /** Whether a block and certificate of so many bytes may be handed in now. */
  hasRoom(sizeBytes: number): boolean {
    return this.#line.hasRoom(sizeBytes);
  }

  /**
   * Hands in the block behind the last one handed in, or behind the head. Verdicts come in the same order.
   * @throws Error if there is no room, or the import has failed: a fault of our own
   */
  take(blockBytes: Uint8Array, certificateBytes: Uint8Array): Promise<ImportVerdict> {
    if (this.#failure !== undefined) return Promise.reject(this.#failure.error);
    return new Promise((resolve, reject) => {
      const incoming = { blockBytes, certificateBytes, resolve, reject };
      this.#line.add(incoming, blockBytes.length + certificateBytes.length);
      this.#proceed();
    });
  }

  /** Resolves when all that is begun has ended; nothing further begins until `resume`, so the head may be moved. */
  pause(): Promise<void> {
    this.#line.hold(true);
    return this.#line.isMoving ? new Promise((resolve) => this.#whenStill.push(resolve)) : Promise.resolve();
  }

  resume(): void {
    this.#line.hold(false);
    this.#proceed();
  }

  /** Resolves when no block is in the line. */
  settled(): Promise<void> {
    return this.#line.length > 0
      ? new Promise((resolve) => this.#whenEmpty.push(resolve))
      : Promise.resolve();
  }

  #proceed(): void {
    for (let step = this.#line.next(); step !== undefined; step = this.#line.next()) this.#carryOut(step);
    if (!this.#line.isMoving) for (const resolve of this.#whenStill.splice(0)) resolve();
    if (this.#line.length > 0) return;
    this.#carried.clear();
    for (const resolve of this.#whenEmpty.splice(0)) resolve();
  }

  #carryOut(step: Step<Incoming>): void {
    switch (step.kind) {
      case 'check':
        return this.#check(step.place, step.parent);
      case 'execute':
        return this.#execute(step.place);
      case 'write':
        return this.#write(step.places);
      case 'tell':
        step.place.item.resolve(step.place.verdict);
        for (const { item } of step.behind) item.resolve(undefined);
    }
  }

  #check(place: Place<Incoming>, before: Incoming | undefined): void {
    const parent = before === undefined ? this.#dependencies.head() : decodedOf(before).block;
    const verdict = this.#decode(place.item, parent);
    if (verdict !== undefined) return this.#line.judged(place, verdict);
    this.#checkSignatures(decodedOf(place.item), parent)
      .then((error) => {
        if (error === null) this.#line.checked(place);
        else this.#line.judged(place, error);
        this.#proceed();
      })
      .catch((error: unknown) => this.#fail(error));
  }

  /** Undefined if it is to be checked further. */
  #decode(incoming: Incoming, parent: Pick<Block, 'header'>): ImportVerdict {
    try {
      const block = decodeBlock(incoming.blockBytes, this.#parts.rules.genesisId);
      if (block.header.number <= parent.header.number) return null;
      incoming.decoded = { block, certificate: decodeCertificate(incoming.certificateBytes) };
      for (const { from, publicKey } of block.transactions)
        if (publicKey !== null) this.#carried.set(from, publicKey);
      return undefined;
    } catch (error) {
      return protocolError(error);
    }
  }

  async #checkSignatures(
    { block, certificate }: { readonly block: Block; readonly certificate: Certificate },
    parent: Pick<Block, 'id' | 'header'>,
  ): Promise<ProtocolError | null> {
    const { rules, authorities, worker } = this.#parts;
    try {
      const decided = { height: block.header.number, id: block.id };
      // The certificate first: it is a few checks, and without it the block's thousands are not worth doing.
      const proofs = certificateChecks(certificate, decided, authorities, rules.genesisId);
      if (!(await worker.verify(proofs)).every(Boolean))
        return new ProtocolError('BAD_CERTIFICATE', 'a signature of the certificate is bad');
      const error = checkBlock(block, parent, authorities, rules);
      if (error !== null) return error;
      const { isVerified } = this.#dependencies;
      const checks = blockSignatureChecks(block, this.#keys, authorities, rules, isVerified);
      if (checks instanceof ProtocolError) return checks;
      if (!(await worker.verify(checks)).every(Boolean))
        return new ProtocolError('BAD_SIGNATURE', 'a signature of the block is bad');
      return null;
    } catch (error) {
      return protocolError(error);
    }
  }

  readonly #keys = {
    publicKey: (address: Address) => this.#carried.get(address) ?? this.#parts.state.publicKey(address),
  };

  #execute(place: Place<Incoming>): void {
    const { rules } = this.#parts;
    const { block, certificate } = decodedOf(place.item);
    const execution = executeBlock(this.#pending, block.transactions, block.header.coinbase, rules);
    if (execution instanceof ProtocolError) return this.#line.judged(place, execution);
    const update = this.#pending.updateTree(block, execution);
    const error = checkExecution(block, execution, update.root);
    if (error !== null) {
      update.discard();
      return this.#line.judged(place, error);
    }
    const executed = { block, certificate, execution, update };
    this.#pending.add(executed);
    place.item.executed = executed;
    this.#line.executed(place);
  }

  #write(places: readonly Place<Incoming>[]): void {
    const blocks = places.map(({ item }) => executedOf(item));
    this.#dependencies
      .commit(blocks)
      .then(() => {
        for (const executed of blocks) {
          this.#pending.forget(executed);
          for (const address of executed.execution.newKeys.keys()) this.#carried.delete(address);
        }
        this.#line.written();
        for (const { item } of places) item.resolve(null);
        this.#proceed();
      })
      .catch((error: unknown) => this.#fail(error));
  }

  /** Nobody knows what the disk holds now, or why a thread died: no further block is taken. */
  #fail(error: unknown): void {
    this.#failure ??= { error };
    for (const { item } of this.#line.clear()) item.reject(error);
    this.#proceed();
  }
}

function decodedOf({ decoded }: Incoming): NonNullable<Incoming['decoded']> {
  if (decoded === undefined) throw new Error('a block was not decoded before what follows');
  return decoded;
}

function executedOf({ executed }: Incoming): ExecutedBlock {
  if (executed === undefined) throw new Error('a block was not executed before it is written');
  return executed;
}

/** @throws what is no ProtocolError */
function protocolError(error: unknown): ProtocolError {
  if (error instanceof ProtocolError) return error;
  throw error;
}
