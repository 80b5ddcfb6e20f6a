/**
 * A state tree put together from parts that come in any order and from anybody (section 9). Each place's hash is known
 * before its content is taken, from the root down, so what was taken is true, whoever gave it.
 */
import type { Hash } from './bytes.js';
import { malformed } from './errors.js';
import type { Trail } from './state.js';
import { EMPTY, NodeArena } from './state-arena.js';
import { type AccountEntry, isEmpty, type KeyPath, type PlacedHash } from './state-part.js';
import { plant, StateTree } from './state-tree.js';

/** Places that are known and not taken: what a peer that splits the tree more finely than need be can make of it. */
export const MAX_OPEN_PLACES = 65_536;

export class StateAssembly {
  readonly #root: PlacedHash;
  readonly #trail: Trail | undefined;
  readonly #arena = new NodeArena();
  /** Places whose content is still to be had. */
  readonly #open = new Map<KeyPath, Hash>();
  /** Roots of the subtrees that were taken. */
  readonly #planted = new Map<KeyPath, number>();
  #size = 0;

  /**
   * @param root the `hash_state` of a final header
   * @param trail of every account
   */
  constructor(root: Hash, trail?: Trail) {
    this.#root = { path: '', hash: root };
    this.#trail = trail;
    this.#add(this.#root);
  }

  /** Accounts taken. */
  get size(): number {
    return this.#size;
  }

  get done(): boolean {
    return this.#open.size === 0;
  }

  /** Places still open, and those taken. */
  get progress(): { readonly taken: number; readonly open: number } {
    return { taken: this.#planted.size, open: this.#open.size };
  }

  /** The hash of the subtree at a place that is still to be taken; undefined if it is not, or not known yet. */
  wanted(path: KeyPath): PlacedHash | undefined {
    const hash = this.#open.get(path);
    return hash === undefined ? undefined : { path, hash };
  }

  /**
   * From now on it is these subtrees of the place that are to be taken: what `decodeSubtrees` gave for it. Returns those
   * that are not empty.
   * @throws ProtocolError MALFORMED if there are too many
   */
  split(path: KeyPath, subtrees: readonly PlacedHash[]): PlacedHash[] {
    if (this.#open.size + subtrees.length > MAX_OPEN_PLACES) throw malformed('a state split too finely');
    this.#open.delete(path);
    for (const subtree of subtrees) this.#add(subtree);
    return subtrees.filter((subtree) => !isEmpty(subtree));
  }

  /** Takes the accounts of a place. @throws ProtocolError MALFORMED if it has others; nothing has changed then */
  take({ path, hash }: PlacedHash, entries: readonly AccountEntry[]): void {
    const arena = this.#arena;
    const leaves = entries.map(({ address, account }) => arena.createLeaf(address, account, this.#trail));
    const why = this.#faultOf(path, leaves);
    const ref = why === undefined ? plant(arena, path.length, leaves) : EMPTY;
    if (why === undefined && arena.hash(ref) === hash) {
      this.#open.delete(path);
      this.#planted.set(path, ref);
      this.#size += entries.length;
      return;
    }
    this.#uproot(ref, leaves);
    throw malformed(why ?? 'these are not the accounts of that place');
  }

  /** The whole tree; nothing may be open any more, and the assembly is done with. */
  finish(): StateTree {
    if (!this.done) throw new Error(`${this.#open.size} places of the state are still open`);
    const tree = StateTree.adopt(this.#arena, this.#join(''), this.#size);
    if (tree.root !== this.#root.hash) throw new Error('the parts of a state do not give its root');
    return tree;
  }

  #add(place: PlacedHash): void {
    if (isEmpty(place)) this.#planted.set(place.path, EMPTY);
    else this.#open.set(place.path, place.hash);
  }

  #join(path: KeyPath): number {
    const planted = this.#planted.get(path);
    if (planted !== undefined) return planted;
    return this.#arena.createInner(this.#join(`${path}0`), this.#join(`${path}1`));
  }

  /** The order of keys makes a part one text, and no account comes twice. */
  #faultOf(path: KeyPath, leaves: readonly number[]): string | undefined {
    const arena = this.#arena;
    for (let i = 1; i < leaves.length; i++) {
      if (arena.compareKeys(leaves[i - 1] as number, leaves[i] as number) >= 0)
        return 'accounts that are not in the order of their keys';
    }
    // All others are between these two.
    for (const leaf of [leaves.at(0), leaves.at(-1)]) {
      for (let bit = 0; leaf !== undefined && bit < path.length; bit++)
        if (arena.keyBit(leaf, bit) !== Number(path[bit])) return 'an account that is not of that place';
    }
    return undefined;
  }

  #uproot(ref: number, leaves: readonly number[]): void {
    const arena = this.#arena;
    const free = (node: number): void => {
      if (node <= EMPTY) return;
      free(arena.left(node));
      free(arena.right(node));
      arena.unmake(node);
    };
    free(ref);
    for (const leaf of leaves) arena.unmake(leaf);
  }
}
