/** What a scenario is: a story of one height of a network of production nodes, told step by step. */
import type { Stage } from './stage.js';

/** One turn of a story: it goes on once this holds. */
export interface Turn {
  readonly what: string;
  holds(): boolean;
}

export type Story = Generator<Turn, void, void>;

/** One place of the sources changed. */
export interface Mutation {
  readonly file: string;
  /** Text that the file holds exactly once. */
  readonly from: string;
  readonly to: string;
}

export interface Part extends Mutation {
  /** What is said of the network without it. */
  readonly noticed: RegExp;
}

export interface Scenario {
  readonly name: string;
  readonly what: string;
  readonly authorities: number;
  /** More lie than the network bears, and it splits. */
  readonly splits?: boolean;
  tell(stage: Stage): Story;
  /** What the network bears it by: taken out, it does not. */
  readonly parts: Readonly<Record<string, Part>>;
}
