import type { Address } from '../protocol/bytes.js';

/** The node's own key. It signs whatever it is given: who may sign what is decided in `consensus`. */
export interface Signer {
  readonly address: Address;
  /** PKCS#1 DER. */
  readonly publicKey: Uint8Array;
  /**
   * RSASSA-PSS as PROTOCOL section 2 has it.
   * @param beside whether the node has something better to do meanwhile: then another thread does it, as for strangers
   */
  sign(message: Uint8Array, beside?: boolean): Promise<Uint8Array>;
}
