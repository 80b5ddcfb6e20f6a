/** Time as it comes from outside. The real one is `systemClock` in src/node; the simulator has its own. */
export interface Clock {
  /** Milliseconds since 1970-01-01T00:00Z; may jump. */
  now(): number;
  /** Milliseconds of a clock that never jumps; only differences mean something. */
  monotonic(): number;
  /** Calls `fire` once, after `delayMs` of the monotonic clock. */
  after(delayMs: number, fire: () => void): Timer;
}

export interface Timer {
  cancel(): void;
}
