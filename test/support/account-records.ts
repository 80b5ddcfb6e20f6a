/** Holds the accounts of a state tree against their records in the database. */
import { expect } from 'vitest';
import type { Store } from '../../src/ports/store.js';
import type { StateTree } from '../../src/protocol/state-tree.js';
import { decodeRecord } from '../../src/storage/block-changes.js';
import { ACCOUNT, addressIn, table } from '../../src/storage/keys.js';

/** The same accounts, with the same trails. */
export async function expectRecords(tree: StateTree, database: Store): Promise<void> {
  let accounts = 0;
  for await (const [key, value] of database.entries(table(ACCOUNT))) {
    expect(tree.record(addressIn(key))).toEqual(decodeRecord(value));
    accounts++;
  }
  expect(tree.size).toBe(accounts);
}
