import { describe, expect, test } from 'vitest';
import { AuthoritySet } from '../../../src/protocol/authorities.js';
import { type Address, fromHex, type Hash, toHex } from '../../../src/protocol/bytes.js';
import { transactionsRoot } from '../../../src/protocol/merkle.js';
import { type Account, encodeAccount } from '../../../src/protocol/state.js';
import { verifyProof } from '../../../src/protocol/state-proof.js';
import { StateTree } from '../../../src/protocol/state-tree.js';
import { refusalOf, vectors } from './load.js';

type Row = [address: Address, nonce: number, balance: number, stake: number];

const { transactions, state, authorities } = vectors<{
  transactions: { leaves: string[]; roots: { n: number; root: Hash }[] };
  state: {
    accounts: Row[];
    root: Hash;
    then: { set: Row[]; root: Hash }[];
    proofs: { address: Address; present: boolean; siblings: Hash[]; leaf: [Hash, string] | null }[];
  }[];
  authorities: { authorities: [Address, string][]; hash: Hash };
}>('trees');

function entries(rows: readonly Row[]): [Address, Account][] {
  return rows.map(([address, nonce, balance, stake]) => [address, { nonce, balance, stake }]);
}

describe('the tree of transactions (section 4)', () => {
  for (const { n, root } of transactions.roots) {
    test(`over ${n} leaves`, () => {
      expect(transactionsRoot(transactions.leaves.slice(0, n).map(fromHex))).toBe(root);
    });
  }
});

describe('the hash of the authorities (section 4)', () => {
  const set = authorities.authorities.map(([address, key]) => ({ address, publicKey: fromHex(key) }));

  test(`of ${set.length}, in the order given and in reverse`, () => {
    expect(new AuthoritySet(set).hash).toBe(authorities.hash);
    expect(new AuthoritySet(set.toReversed()).hash).toBe(authorities.hash);
  });
});

describe('the state tree (section 4)', () => {
  for (const { accounts, root, then, proofs } of state) {
    const name = `of ${accounts.length} accounts`;
    const known = new Map(entries(accounts));

    test(`${name}: built at once`, () => expect(StateTree.build(entries(accounts)).root).toBe(root));

    test(`${name}: one account after the other, backwards`, () => {
      const tree = new StateTree();
      for (const entry of entries(accounts).reverse()) tree.update([entry]).commit();
      expect(tree.root).toBe(root);
    });

    test(`${name}: ${then.length} updates one after another`, () => {
      const tree = StateTree.build(entries(accounts));
      for (const step of then) {
        tree.update(entries(step.set)).commit();
        expect(tree.root).toBe(step.root);
      }
    });

    for (const { address, present, siblings, leaf } of proofs) {
      const proof = { siblings, leaf: leaf && ([leaf[0], fromHex(leaf[1])] as const) };

      test(`${name}: proves that ${address} is ${present ? 'there' : 'not there'}`, () => {
        const made = StateTree.build(entries(accounts)).prove(address);
        expect(made.siblings).toEqual(siblings);
        expect(made.leaf && [made.leaf[0], toHex(made.leaf[1])]).toEqual(leaf);
        expect(verifyProof(root, address, proof)).toEqual(present ? known.get(address) : null);
      });

      if (!present || leaf === null) continue;
      test(`${name}: ${address} cannot be proved to hold another balance`, () => {
        const account = known.get(address) as Account;
        const other = encodeAccount({ ...account, balance: account.balance === 0 ? 1 : account.balance - 1 });
        expect(refusalOf(() => verifyProof(root, address, { siblings, leaf: [leaf[0], other] }))).toBe(
          'MALFORMED',
        );
      });
    }
  }
});
