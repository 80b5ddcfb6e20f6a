/** Holds what a node keeps of its older blocks against what it was told to keep. */

import type { Node } from '../../src/node/node.js';
import type { Address, Hash } from '../../src/protocol/bytes.js';
import { ProtocolError } from '../../src/protocol/errors.js';
import { decodeSealedHeader } from '../../src/protocol/sealed-header.js';
import type { Account } from '../../src/protocol/state.js';
import { StateTree } from '../../src/protocol/state-tree.js';
import { BODY, CHANGES, MILESTONE, numberIn, TRANSACTION, table } from '../../src/storage/keys.js';
import { ChainTables, decodePlace } from '../../src/storage/tables.js';
import type { Machine } from './machine.js';
import { violated } from './violation.js';

/** Whether it has blocks that it will let go of in a moment. */
export function isToPrune(machine: Machine): boolean {
  const { node, head = 0 } = machine;
  return node !== undefined && node.reader.base < baseOf(machine, head);
}

function baseOf({ prune }: Machine, head: number): number {
  return prune === null || head - prune <= 1 ? 0 : head - prune;
}

/**
 * @returns the base: of the blocks above genesis up to it only headers are kept
 * @throws Violation for a block that should be there, or should not, or is another
 */
export async function assertPruned(
  machine: Machine,
  node: Node,
  finals: ReadonlyMap<number, Hash>,
): Promise<number> {
  const { name } = machine;
  const head = node.chain.head.header.number;
  const { base } = node.reader;
  const expected = Math.max(baseOf(machine, head), machine.joinedAt);
  if (base !== expected) violated(`${name} keeps blocks above ${base} at the end, not above ${expected}`);
  if (base === 0) return 0;
  const store = machine.lookIntoChain();
  const tables = new ChainTables(store);
  for (let number = 1; number <= head; number++) {
    // Of blocks below a snapshot there never was anything.
    if (number > 1 && number < machine.joinedAt) {
      if (tables.header(number) !== undefined) violated(`${name} has a header of block ${number}`);
      await assertRefused(name, node, number);
      continue;
    }
    const stored = tables.header(number);
    const header = stored && decodeSealedHeader(stored.sealedHeader);
    if (header?.id !== finals.get(number) || (stored?.certificate === null) !== (number === 1))
      violated(`${name} has another header ${number} at the end, or none`);
    if (number > 1 && number <= base) await assertRefused(name, node, number);
  }
  await assertState(machine, node, base);
  for (const prefix of [BODY, CHANGES, TRANSACTION, MILESTONE]) {
    for await (const [key, value] of store.entries(table(prefix))) {
      const number = blockOf(prefix, key, value);
      if (number > 1 && number <= base) violated(`${name} has left an entry ${prefix} of block ${number}`);
    }
  }
  return base;
}

/** @throws Violation if the accounts as of block `number`, found by their history, do not give its state root */
export async function assertState(machine: Machine, node: Node, number: number): Promise<void> {
  const { name } = machine;
  const stored = new ChainTables(machine.lookIntoChain()).header(number);
  if (stored === undefined) return violated(`${name} has no header ${number}`);
  const accounts = new Map<Address, Account>();
  for await (const [address, account] of node.reader.accountsAt(number)) accounts.set(address, account);
  if (StateTree.build(accounts).root !== decodeSealedHeader(stored.sealedHeader).header.hashState)
    violated(`${name} holds other accounts as of block ${number}`);
}

async function assertRefused(name: string, node: Node, number: number): Promise<void> {
  try {
    await node.reader.block(number);
  } catch (error) {
    if (error instanceof ProtocolError && error.code === 'PRUNED') return;
    throw error;
  }
  violated(`${name} gives block ${number}, which it does not keep`);
}

function blockOf(prefix: number, key: Uint8Array, value: Uint8Array): number {
  if (prefix === TRANSACTION) return decodePlace(value).blockNumber;
  return numberIn(key, prefix === MILESTONE ? 21 : 1);
}
