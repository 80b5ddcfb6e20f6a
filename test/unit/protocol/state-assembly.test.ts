/** Parts of a state prove themselves: what is put together of them is the tree, and nothing false ever gets in. */
import fc from 'fast-check';
import { beforeAll, describe, expect, it } from 'vitest';
import { type Address, concat, toHex, ZERO_HASH } from '../../../src/protocol/bytes.js';
import { ProtocolError } from '../../../src/protocol/errors.js';
import { sha256, sha256Hex } from '../../../src/protocol/hash.js';
import type { Account } from '../../../src/protocol/state.js';
import { NodeArena } from '../../../src/protocol/state-arena.js';
import { StateAssembly } from '../../../src/protocol/state-assembly.js';
import {
  type AccountEntry,
  accountsBelow,
  decodeAccounts,
  decodeSubtrees,
  encodeAccounts,
  encodeSubtrees,
  MAX_PART_ACCOUNTS,
  type PlacedHash,
  pathFromWire,
  pathToWire,
} from '../../../src/protocol/state-part.js';
import { plant, StateTree, type Subtree } from '../../../src/protocol/state-tree.js';
import { TEST_KEYS } from '../../support/genesis.js';

const addressOf = (i: number) => sha256Hex(`account ${i}`).slice(0, 40);

function accounts(count: number): Map<Address, Account> {
  return new Map(
    Array.from({ length: count }, (_, i) => [addressOf(i), { nonce: 0, balance: i, stake: i % 3 }]),
  );
}

function entriesOf(addresses: readonly Address[], state: ReadonlyMap<Address, Account>): AccountEntry[] {
  return addresses.map((address) => ({ address, account: state.get(address) as Account, publicKey: null }));
}

function addressesOf({ accounts }: Subtree): Address[] {
  return accounts.map(([address]) => address);
}

/** Splits the root as one who has these subtrees would. */
function splitRoot(assembly: StateAssembly, root: string, subtrees: readonly PlacedHash[]): PlacedHash[] {
  const place = { path: '', hash: root };
  return assembly.split('', decodeSubtrees(place, encodeSubtrees('', subtrees)));
}

describe('a tree put together from its parts', () => {
  it.each([0, 1, 2, 3, 50, 1_000])('is the tree of %i accounts', (count) => {
    const state = accounts(count);
    const tree = StateTree.build(state);
    for (const maxAccounts of [1, 7, 400]) {
      const held = tree.hold();
      const subtrees = [...held.subtrees(maxAccounts)];
      held.release();
      const assembly = new StateAssembly(tree.root);
      if (subtrees.length > 1 && subtrees.every(({ path }) => path.length <= 12)) {
        for (const place of splitRoot(assembly, tree.root, subtrees)) {
          const subtree = subtrees.find(({ path }) => path === place.path) as Subtree;
          assembly.take(place, decodeAccounts(encodeAccounts(entriesOf(addressesOf(subtree), state))));
        }
      } else if (count > 0) {
        const all = [...state.keys()].sort(byKey);
        assembly.take({ path: '', hash: tree.root }, entriesOf(all, state));
      }
      expect(assembly.done).toBe(true);
      const made = assembly.finish();
      expect(made.root).toBe(tree.root);
      expect(made.size).toBe(count);
      const change = new Map([[addressOf(count + 1), { nonce: 0, balance: 5, stake: 0 }]]);
      const expected = tree.update(change);
      expect(made.update(change).root).toBe(expected.root);
      expected.discard();
    }
  });

  it('is held as it was while the tree goes on', () => {
    const state = accounts(300);
    const tree = StateTree.build(state);
    const held = tree.hold();
    const subtrees = held.subtrees(20)[Symbol.iterator]();
    const seen: Subtree[] = [subtrees.next().value as Subtree];
    for (let i = 0; i < 200; i++)
      tree.update(new Map([[addressOf(i * 3), { nonce: 1, balance: i, stake: 0 }]])).commit();
    for (let next = subtrees.next(); next.done !== true; next = subtrees.next()) seen.push(next.value);
    held.release();
    expect(new Map(seen.flatMap(({ accounts }) => accounts))).toEqual(state);
    const arena = new NodeArena();
    for (const { path, hash, accounts } of seen) {
      const leaves = accounts.map(([address, account]) => arena.createLeaf(address, account));
      expect(arena.hash(plant(arena, path.length, leaves))).toBe(hash);
    }
  });
});

describe('a part that is not what it must be', () => {
  const state = accounts(40);
  let tree: StateTree;
  let subtrees: Subtree[];
  let place: PlacedHash;
  let good: AccountEntry[];
  let assembly: StateAssembly;

  beforeAll(() => {
    tree = StateTree.build(state);
    const held = tree.hold();
    subtrees = [...held.subtrees(15)];
    held.release();
    const largest = subtrees.toSorted((a, b) => b.accounts.length - a.accounts.length)[0] as Subtree;
    good = entriesOf(addressesOf(largest), state);
    place = largest;
    assembly = new StateAssembly(tree.root);
    splitRoot(assembly, tree.root, subtrees);
  });

  const first = () => good[0] as AccountEntry;
  const key = () => TEST_KEYS[0] as (typeof TEST_KEYS)[number];

  it.each<[string, () => AccountEntry[]]>([
    [
      'another balance',
      () => [{ ...first(), account: { ...first().account, balance: 77 } }, ...good.slice(1)],
    ],
    ['another stake', () => [{ ...first(), account: { ...first().account, stake: 77 } }, ...good.slice(1)]],
    ['an account missing', () => good.slice(1)],
    ['no account', () => []],
    ['an account twice', () => [first(), ...good]],
    ['another order', () => good.toReversed()],
    [
      'an account from elsewhere',
      () => [
        ...good,
        ...entriesOf(
          addressesOf(subtrees.find((s) => s !== place && s.accounts.length > 0) as Subtree),
          state,
        ),
      ],
    ],
  ])('is refused: %s', (_, lie) => {
    expect(() => assembly.take(place, decodeAccounts(encodeAccounts(lie())))).toThrow(ProtocolError);
    expect(assembly.wanted(place.path)).toEqual({ path: place.path, hash: place.hash });
  });

  it('changes nothing: the true one is taken after it', () => {
    assembly.take(place, good);
    expect(assembly.wanted(place.path)).toBeUndefined();
    expect(assembly.size).toBe(good.length);
  });

  it.each<[string, AccountEntry['account'], () => Uint8Array | null]>([
    ['a key missing', { nonce: 1, balance: 0, stake: 0 }, () => null],
    ['a key too many', { nonce: 0, balance: 0, stake: 0 }, () => key().publicKey],
    ['a key that is none', { nonce: 1, balance: 0, stake: 0 }, () => key().publicKey.slice(1)],
  ])('is refused: %s', (_, account, publicKey) => {
    const entry = { address: key().address, account, publicKey: publicKey() };
    expect(() => decodeAccounts(encodeAccounts([entry]))).toThrow(ProtocolError);
  });

  it("is refused: another account's key", () => {
    const account = { nonce: 1, balance: 0, stake: 0 };
    const entry = { address: key().address, account, publicKey: TEST_KEYS[1]?.publicKey ?? null };
    expect(() => decodeAccounts(encodeAccounts([entry]))).toThrow(/key of another/);
    expect(decodeAccounts(encodeAccounts([{ ...entry, publicKey: key().publicKey }]))).toHaveLength(1);
  });

  it('is refused if it has more accounts than a part may have', () => {
    const many = Array.from({ length: MAX_PART_ACCOUNTS + 1 }, () => first());
    expect(() => decodeAccounts(encodeAccounts(many))).toThrow(/at most 1024/);
  });

  it('is refused whatever bytes it is', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 80 }), (bytes) => {
        for (const read of [() => decodeAccounts(bytes), () => decodeSubtrees(place, bytes)]) {
          try {
            read();
          } catch (error) {
            expect(error).toBeInstanceOf(ProtocolError);
          }
        }
      }),
    );
  });

  it('is refused if its subtrees do not make up that tree', () => {
    const root = { path: '', hash: tree.root };
    const bytes = encodeSubtrees('', subtrees);
    expect(decodeSubtrees(root, bytes)).toEqual(subtrees.map(({ path, hash }) => ({ path, hash })));
    const ROW = 33;
    const lies = [
      bytes.slice(ROW),
      bytes.slice(0, -ROW),
      bytes.slice(0, -1),
      new Uint8Array(0),
      concat(bytes, bytes.slice(0, ROW)),
      concat(Uint8Array.of(0), bytes.slice(1, ROW)),
      concat(Uint8Array.of(200), bytes.slice(1)),
      ...Array.from({ length: bytes.length }, (_, at) => {
        const copy = bytes.slice();
        copy[at] = (copy[at] ?? 0) ^ 1;
        return copy;
      }),
    ];
    for (const lie of lies) expect(() => decodeSubtrees(root, lie)).toThrow(ProtocolError);
  });
});

describe('a path', () => {
  it('is read as it was written', () => {
    const bits = fc.string({ unit: fc.constantFrom('0', '1'), maxLength: 256 });
    fc.assert(
      fc.property(bits, (path) => {
        const { depth, prefix } = pathToWire(path);
        expect(pathFromWire(depth, prefix)).toBe(path);
      }),
    );
  });

  it('is refused with bytes too many or too few, bits behind its end, or more bits than keys have', () => {
    for (const [depth, bytes] of [
      [3, []],
      [3, [0, 0]],
      [3, [0b0001_0000]],
      [257, Array(33).fill(0)],
    ] as const)
      expect(() => pathFromWire(depth, Uint8Array.from(bytes))).toThrow(ProtocolError);
  });

  it('leads to the accounts of a part whose keys begin with it', () => {
    const state = accounts(60);
    const all = entriesOf([...state.keys()].sort(byKey), state);
    const place = fc.nat({ max: 60 });
    const depth = fc.oneof(fc.nat({ max: 6 }), fc.constant(256));
    fc.assert(
      fc.property(place, place, place, depth, (from, to, of, depth) => {
        const part = all.slice(Math.min(from, to), Math.max(from, to));
        const path = bitsOf(addressOf(of)).slice(0, depth);
        const below = part.filter(({ address }) => bitsOf(address).startsWith(path));
        expect(toHex(accountsBelow(path, encodeAccounts(part)))).toBe(toHex(encodeAccounts(below)));
      }),
    );
  });
});

it('needs nothing to be asked for of an empty state', () => {
  expect(new StateAssembly(ZERO_HASH).done).toBe(true);
});

/** Of an account's key, as a path. */
function bitsOf(address: Address): string {
  const key = sha256(Buffer.from(address, 'hex'));
  return Array.from(key, (byte) => byte.toString(2).padStart(8, '0')).join('');
}

function byKey(a: Address, b: Address): number {
  return bitsOf(a) < bitsOf(b) ? -1 : 1;
}
