/**
 * The state after one final block, as it comes in part by part (section 9). A certificate proves the header, the header's
 * `hash_state` the parts, each as it comes, and an account's address its public key; so nobody is believed, and who gave
 * what is not known here. What is proven goes to the chain's database, which is a chain once all of it is there.
 */
import type { Store } from '../ports/store.js';
import type { Worker } from '../ports/worker.js';
import type { AuthoritySet } from '../protocol/authorities.js';
import { sealBytes } from '../protocol/block.js';
import { fromHex } from '../protocol/bytes.js';
import { certificateChecks, decodeCertificate } from '../protocol/certificate.js';
import { ProtocolError } from '../protocol/errors.js';
import type { Genesis } from '../protocol/genesis.js';
import type { MessageOf } from '../protocol/messages.js';
import { decodeSealedHeader, type SealedHeader } from '../protocol/sealed-header.js';
import { trailFrom } from '../protocol/state.js';
import { StateAssembly } from '../protocol/state-assembly.js';
import { type AccountEntry, decodeAccounts, decodeSubtrees, type KeyPath } from '../protocol/state-part.js';
import type { StateTree } from '../protocol/state-tree.js';
import { SnapshotLoader } from '../storage/snapshot-loader.js';

/** Accounts of one write: synced, so not too few; some 3 MB with public keys, well below what LevelDB takes at once. */
const WRITE_ACCOUNTS = 8_192;
/** Accounts taken and not on the disk, above which no more should be asked for. */
const MAX_UNWRITTEN = 65_536;

export interface SnapshotIntakeParts {
  /** Empty, or with no more than the genesis block. */
  readonly chain: Store;
  readonly genesis: Genesis;
  readonly checkDisk: () => Promise<void>;
}

export interface SnapshotIntakeEvents {
  /** Some of what was taken is on the disk. */
  written(): void;
  /** All of it is: the database is a chain. */
  finished(tree: StateTree): void;
  /** Of our own: the disk, or a broken invariant. */
  failed(error: unknown): void;
}

export class SnapshotIntake {
  /** Of the block that the state is of. */
  readonly header: SealedHeader;
  readonly #certificate: Uint8Array;
  readonly #assembly: StateAssembly;
  readonly #loader: SnapshotLoader;
  readonly #checkDisk: () => Promise<void>;
  readonly #events: SnapshotIntakeEvents;
  /** Taken, and too few for a write. */
  #gathered: AccountEntry[] = [];
  /** Accounts taken and not on the disk yet. */
  #unwritten = 0;
  #writing: Promise<void> = Promise.resolve();
  #abandoned = false;

  private constructor(
    header: SealedHeader,
    certificate: Uint8Array,
    loader: SnapshotLoader,
    { checkDisk }: SnapshotIntakeParts,
    events: SnapshotIntakeEvents,
  ) {
    this.header = header;
    this.#certificate = certificate;
    this.#assembly = new StateAssembly(header.header.hashState, trailFrom(header.header.number));
    this.#loader = loader;
    this.#checkDisk = checkDisk;
    this.#events = events;
  }

  /**
   * Prepares the database. What another intake left there is cleared, so that one must have stopped writing.
   * @param header proven, as its certificate is, by `proveHeader`
   */
  static async begin(
    header: SealedHeader,
    certificate: Uint8Array,
    parts: SnapshotIntakeParts,
    events: SnapshotIntakeEvents,
  ): Promise<SnapshotIntake> {
    const { block, accounts: changes, supply } = parts.genesis;
    const loader = await SnapshotLoader.begin(parts.chain, { block, changes, supply }, header.header.number);
    return new SnapshotIntake(header, certificate, loader, parts, events);
  }

  /** Whether all parts are here, though not on the disk yet. */
  get complete(): boolean {
    return this.#assembly.done;
  }

  /** Whether more should be asked for: the disk keeps up. */
  get hasRoom(): boolean {
    return this.#unwritten < MAX_UNWRITTEN;
  }

  get progress(): { readonly accounts: number; readonly taken: number; readonly open: number } {
    return { accounts: this.#assembly.size, ...this.#assembly.progress };
  }

  /** Takes the accounts of a place. @throws ProtocolError if it has others; nothing has changed then */
  takeAccounts(path: KeyPath, accounts: Uint8Array): void {
    const place = this.#assembly.wanted(path);
    if (place === undefined) return;
    const entries = decodeAccounts(accounts);
    this.#assembly.take(place, entries);
    this.#write(entries);
  }

  /**
   * Takes the hashes of a place's subtrees.
   * @returns the places to be taken instead of it
   * @throws ProtocolError if it has others, or they are too many; nothing has changed then
   */
  takeSubtrees(path: KeyPath, subtrees: NonNullable<MessageOf<'ASP'>['subtrees']>): KeyPath[] {
    const place = this.#assembly.wanted(path);
    if (place === undefined) return [];
    return this.#assembly.split(path, decodeSubtrees(place, subtrees)).map((subtree) => subtree.path);
  }

  /** Nothing more is written; resolves when the write under way has ended, well or not. */
  abandon(): Promise<void> {
    this.#abandoned = true;
    this.#gathered = [];
    return this.#writing;
  }

  #write(entries: readonly AccountEntry[]): void {
    for (const entry of entries) this.#gathered.push(entry);
    this.#unwritten += entries.length;
    if (this.#gathered.length < WRITE_ACCOUNTS && !this.complete) return;
    const batch = this.#gathered;
    this.#gathered = [];
    this.#continue(async () => {
      await this.#checkDisk();
      await this.#loader.add(batch);
      this.#unwritten -= batch.length;
      this.#events.written();
    });
    if (this.complete) this.#continue(() => this.#finish());
  }

  /** One write after the other. */
  #continue(write: () => Promise<void>): void {
    this.#writing = this.#writing
      .then(() => (this.#abandoned ? undefined : write()))
      .catch((error: unknown) => this.#events.failed(error));
  }

  async #finish(): Promise<void> {
    const tree = this.#assembly.finish();
    await this.#loader.finish(this.header, this.#certificate);
    this.#events.finished(tree);
  }
}

/**
 * The header of block `number`, if these bytes are that, and the block is final.
 * @throws ProtocolError for whoever gave them
 */
export async function proveHeader(
  number: number,
  bytes: Uint8Array,
  certificateBytes: Uint8Array,
  { genesis, authorities, worker }: ProofParts,
): Promise<SealedHeader> {
  const genesisId = fromHex(genesis.block.id);
  const sealed = decodeSealedHeader(bytes);
  const { header, id, signature } = sealed;
  if (header.number !== number) throw new ProtocolError('BAD_BLOCK', `block ${header.number} for ${number}`);
  const certificate = decodeCertificate(certificateBytes);
  const checks = certificateChecks(certificate, { height: number, id }, authorities, genesisId);
  // The id, and so the certificate, covers the header but not its seal, which we shall keep and pass on.
  const coinbase = authorities.at(authorities.indexOf(header.coinbase) ?? -1);
  if (coinbase === undefined || signature === null) throw new ProtocolError('BAD_BLOCK', 'it has no seal');
  const { publicKey } = coinbase;
  checks.push({ publicKey, message: sealBytes(id, genesisId), signature });
  const good = await worker.verify(checks);
  if (!good.every(Boolean)) throw new ProtocolError('BAD_CERTIFICATE', 'a signature is bad');
  return sealed;
}

export interface ProofParts {
  readonly genesis: Genesis;
  readonly authorities: AuthoritySet;
  readonly worker: Worker;
}
