/** A fault that a network of real processes has to bear. */
import type { Chance } from '../simulation/chance.js';
import type { Network } from './network.js';

export interface Scale {
  /** Whether this is the form that fits into every run of the tests. */
  readonly short: boolean;
  /** How often the scenario `kill` kills. */
  readonly kills: number;
}

export interface Scenario {
  readonly name: string;
  /** What happens, and what has to come of it. */
  readonly sentence: string;
  /**
   * Makes the fault happen in a network that runs and is under load, and ends it. What has to hold after every fault is
   * looked at by whoever plays it.
   * @returns what happened, in a few words with figures
   */
  play(network: Network, scale: Scale, chance: Chance): Promise<string>;
}

/** @throws Error with that message: the network did not bear the fault */
export function must(held: boolean, message: string): asserts held {
  if (!held) throw new Error(message);
}
