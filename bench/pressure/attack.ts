/** What an attack is, and whom it is aimed at. */
import type { KeyObject } from 'node:crypto';
import type { Hash } from '../../src/protocol/bytes.js';

export const HOST = '127.0.0.1';

/** A key with which strangers introduce themselves. */
export interface Stranger {
  readonly address: string;
  readonly publicKey: Uint8Array;
  readonly privateKey: KeyObject;
}

export interface Target {
  readonly httpPort: number;
  readonly p2pPort: number;
  readonly genesisId: Hash;
  readonly strangers: readonly Stranger[];
}

export interface Attack {
  readonly name: string;
  /** What is done, for the table. */
  readonly what: string;
  /**
   * Goes on until `signal` is aborted.
   * @param press told when pressure begins and when it pauses; what lies between is measured
   * @returns what was really done, in one phrase
   */
  run(target: Target, signal: AbortSignal, press: (on: boolean) => void): Promise<string>;
}
