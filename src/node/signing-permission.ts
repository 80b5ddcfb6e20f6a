/**
 * Whether this validator may sign at a height, as far as its own past is concerned (section 8, "Own word kept"): one
 * that finds its seals or votes on the chain but not in its record could contradict what it said.
 */
import { GENESIS_NUMBER } from '../protocol/block.js';
import type { Address } from '../protocol/bytes.js';
import { decodeCertificate } from '../protocol/certificate.js';
import { decodeSealedHeader } from '../protocol/sealed-header.js';
import type { ChainStore } from '../storage/chain-store.js';
import type { SignerRecordStore } from '../storage/signer-record.js';

export class SigningPermission {
  readonly #record: SignerRecordStore;
  readonly #findOwnMark: (above: number) => number | undefined;
  readonly #acceptLostRecord: boolean;
  readonly #unseenUpTo: number;
  /** The highest block in which own marks were looked for: those that sync brings later are looked at as well. */
  #lookedAt = GENESIS_NUMBER;
  /** Of a lost or doubtful record: the height that was current when the node could have signed; it signs above it only. */
  #above: number | null = null;
  #lost: string | null = null;

  /**
   * @param findOwnMark the newest block above that number that carries our seal or precommit, if there is one
   * @param unseenUpTo blocks above genesis up to this one were never here, as a snapshot took their place: any of them
   * may carry our mark
   */
  constructor(
    record: SignerRecordStore,
    findOwnMark: (above: number) => number | undefined,
    acceptLostRecord: boolean,
    unseenUpTo = GENESIS_NUMBER,
  ) {
    this.#record = record;
    this.#findOwnMark = findOwnMark;
    this.#acceptLostRecord = acceptLostRecord;
    this.#unseenUpTo = unseenUpTo;
  }

  /** Null if it may; else why not, for the log. To be asked of a node that is caught up, at the height above its head. */
  refusal(height: number): string | null {
    if (this.#lost === null && this.#above === null) this.#lookForLoss(height);
    if (this.#lost !== null) return this.#lost;
    if (this.#above !== null && height <= this.#above)
      return `the signer's record, or its end, was lost: nothing is signed at height ${this.#above}`;
    const { state } = this.#record;
    if (state === null || height >= state.height) return null;
    return `its signer's record is of height ${state.height}, and the chain only at ${height}: signing waits for that height`;
  }

  /** What we sign is in the record first: a mark above its height is of another life, and the record lost or an old copy. */
  #lookForLoss(height: number): void {
    const above = Math.max(this.#lookedAt, this.#record.state?.height ?? GENESIS_NUMBER);
    const mark = this.#findOwnMark(above);
    this.#lookedAt = Math.max(this.#lookedAt, height - 1);
    const isHidden = mark === undefined && above < this.#unseenUpTo;
    if (mark === undefined && !isHidden) {
      const { state, doubtful } = this.#record;
      // What was forgotten is of no higher height: nothing is signed on a block that is not final here.
      if (doubtful || (this.#acceptLostRecord && state === null))
        this.#above = Math.max(height, state?.height ?? height);
      return;
    }
    if (this.#acceptLostRecord) this.#above = height;
    else {
      this.#lost =
        `${isHidden ? `a block up to ${this.#unseenUpTo}, which are not here, may carry` : `block ${mark} carries`} this ` +
        "validator's signature, but its signer's record is missing or an old copy: signing " +
        'could contradict what it said; bring the record back, or, if no other node runs with this key, start with ' +
        '--accept-lost-record';
    }
  }
}

/** The newest block above number `above` with the seal or a precommit of `address`, looking back from the head. */
export function findOwnMark(
  store: ChainStore,
  above: number,
  address: Address,
  index: number,
): number | undefined {
  for (let { number } = store.head; number > above; number--) {
    const stored = store.header(number);
    // Where nothing is kept any more.
    if (stored === undefined) return undefined;
    if (stored.certificate === null) continue;
    const { signatures } = decodeCertificate(stored.certificate);
    if (signatures.some(({ authority }) => authority === index)) return number;
    if (decodeSealedHeader(stored.sealedHeader).header.coinbase === address) return number;
  }
  return undefined;
}
