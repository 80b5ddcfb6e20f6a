/**
 * The state after blocks that are executed and not durable yet, on top of the chain's: what the next block is executed
 * on while those are written. It holds nothing of a block once that is in the chain's own state.
 */
import type { Execution } from '../ledger/execute.js';
import type { StateReader } from '../ledger/state-reader.js';
import type { Block } from '../protocol/block.js';
import type { Address } from '../protocol/bytes.js';
import type { Account } from '../protocol/state.js';
import type { StateTree, TreeUpdate } from '../protocol/state-tree.js';
import { blockTrail } from './block-trail.js';

/** A block executed on the state before it, and the state tree's version with it. */
export interface Executed {
  readonly execution: Execution;
  readonly update: TreeUpdate;
}

export class PendingState implements StateReader {
  readonly #base: StateReader;
  readonly #tree: StateTree;
  readonly #accounts = new Map<Address, Account>();
  readonly #keys = new Map<Address, Uint8Array>();
  #last: Executed | undefined;

  constructor(base: StateReader, tree: StateTree) {
    this.#base = base;
    this.#tree = tree;
  }

  get supply(): number {
    return this.#last?.execution.supply ?? this.#base.supply;
  }

  account(address: Address): Account | undefined {
    return this.#accounts.get(address) ?? this.#base.account(address);
  }

  publicKey(address: Address): Uint8Array | undefined {
    return this.#keys.get(address) ?? this.#base.publicKey(address);
  }

  expect(addresses: Iterable<Address>): void {
    this.#base.expect?.(addresses);
  }

  /** The state tree after a block, which is still to be added. */
  updateTree({ header, transactions }: Block, { changes }: Execution): TreeUpdate {
    return (this.#last?.update ?? this.#tree).update(changes, blockTrail(header.number, transactions));
  }

  add(executed: Executed): void {
    for (const [address, account] of executed.execution.changes) this.#accounts.set(address, account);
    for (const [address, key] of executed.execution.newKeys) this.#keys.set(address, key);
    this.#last = executed;
  }

  /** It is part of the chain's state now. To be called in the order in which they were added. */
  forget(executed: Executed): void {
    const { changes, newKeys } = executed.execution;
    for (const [address, account] of changes)
      if (this.#accounts.get(address) === account) this.#accounts.delete(address);
    for (const address of newKeys.keys()) this.#keys.delete(address);
    if (this.#last === executed) this.#last = undefined;
  }
}
