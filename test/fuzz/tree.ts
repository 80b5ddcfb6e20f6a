/**
 * Structured values with everything that their formats allow and nobody should write: keys twice, integers in a wide
 * form, text that is none. Changed as trees, they pass the first checks and reach what stands behind them.
 */
import type { Dice } from './dice.js';
import { MAX_INPUT_BYTES, mutateBytes } from './mutate-bytes.js';

export type Tree = null | boolean | number | string | Uint8Array | readonly Tree[] | Pairs | Raw;

/** A map as it is written: in an order, and with keys that may come twice. */
export class Pairs {
  readonly list: readonly (readonly [Tree, Tree])[];
  constructor(list: readonly (readonly [Tree, Tree])[]) {
    this.list = list;
  }
}

/** Bytes that stand in the output as they are. */
export class Raw {
  readonly bytes: Uint8Array;
  constructor(bytes: Uint8Array) {
    this.bytes = bytes;
  }
}

/** A format that trees are read from and written in. */
export interface Dialect {
  /** Undefined for bytes that are not of this format. */
  read(bytes: Uint8Array): Tree | undefined;
  /** All the pieces of its bytes, one after the other: far more than fit in memory if parts of it were multiplied. */
  pieces(tree: Tree): Iterable<Uint8Array>;
  /** Values that are wrong in most places. */
  readonly oddities: readonly ((dice: Dice) => Tree)[];
}

/** A tree's bytes, cut off where they become more than an input has, or than there were before. */
export function written(tree: Tree, dialect: Dialect, lengthBefore: number): Uint8Array {
  const maxBytes = Math.max(MAX_INPUT_BYTES, lengthBefore);
  const pieces: Uint8Array[] = [];
  let length = 0;
  for (const piece of dialect.pieces(tree)) {
    pieces.push(piece);
    length += piece.length;
    if (length >= maxBytes) break;
  }
  return Buffer.concat(pieces).subarray(0, maxBytes);
}

/** One change somewhere in the tree. Byte strings that hold a tree themselves are entered. */
export function mutateTree(tree: Tree, dice: Dice, dialect: Dialect, corpus: readonly Tree[]): Tree {
  const size = childrenOf(tree);
  if (size > 0 && !dice.oneIn(4)) return mutateInside(tree, dice, dialect, corpus);
  if (tree instanceof Uint8Array && tree.length > 8 && !dice.oneIn(4)) {
    const inner = dice.oneIn(8) ? undefined : dialect.read(tree);
    if (inner === undefined) return mutateBytes(tree, dice, [tree]);
    return written(mutateTree(inner, dice, dialect, corpus), dialect, tree.length);
  }
  if (size > 0 && dice.oneIn(2)) return rearranged(tree, dice);
  if (typeof tree === 'number' && dice.oneIn(2)) return Math.max(0, tree + dice.below(5) - 2);
  return dice.oneIn(3) ? anyPartOf(dice.pick(corpus), dice) : dice.pick(dialect.oddities)(dice);
}

function childrenOf(tree: Tree): number {
  return isList(tree) ? tree.length : tree instanceof Pairs ? tree.list.length : 0;
}

function mutateInside(tree: Tree, dice: Dice, dialect: Dialect, corpus: readonly Tree[]): Tree {
  const at = dice.below(childrenOf(tree));
  const change = (child: Tree) => mutateTree(child, dice, dialect, corpus);
  if (isList(tree)) return tree.map((child, i) => (i === at ? change(child) : child));
  if (!(tree instanceof Pairs)) return tree;
  const ofKey = dice.oneIn(10);
  return new Pairs(
    tree.list.map(([key, value], i) =>
      i !== at ? [key, value] : ofKey ? [change(key), value] : [key, change(value)],
    ),
  );
}

/** Leaves out, doubles, moves or multiplies children. */
function rearranged(tree: Tree, dice: Dice): Tree {
  const list: (Tree | readonly [Tree, Tree])[] = isList(tree) ? [...tree] : [...(tree as Pairs).list];
  const at = dice.below(list.length);
  const [child] = list.slice(at);
  if (child !== undefined) {
    const how = dice.below(4);
    if (how === 0) list.splice(at, 1);
    else if (how === 1) list.splice(dice.below(list.length), 0, child);
    else if (how === 2) list.unshift(...list.splice(at, 1));
    else list.splice(at, 0, ...Array.from({ length: dice.size(2_000) }, () => child));
  }
  return isList(tree) ? (list as Tree[]) : new Pairs(list as (readonly [Tree, Tree])[]);
}

function anyPartOf(tree: Tree, dice: Dice): Tree {
  if (childrenOf(tree) === 0 || dice.oneIn(4)) return tree;
  if (isList(tree)) return anyPartOf(dice.pick(tree), dice);
  return tree instanceof Pairs ? anyPartOf(dice.pick(dice.pick(tree.list)), dice) : tree;
}

export function isList(tree: Tree): tree is readonly Tree[] {
  return Array.isArray(tree);
}
