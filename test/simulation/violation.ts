/** A promise that was not kept: what the simulator is there to find. */
export class Violation extends Error {
  override readonly name: string = 'Violation';
}

/**
 * Two final blocks at one height, each with a certificate that holds: what more liars than a network bears can bring
 * about, and no fewer. Beyond that number it is the one violation that is to be expected.
 */
export class Split extends Violation {
  override readonly name = 'Split';
}

export function violated(what: string): never {
  throw new Violation(what);
}
