/** What a benchmark is made of: rows that run and give figures. */
import type { MeterOfL } from './around.js';

export interface Settings {
  /** A smoke run: everything once and short, so that its figures say only that the rows work. */
  readonly quick: boolean;
  readonly say: (text: string) => void;
  /** What rows before this one measured: the medians of their figures, by name. */
  readonly earlier: ReadonlyMap<string, number>;
  /** Measures L around one run of a row: what that run is held against. */
  readonly aroundL: MeterOfL['around'];
}

/** What is to be reached. */
export type Bound = { readonly atLeast: number } | { readonly atMost: number };

export interface Figure {
  readonly name: string;
  /** What was counted or timed. */
  readonly what: string;
  readonly unit: string;
  /** One value a run; the figure is their median. */
  readonly runs: readonly number[];
  /** The limit that it is held against: one measured beside all runs, or one beside each, in the order of the runs. */
  readonly limit?:
    | { readonly name: string; readonly value: number }
    | { readonly name: string; readonly values: readonly number[] };
  /** What the bounds are in: units of the limit where there is one, unless told that it is the figure's own unit. */
  readonly judged?: 'ratio' | 'value';
  /** What must be reached: whatever is short of it is `below`. */
  readonly least?: Bound;
  /** What is aimed at. */
  readonly goal?: Bound;
}

export interface Row {
  readonly name: string;
  /** Rows whose figures it needs: they run before it, also where only this one is asked for. */
  readonly needs?: readonly string[];
  run(settings: Settings): Promise<readonly Figure[]>;
}
