import { beforeEach, describe, expect, it } from 'vitest';
import { blockSignatureChecks, checkBlock, checkExecution } from '../../../src/ledger/check-block.js';
import { type Execution, executeBlock } from '../../../src/ledger/execute.js';
import { applyTransaction, checkForm, resolveKey } from '../../../src/ledger/transaction.js';
import { StateView } from '../../../src/ledger/view.js';
import { type Block, decodeBlock } from '../../../src/protocol/block.js';
import { type Address, fromHex, type Hash } from '../../../src/protocol/bytes.js';
import { certificateChecks, decodeCertificate } from '../../../src/protocol/certificate.js';
import { type ErrorCode, ProtocolError } from '../../../src/protocol/errors.js';
import { sha256Hex } from '../../../src/protocol/hash.js';
import { verify } from '../../../src/protocol/keys.js';
import { StateTree, type TreeUpdate } from '../../../src/protocol/state-tree.js';
import { decodeTransaction, transactionSignatureCheck } from '../../../src/protocol/transaction.js';
import { vectorNetwork, vectors } from './support.js';

interface Proven {
  why: string;
  block: string;
  certificate: string;
}
const chain = vectors<{
  blocks: (Proven & {
    number: number;
    hash_state: Hash;
    accounts_after: [Address, number, number, number][];
  })[];
}>('chain').blocks;
const refuse = vectors<{
  blocks: Proven[];
  transactions: { why: string; code: ErrorCode; wire: string }[];
  accept: Proven;
}>('refuse');

/**
 * Cases that contradict chain.json, by H(wire form), so that mended ones are judged by their code again. "more than the
 * balance" needs 10,001,001, and after block 4 its sender has 8,599,934,289 (it had less in genesis).
 */
const CONTRADICTORY = new Set(['661f1acb6bec9c6c3c9fb9b64b0d0efdd5fa3919bd668b142cc73a8616c5aae6']);

/** A node's whole judgement of a certified block, as the parts under test give it. */
class Network {
  readonly #network = vectorNetwork();
  readonly tree = StateTree.build(this.#network.state.accounts);
  #head: Block = this.#network.genesis;

  get state() {
    return this.#network.state;
  }

  get head(): Block {
    return this.#head;
  }

  judge(wire: string, certificateWire: string): { execution: Execution; update: TreeUpdate; block: Block } {
    const { rules, authorities, state } = this.#network;
    const block = decodeBlock(fromHex(wire), rules.genesisId);
    throwIf(checkBlock(block, this.#head, authorities, rules));
    const certificate = decodeCertificate(fromHex(certificateWire));
    const proof = { height: block.header.number, id: block.id };
    for (const check of certificateChecks(certificate, proof, authorities, rules.genesisId)) {
      if (!verify(check)) throw new ProtocolError('BAD_CERTIFICATE', 'signature');
    }
    for (const check of unwrap(blockSignatureChecks(block, state, authorities, rules, () => false))) {
      if (!verify(check)) throw new ProtocolError('BAD_SIGNATURE', 'signature');
    }
    const execution = unwrap(executeBlock(state, block.transactions, block.header.coinbase, rules));
    const update = this.tree.update(execution.changes);
    throwIf(checkExecution(block, execution, update.root));
    return { execution, update, block };
  }

  accept(wire: string, certificate: string): void {
    const { execution, update, block } = this.judge(wire, certificate);
    update.commit();
    this.state.commit(execution);
    this.#head = block;
  }

  /** Section 3's checks of a transaction, in their order. */
  judgeTransaction(wire: string): ErrorCode | 'accepted' {
    const { rules, state } = this.#network;
    try {
      const transaction = decodeTransaction(fromHex(wire), rules.genesisId);
      throwIf(checkForm(transaction, rules));
      const key = unwrap(resolveKey(transaction, state));
      if (!verify(transactionSignatureCheck(transaction, key, rules.genesisId))) return 'BAD_SIGNATURE';
      throwIf(applyTransaction(new StateView(state), transaction, this.#head.header.coinbase));
      return 'accepted';
    } catch (error) {
      if (error instanceof ProtocolError) return error.code;
      throw error;
    }
  }
}

function throwIf(error: ProtocolError | null): void {
  if (error !== null) throw error;
}

function unwrap<T>(value: T | ProtocolError): T {
  if (value instanceof ProtocolError) throw value;
  return value;
}

function grownNetwork(): Network {
  const network = new Network();
  for (const { block, certificate } of chain) network.accept(block, certificate);
  return network;
}

describe('ledger: chain.json', () => {
  it('starts from the state of the genesis block', () => {
    const network = new Network();
    expect(network.tree.root).toBe(network.head.header.hashState);
  });

  it('accepts every block in order, with the accounts and the state root it gives', () => {
    const network = new Network();
    for (const { block, certificate, hash_state, accounts_after } of chain) {
      network.accept(block, certificate);
      expect(network.tree.root).toBe(hash_state);
      const rows = [...network.state.accounts].map(([address, a]) => [address, a.nonce, a.balance, a.stake]);
      expect(rows.sort()).toEqual(accounts_after);
    }
  });
});

describe('ledger: refuse.json', () => {
  let network: Network;
  let before: string;
  const snapshot = () =>
    JSON.stringify([[...network.state.accounts], [...network.state.keys.keys()], network.tree.root]);
  beforeEach(() => {
    network = grownNetwork();
    before = snapshot();
  });

  it.each(refuse.blocks)('refuses a block: $why', ({ block, certificate }) => {
    expect(() => network.judge(block, certificate)).toThrow(ProtocolError);
    expect(snapshot()).toBe(before);
    network.accept(refuse.accept.block, refuse.accept.certificate);
  });

  it.each(refuse.transactions)('refuses a transaction: $why, $code', ({ wire, code }) => {
    const contradictory = CONTRADICTORY.has(sha256Hex(fromHex(wire)));
    expect(network.judgeTransaction(wire)).toBe(contradictory ? 'accepted' : code);
    expect(snapshot()).toBe(before);
  });
});
