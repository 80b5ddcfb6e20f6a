/** A promise that was not kept: what the simulator is there to find. */
export class Violation extends Error {
  override readonly name = 'Violation';
}

export function violated(what: string): never {
  throw new Violation(what);
}
