/**
 * The state tree (section 4): a compact sparse Merkle tree over all accounts, in memory. An update makes the nodes of
 * a new version beside those of the head, so that several blocks competing for one height can each have their root;
 * one is committed, the others discarded, and the cost of each follows the number of accounts it changes. Its leaves
 * hold the accounts, so the head is also where they are read.
 */
import { type Address, fromHex, type Hash } from './bytes.js';
import { sha256 } from './hash.js';
import { type Account, type AccountRecord, encodeAccount, type Trail } from './state.js';
import { type ArenaLayout, EMPTY, FETCHED_TOGETHER, HASH_BYTES, NodeArena } from './state-arena.js';
import type { KeyPath } from './state-part.js';
import type { Fill } from './state-places.js';
import { keyBit, type StateProof } from './state-proof.js';

/** Updates of one tree that may be open at once: more means that somebody forgets to discard them. */
export const MAX_OPEN_UPDATES = 1_024;

const KEY_BITS = 8 * HASH_BYTES;

/** The head of a tree as bytes, to be kept and restored: it stays as it is while the tree goes on. */
export interface TreeImage {
  readonly root: Hash;
  /** Accounts in it. */
  readonly size: number;
  /** Of the root's node. */
  readonly ref: number;
  readonly layout: ArenaLayout;
  /** See NodeArena. To be read before `release`. */
  pieces(): Iterable<Uint8Array>;
  /** To be called once, when the pieces have been read: as long as it is not, no memory is used again. */
  release(): void;
}

/** A subtree with its accounts, as the head had them when it was held. */
export interface Subtree {
  readonly path: KeyPath;
  readonly hash: Hash;
  /** In the order of their keys. */
  readonly accounts: readonly (readonly [Address, Account])[];
}

/** The head as it is now, to be walked while the tree goes on. */
export interface HeldTree {
  readonly root: Hash;
  /** The largest subtrees of at most so many accounts, in the order of keys. To be read before `release`. */
  subtrees(maxAccounts: number): Iterable<Subtree>;
  /** To be called once: as long as it is not, no memory is used again. */
  release(): void;
}

/** What a change of an account adds to its trail: 0 where nothing is. */
export type TrailOf = (address: Address) => Trail;

/** A version of the state that is not (yet) the head. */
export interface TreeUpdate {
  readonly root: Hash;
  /** Accounts in this version. */
  readonly size: number;
  /** An update on top of this one; it can be committed once this one is. */
  update(changes: Iterable<readonly [Address, Account]>, trailOf?: TrailOf): TreeUpdate;
  /**
   * Makes this version the head; every other update of the old head is stale from then on.
   * @throws Error if it is stale, discarded, committed already, or its parent is not the head.
   */
  commit(): void;
  /** Frees what it made. Harmless on one that is committed, stale or discarded. */
  discard(): void;
}

export class StateTree {
  readonly #versions: Versions;

  /** An empty tree. */
  constructor() {
    this.#versions = newVersions();
  }

  /** The tree of all `entries`, each address once: for start-up. */
  static build(entries: Iterable<readonly [Address, Account]>): StateTree {
    const tree = new StateTree();
    const { arena, head } = tree.#versions;
    const leaves: number[] = [];
    for (const [address, account] of entries) leaves.push(arena.createLeaf(address, account));
    head.derive(leaves).commit();
    return tree;
  }

  /** As `build`, from records that come from a disk. */
  static async buildAsync(records: AsyncIterable<readonly [Address, AccountRecord]>): Promise<StateTree> {
    const tree = new StateTree();
    const { arena, head } = tree.#versions;
    const leaves: number[] = [];
    for await (const [address, record] of records) leaves.push(arena.createLeaf(address, record, record));
    head.derive(leaves).commit();
    return tree;
  }

  /**
   * The tree of an image. Its pieces are believed: whoever kept them knows that they are whole.
   * @param fill puts each of the pieces, in their order, where it belongs
   * @throws RangeError if they are of another image
   */
  static async restore(
    image: Pick<TreeImage, 'root' | 'size' | 'ref' | 'layout'>,
    fill: Fill,
  ): Promise<StateTree> {
    const tree = StateTree.adopt(await NodeArena.restore(image.layout, fill), image.ref, image.size);
    if (tree.root !== image.root) throw new RangeError('the root is not at the place that is named');
    return tree;
  }

  /** The tree whose nodes somebody put into an arena, which is the tree's from now on. */
  static adopt(arena: NodeArena, ref: number, size: number): StateTree {
    const tree = new StateTree();
    const versions = tree.#versions;
    versions.arena = arena;
    versions.head = new Version(versions, null, { ref, size, made: [], replaced: [] }, 'head');
    return tree;
  }

  hold(): HeldTree {
    const { arena, head } = this.#versions;
    arena.hold();
    return {
      root: head.root,
      subtrees: (maxAccounts) => subtreesOf(arena, head.ref, '', maxAccounts),
      release: () => arena.release(),
    };
  }

  /** The head as it is now. */
  image(): TreeImage {
    const { arena, head } = this.#versions;
    const unused: number[] = [];
    head.collectOpen(unused);
    const layout = arena.layout(unused);
    arena.hold();
    return {
      root: head.root,
      size: head.size,
      ref: head.ref,
      layout,
      pieces: () => arena.pieces(layout),
      release: () => arena.release(),
    };
  }

  /** The head's account of `address`. */
  record(address: Address): AccountRecord | undefined {
    const { arena, head } = this.#versions;
    const leaf = arena.find(head.ref, address);
    return leaf === EMPTY ? undefined : arena.record(leaf);
  }

  /** As `record`, of several accounts, in less time. */
  records(addresses: readonly Address[]): (AccountRecord | undefined)[] {
    const { arena, head } = this.#versions;
    return Array.from(arena.findAll(head.ref, addresses), (leaf) =>
      leaf === EMPTY ? undefined : arena.record(leaf),
    );
  }

  /** `hash_state` of the head. */
  get root(): Hash {
    return this.#versions.head.root;
  }

  /** Accounts in the head. */
  get size(): number {
    return this.#versions.head.size;
  }

  /** Nodes in memory, those of open updates included. */
  get nodeCount(): number {
    return this.#versions.arena.nodeCount;
  }

  /**
   * The head with these accounts set, as a version of its own; of an address given twice the last counts.
   * @throws Error if MAX_OPEN_UPDATES are open; TypeError for an address or account that is none.
   */
  update(changes: Iterable<readonly [Address, Account]>, trailOf?: TrailOf): TreeUpdate {
    return this.#versions.head.update(changes, trailOf);
  }

  /** Proves the head's account of `address`, or that there is none. */
  prove(address: Address): StateProof {
    const { arena, head } = this.#versions;
    const key = sha256(fromHex(address));
    const siblings: Hash[] = [];
    let ref = head.ref;
    for (let depth = 0; ref > 0; depth++) {
      const [on, beside] =
        keyBit(key, depth) === 0 ? [arena.left(ref), arena.right(ref)] : [arena.right(ref), arena.left(ref)];
      siblings.push(arena.hash(beside));
      ref = on;
    }
    if (ref === EMPTY) return { siblings, leaf: null };
    return { siblings, leaf: [arena.key(ref), encodeAccount(arena.account(ref))] };
  }
}

/** The subtree at `depth` with these leaves, whose keys all lead there: its root. */
export function plant(arena: NodeArena, depth: number, leaves: readonly number[]): number {
  return new Merge(arena, leaves).alone(depth);
}

function* subtreesOf(
  arena: NodeArena,
  ref: number,
  path: KeyPath,
  maxAccounts: number,
): Generator<Subtree, void, undefined> {
  const accounts: (readonly [Address, Account])[] = [];
  if (collect(arena, ref, accounts, maxAccounts)) {
    yield { path, hash: arena.hash(ref), accounts };
    return;
  }
  yield* subtreesOf(arena, arena.left(ref), `${path}0`, maxAccounts);
  yield* subtreesOf(arena, arena.right(ref), `${path}1`, maxAccounts);
}

/** False as soon as there are more than `max`. */
function collect(
  arena: NodeArena,
  ref: number,
  accounts: (readonly [Address, Account])[],
  max: number,
): boolean {
  if (ref === EMPTY) return true;
  if (ref < 0) return accounts.push([arena.address(ref), arena.account(ref)]) <= max;
  return collect(arena, arena.left(ref), accounts, max) && collect(arena, arena.right(ref), accounts, max);
}

/** What all versions of one tree share. */
interface Versions {
  arena: NodeArena;
  head: Version;
  open: number;
}

function newVersions(): Versions {
  const versions = { arena: new NodeArena(), open: 0 } as Versions;
  versions.head = new Version(versions, null, { ref: EMPTY, size: 0, made: [], replaced: [] }, 'head');
  return versions;
}

class Version implements TreeUpdate {
  readonly ref: number;
  readonly size: number;
  readonly root: Hash;
  readonly #versions: Versions;
  readonly #children = new Set<Version>();
  /** Null once it is, or was, the head: the versions before it can then be forgotten. */
  #parent: Version | null;
  /** Nodes that this version has and its parent has not, and the other way round. */
  #made: readonly number[];
  #replaced: readonly number[];
  #state: 'open' | 'head' | 'gone';

  constructor(versions: Versions, parent: Version | null, merged: Merged, state: 'open' | 'head') {
    this.#versions = versions;
    this.#parent = parent;
    this.ref = merged.ref;
    this.size = merged.size;
    this.root = versions.arena.hash(merged.ref);
    this.#made = merged.made;
    this.#replaced = merged.replaced;
    this.#state = state;
  }

  update(changes: Iterable<readonly [Address, Account]>, trailOf?: TrailOf): TreeUpdate {
    const { arena, open } = this.#versions;
    if (this.#state === 'gone') throw new Error('an update on a state that is stale or discarded');
    if (open >= MAX_OPEN_UPDATES) throw new Error(`${open} state updates are open: some are never discarded`);
    const leaves: number[] = [];
    for (const [address, account] of changes instanceof Map ? changes : new Map(changes)) {
      leaves.push(arena.createLeaf(address, account, trailOf?.(address)));
    }
    return this.derive(leaves);
  }

  /** The version with these new leaves, each of another account. */
  derive(leaves: readonly number[]): Version {
    const merged = new Merge(this.#versions.arena, leaves).into(this);
    const version = new Version(this.#versions, this, merged, 'open');
    this.#children.add(version);
    this.#versions.open++;
    return version;
  }

  commit(): void {
    const parent = this.#parent;
    if (this.#state !== 'open' || parent === null || parent !== this.#versions.head) {
      throw new Error('a state update that is not an open one of the head cannot be committed');
    }
    parent.#children.delete(this);
    for (const competitor of parent.#children) competitor.#drop();
    parent.#children.clear();
    parent.#state = 'gone';

    for (const ref of this.#replaced) this.#versions.arena.free(ref);
    this.#close('head');
    this.#versions.head = this;
  }

  /** Adds the nodes that only updates on top of this version have. */
  collectOpen(nodes: number[]): void {
    for (const child of this.#children) {
      for (const ref of child.#made) nodes.push(ref);
      child.collectOpen(nodes);
    }
  }

  discard(): void {
    if (this.#state !== 'open') return;
    if (this.#parent !== null) this.#parent.#children.delete(this);
    this.#drop();
  }

  #drop(): void {
    for (const child of this.#children) child.#drop();
    this.#children.clear();
    for (const ref of this.#made) this.#versions.arena.free(ref);
    this.#close('gone');
  }

  #close(state: 'head' | 'gone'): void {
    this.#state = state;
    this.#parent = null;
    this.#made = [];
    this.#replaced = [];
    this.#versions.open--;
  }
}

interface Merged {
  readonly ref: number;
  readonly size: number;
  readonly made: readonly number[];
  readonly replaced: readonly number[];
}

/**
 * One pass that puts new leaves into a version: each inner node on their paths is made, and hashed, once. The leaves
 * are partitioned by one more bit of their keys at each depth, so the descent is also what sorts them.
 */
class Merge {
  readonly #arena: NodeArena;
  readonly #leaves: Int32Array;
  readonly #made: number[] = [];
  readonly #replaced: number[] = [];
  #added = 0;

  constructor(arena: NodeArena, leaves: readonly number[]) {
    this.#arena = arena;
    this.#leaves = Int32Array.from(leaves);
  }

  into(version: Version): Merged {
    const ref = this.#merge(version.ref, 0, 0, this.#leaves.length);
    return { ref, size: version.size + this.#added, made: this.#made, replaced: this.#replaced };
  }

  alone(depth: number): number {
    return this.#merge(EMPTY, depth, 0, this.#leaves.length);
  }

  /**
   * The subtree `ref` at `depth` with the leaves `from` up to `to`, all of whose keys lead there.
   * @param fetched whether the arena has fetched their paths
   */
  #merge(ref: number, depth: number, from: number, to: number, fetched = false): number {
    const arena = this.#arena;
    if (from === to) return ref;
    if (to - from === 1) {
      const leaf = this.#leaves[from] as number;
      if (ref === EMPTY) {
        this.#added++;
        return this.#make(leaf);
      }
      if (ref < 0 && arena.sameKey(ref, leaf)) return this.#replaceLeaf(ref, leaf);
    }
    if (depth === KEY_BITS) throw new Error('one account twice in a state');
    const fetches = !fetched && to - from <= FETCHED_TOGETHER;
    if (fetches) arena.fetch(ref, depth, this.#leaves, from, to);

    let left = EMPTY;
    let right = EMPTY;
    if (ref > 0) {
      left = arena.left(ref);
      right = arena.right(ref);
    } else if (ref !== EMPTY) {
      if (arena.keyBit(ref, depth) === 0) left = ref;
      else right = ref;
    }
    const middle = this.#partition(depth, from, to);
    const newLeft = this.#merge(left, depth + 1, from, middle, fetched || fetches);
    const newRight = this.#merge(right, depth + 1, middle, to, fetched || fetches);
    if (ref > 0) {
      if (newLeft === left && newRight === right) return ref;
      this.#replaced.push(ref);
      return this.#make(arena.replaceInner(ref, newLeft, newRight));
    }
    return this.#make(arena.createInner(newLeft, newRight));
  }

  #replaceLeaf(old: number, leaf: number): number {
    this.#arena.continueTrail(leaf, old);
    if (this.#arena.sameLeaf(old, leaf)) {
      this.#arena.unmake(leaf);
      return old;
    }
    this.#replaced.push(old);
    return this.#make(leaf);
  }

  #make(ref: number): number {
    this.#made.push(ref);
    return ref;
  }

  /** Moves the leaves whose bit is 0 to the front; returns where those with 1 begin. */
  #partition(depth: number, from: number, to: number): number {
    const leaves = this.#leaves;
    let low = from;
    let high = to;
    while (low < high) {
      const leaf = leaves[low] as number;
      if (this.#arena.keyBit(leaf, depth) === 0) low++;
      else {
        high--;
        leaves[low] = leaves[high] as number;
        leaves[high] = leaf;
      }
    }
    return low;
  }
}
