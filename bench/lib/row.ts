/** What a benchmark is made of: rows that run and give figures. */

export interface Settings {
  /** A smoke run: everything once and short, so that its figures say only that the rows work. */
  readonly quick: boolean;
  readonly say: (text: string) => void;
}

export interface Figure {
  readonly name: string;
  /** What was counted or timed. */
  readonly what: string;
  readonly unit: string;
  /** One value a run; the figure is their median. */
  readonly runs: readonly number[];
  /** The limit that it is held against: L (or a part of it) if named, else the value measured beside it. */
  readonly limit?:
    | { readonly name: string; readonly partOfL: number }
    | { readonly name: string; readonly value: number };
  /** In units of the limit, or without one of the figure itself. */
  readonly goal?: { readonly atLeast: number } | { readonly atMost: number };
}

export interface Row {
  readonly name: string;
  run(settings: Settings): Promise<readonly Figure[]>;
}
