/** Unpredictable bytes, from outside. */
export interface Random {
  bytes(count: number): Uint8Array;
  /** A number from 0 up to, but not, 1: for jitter and picking, never for secrets. */
  fraction(): number;
}
