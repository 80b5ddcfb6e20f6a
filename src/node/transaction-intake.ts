/**
 * A transaction's way in, from the API or from peers: decoded, checked for form, its signature checked in a batch off
 * the main thread, offered to the mempool, and passed on to the peers once.
 */
import { checkForm, resolveKey } from '../ledger/transaction.js';
import type { Mempool } from '../mempool/mempool.js';
import type { Clock } from '../ports/clock.js';
import type { Worker } from '../ports/worker.js';
import type { Address, Hash } from '../protocol/bytes.js';
import { type ErrorCode, ProtocolError } from '../protocol/errors.js';
import { sha256Hex } from '../protocol/hash.js';
import { decodeTransaction, type Transaction, transactionSignatureCheck } from '../protocol/transaction.js';
import type { Chain } from './chain.js';
import type { SubmitResult, TransactionStatus } from './face.js';
import type { SignatureCache } from './signature-cache.js';

/** Wire forms of peers whose signatures are being checked; copies of any beyond this are checked again. */
const MAX_CHECKING = 65_536;

export interface TransactionIntakeDependencies {
  /** What became of a transaction, as the API shows it. */
  status(id: Hash): TransactionStatus | undefined;
  offend(peer: Address, code: ErrorCode, detail: string): void;
  /** New transactions, for every peer but `source`. */
  gossip(transactions: readonly Transaction[], source: Address | null): void;
  /** The mempool changed: a block may be due. */
  changed(): void;
}

type Candidate = { readonly transaction: Transaction; readonly publicKey: Uint8Array } | ProtocolError;

export class TransactionIntake {
  readonly #chain: Chain;
  readonly #mempool: Mempool;
  readonly #clock: Clock;
  readonly #worker: Worker;
  readonly #verified: SignatureCache;
  readonly #dependencies: TransactionIntakeDependencies;
  /** H(wire form): every peer passes a transaction on, so its copies arrive while the first is being checked. */
  readonly #checking = new Set<Hash>();

  constructor(
    parts: {
      readonly chain: Chain;
      readonly mempool: Mempool;
      readonly clock: Clock;
      readonly worker: Worker;
      readonly verified: SignatureCache;
    },
    dependencies: TransactionIntakeDependencies,
  ) {
    this.#chain = parts.chain;
    this.#mempool = parts.mempool;
    this.#clock = parts.clock;
    this.#worker = parts.worker;
    this.#verified = parts.verified;
    this.#dependencies = dependencies;
  }

  /** Of a peer: what is known already costs a hash, what is bad is held against it. */
  async hear(peer: Address, wires: readonly Uint8Array[]): Promise<void> {
    const news: Uint8Array[] = [];
    const hashes: Hash[] = [];
    for (const wire of wires) {
      const hash = sha256Hex(wire);
      if (this.#mempool.hasWire(hash) || this.#checking.has(hash)) continue;
      news.push(wire);
      if (this.#checking.size >= MAX_CHECKING) continue;
      this.#checking.add(hash);
      hashes.push(hash);
    }
    if (news.length === 0) return;
    try {
      for (const result of await this.submit(news, peer)) {
        if (!result.accepted)
          this.#dependencies.offend(peer, result.code, `${result.code}: ${result.message}`);
      }
    } finally {
      for (const hash of hashes) this.#checking.delete(hash);
    }
  }

  /** One answer each, in order; a transaction that is known answers its present status. */
  async submit(wires: readonly Uint8Array[], source: Address | null): Promise<SubmitResult[]> {
    const candidates = this.#candidates(wires);
    const unchecked = candidates.filter(
      (candidate) =>
        !(candidate instanceof ProtocolError) && !this.#verified.has(candidate.transaction.wireHash),
    ) as Exclude<Candidate, ProtocolError>[];
    const good = await this.#worker.verify(
      unchecked.map(({ transaction, publicKey }) =>
        transactionSignatureCheck(transaction, publicKey, this.#chain.rules.genesisId),
      ),
    );
    const bad = new Set(unchecked.filter((_, index) => good[index] !== true));
    this.#verified.addAll(unchecked.filter((each) => !bad.has(each)).map(({ transaction }) => transaction));

    const accepted: Transaction[] = [];
    const results = candidates.map((candidate): SubmitResult => {
      if (candidate instanceof ProtocolError) return refusal(candidate);
      if (bad.has(candidate))
        return refusal(new ProtocolError('BAD_SIGNATURE', 'the signature is not that of the sender'));
      return this.#offer(candidate.transaction, accepted);
    });
    if (accepted.length > 0) {
      this.#dependencies.gossip(accepted, source);
      this.#dependencies.changed();
    }
    return results;
  }

  /** Decoded, of good form, and with the key to check each with: a nonce 0 before it in the same batch counts. */
  #candidates(wires: readonly Uint8Array[]): Candidate[] {
    const carried = new Map<Address, Uint8Array>();
    const keys = {
      publicKey: (address: Address) =>
        this.#chain.publicKey(address) ?? this.#mempool.publicKey(address) ?? carried.get(address),
    };
    return wires.map((wire): Candidate => {
      try {
        const transaction = decodeTransaction(wire, this.#chain.rules.genesisId);
        const error = checkForm(transaction, this.#chain.rules);
        if (error !== null) return error;
        const publicKey = resolveKey(transaction, keys);
        if (publicKey instanceof ProtocolError) return publicKey;
        carried.set(transaction.from, publicKey);
        return { transaction, publicKey };
      } catch (error) {
        if (error instanceof ProtocolError) return error;
        throw error;
      }
    });
  }

  #offer(transaction: Transaction, accepted: Transaction[]): SubmitResult {
    const present = this.#dependencies.status(transaction.id);
    if (present !== undefined && present.state !== 'dropped')
      return { accepted: true, transaction, status: present };
    const added = this.#mempool.add(transaction, this.#clock.now());
    if (!added.accepted) return refusal(added.error);
    if (!added.known) accepted.push(transaction);
    return { accepted: true, transaction, status: added.status };
  }
}

function refusal({ code, message }: ProtocolError): SubmitResult {
  return { accepted: false, code, message };
}
