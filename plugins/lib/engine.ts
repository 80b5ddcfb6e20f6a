/** How V8 is told to treat a process that runs for days, and does a little of everything a hundred times a second. */
import { setFlagsFromString } from 'node:v8';

/**
 * How much bytecode a function runs before V8 thinks of optimising it. With its own choice (67,584 in Node 20) a quiet
 * network is at its best after five thousand blocks or more, with this one after a thousand: docs/performance.md.
 */
const INTERRUPT_BUDGET_BYTES = 15_000;

/** To be called before there is anything to run. */
export function tuneEngine(): void {
  setFlagsFromString(`--interrupt-budget=${INTERRUPT_BUDGET_BYTES}`);
  // Code that was not run during some collections is thrown away by default, and compiled anew when it is run again.
  setFlagsFromString('--no-flush-bytecode');
}
