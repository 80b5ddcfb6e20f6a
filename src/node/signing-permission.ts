/**
 * Whether this validator may sign at a height, as far as its own past is concerned (section 8, "Own word kept"): one
 * that finds its seals or votes on the chain but has no record of them could contradict what it said.
 */
import { type Block, decodeBlock, GENESIS_NUMBER } from '../protocol/block.js';
import { type Address, fromHex, type Hash } from '../protocol/bytes.js';
import { decodeCertificate } from '../protocol/certificate.js';
import type { ChainStore } from '../storage/chain-store.js';
import type { SignerRecordStore } from '../storage/signer-record.js';

export class SigningPermission {
  readonly #record: SignerRecordStore;
  readonly #findOwnMark: () => number | undefined;
  readonly #acceptLostRecord: boolean;
  /** Of a lost record: the height that was current when the node could have signed; it signs above it only. */
  #above: number | null = null;
  #refusal: string | null | undefined;

  /** @param findOwnMark the newest block that carries our seal or precommit, if there is one */
  constructor(record: SignerRecordStore, findOwnMark: () => number | undefined, acceptLostRecord: boolean) {
    this.#record = record;
    this.#findOwnMark = findOwnMark;
    this.#acceptLostRecord = acceptLostRecord;
  }

  /** Null if it may; else why not, for the log. To be asked of a node that is caught up. */
  refusal(height: number): string | null {
    const { state } = this.#record;
    if (state !== null && this.#above === null) {
      if (height >= state.height) return null;
      return `its signer's record is of height ${state.height}, and the chain only at ${height}: signing waits for that height`;
    }
    if (this.#refusal === undefined) this.#refusal = this.#lostRecord(height);
    if (this.#refusal !== null) return this.#refusal;
    if (this.#above === null || height > this.#above) return null;
    return `the signer's record was lost: nothing is signed at height ${this.#above}`;
  }

  #lostRecord(height: number): string | null {
    const mark = this.#findOwnMark();
    if (mark === undefined) return null;
    if (this.#acceptLostRecord) {
      this.#above = height;
      return null;
    }
    return (
      `block ${mark} carries this validator's signature, but its signer's record is missing: signing could contradict ` +
      'what it said; bring the record back, or, if no other node runs with this key, start with --accept-lost-record'
    );
  }
}

/** The newest block with the seal or a precommit of `address`, looking back from the head. */
export function findOwnMark(
  store: ChainStore,
  address: Address,
  index: number,
  genesisId: Hash,
): number | undefined {
  const genesis = fromHex(genesisId);
  for (let { number } = store.head; number > GENESIS_NUMBER; number--) {
    const stored = store.blockBytes(number);
    if (stored === undefined || stored.certificate === null) continue;
    const { signatures } = decodeCertificate(stored.certificate);
    if (signatures.some(({ authority }) => authority === index)) return number;
    const block: Block = decodeBlock(stored.block, genesis);
    if (block.header.coinbase === address) return number;
  }
  return undefined;
}
