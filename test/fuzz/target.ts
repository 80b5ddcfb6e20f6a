/** What a target of the fuzzer is: something that takes bytes of a stranger's. */
import type { Dice } from './dice.js';
import { mutateBytes } from './mutate-bytes.js';
import { type Dialect, mutateTree, written } from './tree.js';

/** What became of an input; anything thrown that is not `refused` is a failure, and so is a `Broken`. */
export type Verdict = 'accepted' | 'refused';

export interface Target {
  readonly name: string;
  /** One input, made from what is valid. */
  input(dice: Dice): Uint8Array;
  /** A fresh taker of inputs: used for many of them, as state that grows with them is part of what is tested. */
  open(): Promise<Taker>;
}

export interface Taker {
  take(input: Uint8Array): Verdict | Promise<Verdict>;
  close?(): Promise<void>;
}

/** Something that must hold does not: re-encoding gives other bytes, two readers disagree, an answer is a 500. */
export class Broken extends Error {
  override readonly name = 'Broken';
}

/** Inputs from a corpus of valid ones: seldom as they are, mostly changed as trees, else as bytes. */
export function changed(corpus: readonly Uint8Array[], dialect?: Dialect): (dice: Dice) => Uint8Array {
  const trees = corpus.map((bytes) => dialect?.read(bytes));
  const known = trees.filter((tree) => tree !== undefined);
  return (dice) => {
    const at = dice.below(corpus.length);
    const bytes = corpus[at] as Uint8Array;
    let tree = trees[at];
    if (dice.oneIn(50)) return bytes;
    if (dialect === undefined || tree === undefined || dice.oneIn(3)) return mutateBytes(bytes, dice, corpus);
    for (let left = 1 + dice.size(4); left > 0; left--) tree = mutateTree(tree, dice, dialect, known);
    const mutated = written(tree, dialect, bytes.length);
    return dice.oneIn(10) ? mutateBytes(mutated, dice, corpus) : Uint8Array.from(mutated);
  };
}

/** A taker for a synchronous reader that throws `refusal`s. */
export function reader(
  read: (input: Uint8Array) => void,
  isRefusal: (error: unknown) => boolean,
): () => Promise<Taker> {
  return async () => ({
    take(input) {
      try {
        read(input);
        return 'accepted';
      } catch (error) {
        if (isRefusal(error)) return 'refused';
        throw error;
      }
    },
  });
}
