import { readFileSync } from 'node:fs';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { type Address, concat, fromHex, type Hash, toHex, ZERO_HASH } from '../../../src/protocol/bytes.js';
import { ProtocolError } from '../../../src/protocol/errors.js';
import { sha256, sha256Hex } from '../../../src/protocol/hash.js';
import { type Account, encodeAccount, type Trail, trailFrom } from '../../../src/protocol/state.js';
import { type StateProof, verifyProof } from '../../../src/protocol/state-proof.js';
import { MAX_OPEN_UPDATES, StateTree } from '../../../src/protocol/state-tree.js';

type Row = [Address, number, number, number];
interface StateCase {
  accounts: Row[];
  root: Hash;
  then: { set: Row[]; root: Hash }[];
  proofs: { address: Address; present: boolean; siblings: Hash[]; leaf: [Hash, string] | null }[];
}

const folder = process.env.VECTORS ?? new URL('../../vectors', import.meta.url).pathname;
const cases: StateCase[] = JSON.parse(readFileSync(`${folder}/trees.json`, 'utf8')).state;

const entry = ([address, nonce, balance, stake]: Row): [Address, Account] => [
  address,
  { nonce, balance, stake },
];
const account = (balance: number): Account => ({ nonce: 0, balance, stake: 0 });
const addressOf = (seed: number): Address => sha256Hex(String(seed)).slice(0, 40);

/** Section 4 word for word: slow, and with nothing in common with the tree under test. */
function referenceRoot(accounts: ReadonlyMap<Address, Account>): Hash {
  const leaves = [...accounts].map(([address, value]) => {
    const key = sha256(fromHex(address));
    const bits = [...key].map((byte) => byte.toString(2).padStart(8, '0')).join('');
    return { bits, hash: sha256(concat(Uint8Array.of(0), key, encodeAccount(value))) };
  });
  const hashOf = (some: typeof leaves, depth: number): Uint8Array => {
    if (some.length === 0) return fromHex(ZERO_HASH);
    if (some.length === 1 && some[0] !== undefined) return some[0].hash;
    const left = some.filter(({ bits }) => bits[depth] === '0');
    const right = some.filter(({ bits }) => bits[depth] === '1');
    return sha256(concat(Uint8Array.of(1), hashOf(left, depth + 1), hashOf(right, depth + 1)));
  };
  return toHex(hashOf(leaves, 0));
}

const changesOf = (maxLength: number) =>
  fc.array(fc.tuple(fc.nat(60).map(addressOf), fc.nat(1_000).map(account)), { maxLength });

describe('state tree: vectors', () => {
  it.each(cases.map((state) => [state.accounts.length, state] as const))('%i accounts', (_, state) => {
    const accounts = new Map(state.accounts.map(entry));
    const tree = StateTree.build(accounts);
    expect(tree.root).toBe(state.root);
    expect(tree.size).toBe(accounts.size);

    for (const { address, present, siblings, leaf } of state.proofs) {
      const expected = {
        siblings,
        leaf: leaf === null ? null : [leaf[0], Uint8Array.from(fromHex(leaf[1]))],
      };
      const proof = tree.prove(address);
      expect(proof).toEqual(expected);
      expect(verifyProof(state.root, address, proof)).toEqual(present ? accounts.get(address) : null);
    }
    for (const { set, root } of state.then) {
      tree.update(set.map(entry)).commit();
      expect(tree.root).toBe(root);
    }
  });
});

describe('state tree: properties', () => {
  it('has the root of the reference, whatever the batches and their order', () => {
    fc.assert(
      fc.property(fc.array(changesOf(12), { maxLength: 8 }), (batches) => {
        const tree = new StateTree();
        for (const batch of batches) tree.update(batch).commit();
        const accounts = new Map(batches.flat());
        expect(tree.root).toBe(referenceRoot(accounts));
        expect(tree.size).toBe(accounts.size);

        const built = StateTree.build([...accounts].reverse());
        expect(built.root).toBe(tree.root);
        expect(tree.nodeCount).toBe(built.nodeCount);
      }),
    );
  });

  it('leaves no node behind after commits, discards, competitors and updates on updates', () => {
    const step = fc.record({
      changes: changesOf(8),
      competitor: changesOf(8),
      next: changesOf(8),
      fate: fc.constantFrom('commit', 'discard', 'chain', 'discard-chain'),
    });
    fc.assert(
      fc.property(fc.array(step, { maxLength: 12 }), (steps) => {
        const tree = new StateTree();
        const accounts = new Map<Address, Account>();
        const apply = (changes: readonly (readonly [Address, Account])[]) => {
          for (const [address, value] of changes) accounts.set(address, value);
        };
        for (const { changes, competitor, next, fate } of steps) {
          const before = tree.root;
          const update = tree.update(changes);
          const other = tree.update(competitor);
          const child = update.update(next);
          expect(child.root).toBe(referenceRoot(new Map([...accounts, ...changes, ...next])));
          expect(tree.root).toBe(before);
          if (fate.startsWith('discard')) {
            (fate === 'discard' ? update : child).discard();
            other.discard();
            update.discard();
          } else {
            update.commit();
            apply(changes);
            expect(() => other.commit()).toThrow();
            if (fate === 'chain') {
              child.commit();
              apply(next);
            } else child.discard();
          }
          expect(tree.root).toBe(referenceRoot(accounts));
        }
        expect(tree.nodeCount).toBe(StateTree.build(accounts).nodeCount);
      }),
    );
  });

  it('proves presence and absence, and no other account verifies', () => {
    fc.assert(
      fc.property(changesOf(40), fc.nat(80).map(addressOf), (changes, address) => {
        const accounts = new Map(changes);
        const tree = StateTree.build(accounts);
        const proof = tree.prove(address);
        expect(verifyProof(tree.root, address, proof)).toEqual(accounts.get(address) ?? null);
        if (proof.leaf === null) return;
        const richer = encodeAccount(account(999_999));
        expectForged(() => verifyProof(tree.root, address, { ...proof, leaf: [keyIn(proof), richer] }));
      }),
    );
  });
});

describe('state tree: trails', () => {
  const adds = (number: number): Trail => ({ touchedIn: number, transactedIn: number, touches: 1 });

  it('go on with each block that touches an account, in its version alone, and are in no root', () => {
    const tree = StateTree.build([
      [addressOf(1), account(1)],
      [addressOf(2), account(2)],
    ]);
    const rewarded = { ...adds(5), transactedIn: 0 };
    const changes = [
      [addressOf(1), account(7)],
      [addressOf(3), account(1)],
    ] as const;
    tree.update(changes, () => adds(4)).commit();
    expect(tree.record(addressOf(1))).toEqual({ ...account(7), ...adds(4) });
    // Touched, and as it was.
    const plain = tree.update([[addressOf(1), account(7)]]);
    const update = tree.update([[addressOf(1), account(7)]], () => rewarded);
    expect([plain.root, update.root]).toEqual([tree.root, tree.root]);
    const later = update.update([[addressOf(3), account(2)]], () => adds(6));
    expect(tree.record(addressOf(1))?.touchedIn).toBe(4);
    update.commit();
    later.commit();
    expect(tree.record(addressOf(1))).toEqual({ ...account(7), touchedIn: 5, transactedIn: 4, touches: 2 });
    expect(tree.record(addressOf(3))).toEqual({ ...account(2), touchedIn: 6, transactedIn: 6, touches: 2 });
    expect(tree.record(addressOf(2))).toEqual({ ...account(2), touchedIn: 0, transactedIn: 0, touches: 0 });
    expect(tree.record(addressOf(4))).toBeUndefined();
  });
});

describe('state tree: many accounts', () => {
  // More than one chunk of the arena.
  const accounts = new Map(Array.from({ length: 10_000 }, (_, i) => [addressOf(i), account(i)]));

  it('agrees with the reference across chunks', async () => {
    const tree = StateTree.build(accounts);
    expect(tree.root).toBe(referenceRoot(accounts));
    async function* stream() {
      for (const [address, account] of accounts) yield [address, { ...account, ...trailFrom(3) }] as const;
    }
    const built = await StateTree.buildAsync(stream());
    expect(built.root).toBe(tree.root);
    expect(built.record(addressOf(5))).toEqual({ ...account(5), ...trailFrom(3) });
  });

  it('finds accounts together as one by one, those that are not there too', () => {
    const tree = StateTree.build(accounts);
    const addresses = Array.from({ length: 600 }, (_, i) => addressOf(i * 20));
    expect(tree.records(addresses)).toEqual(addresses.map((address) => tree.record(address)));
    expect(tree.records(addresses).filter((record) => record !== undefined)).toHaveLength(500);
    expect(tree.records([])).toEqual([]);
    expect(new StateTree().records([addressOf(1)])).toEqual([undefined]);
    expect(() => tree.records(['xx'])).toThrow(TypeError);
  });

  it('makes only the nodes on the paths of what changed', () => {
    const tree = StateTree.build(accounts);
    const before = tree.nodeCount;
    const update = tree.update([[addressOf(7), account(8)]]);
    expect(tree.nodeCount - before).toBeLessThan(40);
    update.discard();
    expect(tree.nodeCount).toBe(before);
  });

  it('makes nothing for changes that change nothing', () => {
    const tree = StateTree.build(accounts);
    const before = tree.nodeCount;
    const update = tree.update([[addressOf(7), account(7)]]);
    expect(update.root).toBe(tree.root);
    expect(tree.nodeCount).toBe(before);
  });
});

describe('state tree: lives of updates', () => {
  const base = () => StateTree.build([[addressOf(1), account(1)]]);

  it('commits one of several competing updates and makes the others stale', () => {
    const tree = base();
    const winner = tree.update([[addressOf(2), account(2)]]);
    const loser = tree.update([[addressOf(3), account(3)]]);
    winner.commit();
    expect(tree.root).toBe(winner.root);
    expect(() => loser.commit()).toThrow();
    expect(() => loser.update([])).toThrow();
    loser.discard();
    expect(tree.root).toBe(winner.root);
  });

  it('commits an update on an update only after its parent, and loses it with its parent', () => {
    const tree = base();
    const parent = tree.update([[addressOf(2), account(2)]]);
    const child = parent.update([[addressOf(3), account(3)]]);
    expect(() => child.commit()).toThrow();
    parent.discard();
    expect(() => child.commit()).toThrow();
    expect(tree.nodeCount).toBe(base().nodeCount);
  });

  it('refuses a second commit, and one after a discard', () => {
    const tree = base();
    const update = tree.update([[addressOf(2), account(2)]]);
    update.commit();
    expect(() => update.commit()).toThrow();
    update.discard();
    expect(tree.root).toBe(update.root);
    const discarded = tree.update([[addressOf(4), account(4)]]);
    discarded.discard();
    expect(() => discarded.commit()).toThrow();
  });

  it('bounds the updates that are open', () => {
    const tree = base();
    const open = Array.from({ length: MAX_OPEN_UPDATES }, () => tree.update([]));
    expect(() => tree.update([])).toThrow(/never discarded/);
    open[0]?.discard();
    expect(() => tree.update([])).not.toThrow();
  });

  it('throws for an address that is none, an account that is none, and one account twice in a build', () => {
    const tree = base();
    expect(() => tree.update([['00', account(1)]])).toThrow(TypeError);
    expect(() => tree.update([[addressOf(1), account(-1)]])).toThrow(TypeError);
    const twice: [Address, Account] = [addressOf(1), account(1)];
    expect(() => StateTree.build([twice, twice])).toThrow(/twice/);
  });
});

describe('a forged state proof is refused that', () => {
  const accounts = new Map(Array.from({ length: 20 }, (_, i) => [addressOf(i), account(i)]));
  const tree = StateTree.build(accounts);
  const proofOf = (address: Address) => tree.prove(address);
  const present = addressOf(3);
  const proof = proofOf(present);

  it('claims absence of an account that is there', () => {
    expectForged(() => verifyProof(tree.root, present, { ...proof, leaf: null }));
    expectForged(() => verifyProof(tree.root, present, { siblings: [], leaf: null }));
  });

  it("offers another account's path, root or leaf", () => {
    expectForged(() => verifyProof(tree.root, present, proofOf(addressOf(4))));
    expectForged(() => verifyProof(sha256Hex('elsewhere'), present, proof));
    expectForged(() => verifyProof(tree.root, present, { ...proof, leaf: proofOf(addressOf(4)).leaf }));
  });

  it('passes an inner node off as a leaf off its path', () => {
    // A root made to order, so that only the place of the leaf is wrong.
    const value = encodeAccount(account(5));
    const key = toHex(sha256(fromHex(present)));
    const wrongSide = (Number.parseInt(key[0] ?? '0', 16) ^ 8).toString(16) + key.slice(1);
    const leafHash = sha256(concat(Uint8Array.of(0), fromHex(wrongSide), value));
    const zero = fromHex(ZERO_HASH);
    const pair = Number.parseInt(key[0] ?? '0', 16) < 8 ? [leafHash, zero] : [zero, leafHash];
    const root = sha256Hex(concat(Uint8Array.of(1), ...pair));
    expectForged(() => verifyProof(root, present, { siblings: [ZERO_HASH], leaf: [wrongSide, value] }));
  });

  it('has siblings or a key of the wrong form, or too many', () => {
    expectForged(() => verifyProof(tree.root, present, { ...proof, siblings: ['zz'] }));
    expectForged(() => verifyProof(tree.root, present, { ...proof, siblings: Array(257).fill(ZERO_HASH) }));
    expectForged(() =>
      verifyProof(tree.root, present, { ...proof, leaf: ['00', encodeAccount(account(3))] }),
    );
  });

  it('changes one byte anywhere', () => {
    fc.assert(
      fc.property(fc.nat(), fc.nat(), fc.integer({ min: 1, max: 255 }), (which, at, flip) => {
        const siblings = proof.siblings.map((hash) => Uint8Array.from(fromHex(hash)));
        const value = Uint8Array.from(proof.leaf?.[1] ?? []);
        const bytes = [...siblings, value][which % (siblings.length + 1)] as Uint8Array;
        bytes[at % bytes.length] = (bytes[at % bytes.length] as number) ^ flip;
        const forged = { siblings: siblings.map(toHex), leaf: [keyIn(proof), value] } as const;
        expectForged(() => verifyProof(tree.root, present, forged));
      }),
    );
  });
});

function keyIn(proof: StateProof): Hash {
  return proof.leaf?.[0] ?? ZERO_HASH;
}

function expectForged(verify: () => unknown): void {
  expect(verify).toThrow(ProtocolError);
}
