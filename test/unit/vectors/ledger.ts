/** A chain in memory that takes blocks as a node does: by the pure checks alone, one after another. */

import { blockSignatureChecks, checkBlock, checkExecution } from '../../../src/ledger/check-block.js';
import { executeBlock } from '../../../src/ledger/execute.js';
import { type LedgerRules, rulesOf } from '../../../src/ledger/rules.js';
import type { StateReader } from '../../../src/ledger/state-reader.js';
import { applyTransaction, checkForm, resolveKey } from '../../../src/ledger/transaction.js';
import { StateView } from '../../../src/ledger/view.js';
import type { AuthoritySet } from '../../../src/protocol/authorities.js';
import { type Block, decodeBlock } from '../../../src/protocol/block.js';
import type { Address, Hash } from '../../../src/protocol/bytes.js';
import { certificateChecks, decodeCertificate } from '../../../src/protocol/certificate.js';
import { ProtocolError } from '../../../src/protocol/errors.js';
import { authoritiesOf, type Genesis } from '../../../src/protocol/genesis.js';
import { type SignatureCheck, verify } from '../../../src/protocol/keys.js';
import type { Account } from '../../../src/protocol/state.js';
import { StateTree } from '../../../src/protocol/state-tree.js';
import { decodeTransaction, transactionSignatureCheck } from '../../../src/protocol/transaction.js';

export class MemoryChain implements StateReader {
  readonly accounts: Map<Address, Account>;
  readonly #keys = new Map<Address, Uint8Array>();
  readonly #authorities: AuthoritySet;
  readonly #rules: LedgerRules;
  readonly #tree: StateTree;
  head: Pick<Block, 'id' | 'header'>;
  supply: number;

  constructor(genesis: Genesis) {
    this.#authorities = authoritiesOf(genesis.config);
    this.#rules = rulesOf(genesis.config, genesis.block.id);
    this.accounts = new Map(genesis.accounts);
    this.#tree = StateTree.build(genesis.accounts);
    this.head = genesis.block;
    this.supply = genesis.supply;
  }

  get root(): Hash {
    return this.#tree.root;
  }

  account(address: Address): Account | undefined {
    return this.accounts.get(address);
  }

  publicKey(address: Address): Uint8Array | undefined {
    return this.#keys.get(address);
  }

  /**
   * Adds a final block, or changes nothing.
   * @throws ProtocolError saying why it is refused
   */
  add(blockWire: Uint8Array, certificateWire: Uint8Array): Block {
    const authorities = this.#authorities;
    const rules = this.#rules;
    const block = decodeBlock(blockWire, rules.genesisId);
    const certificate = decodeCertificate(certificateWire);
    const height = this.head.header.number + 1;
    const checks = certificateChecks(certificate, { height, id: block.id }, authorities, rules.genesisId);
    accepted(checkBlock(block, this.head, authorities, rules));
    checks.push(...accepted(blockSignatureChecks(block, this, authorities, rules, () => false)));
    assertSigned(checks);
    const execution = accepted(executeBlock(this, block.transactions, block.header.coinbase, rules));
    const update = this.#tree.update(execution.changes);
    try {
      accepted(checkExecution(block, execution, update.root));
    } catch (error) {
      update.discard();
      throw error;
    }
    update.commit();
    for (const [address, account] of execution.changes) this.accounts.set(address, account);
    for (const [address, key] of execution.newKeys) this.#keys.set(address, key);
    this.supply = execution.supply;
    this.head = block;
    return block;
  }

  /**
   * Applies a transaction to a view that is thrown away.
   * @throws ProtocolError saying why it is refused
   */
  tryTransaction(wire: Uint8Array): void {
    const transaction = decodeTransaction(wire, this.#rules.genesisId);
    accepted(checkForm(transaction, this.#rules));
    const key = accepted(resolveKey(transaction, this));
    assertSigned([transactionSignatureCheck(transaction, key, this.#rules.genesisId)]);
    const coinbase = this.#authorities.list[0]?.address as Address;
    accepted(applyTransaction(new StateView(this), transaction, coinbase));
  }
}

function assertSigned(checks: readonly SignatureCheck[]): void {
  if (!checks.every(verify)) throw new ProtocolError('BAD_SIGNATURE', 'a signature is not good');
}

/** The value of a check that answers with its error. */
function accepted<T>(value: T | ProtocolError): T {
  if (value instanceof ProtocolError) throw value;
  return value;
}
