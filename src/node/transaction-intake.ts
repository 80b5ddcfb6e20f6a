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

/**
 * Transactions of peers whose signatures are being checked, in all and of one peer: about a fifth of a second of work.
 * What comes beyond that is dropped, as everything pending is offered again.
 */
const MAX_CHECKING = 8_192;
const MAX_CHECKING_PER_PEER = 2_048;

export interface TransactionIntakeDependencies {
  /** What became of a transaction, as the API shows it. */
  status(id: Hash): TransactionStatus | undefined;
  offend(peer: Address, code: ErrorCode, detail: string): void;
  /** New transactions, for every peer but `source`. */
  gossip(transactions: readonly Transaction[], source: Address | null): void;
  /** The mempool changed: a block may be due. */
  changed(): void;
}

/** A wire form, and H of it. */
interface Hashed {
  readonly wire: Uint8Array;
  readonly wireHash: Hash;
}

type Candidate = { readonly transaction: Transaction; readonly publicKey: Uint8Array } | ProtocolError;

export class TransactionIntake {
  readonly #chain: Chain;
  readonly #mempool: Mempool;
  readonly #clock: Clock;
  readonly #worker: Worker;
  readonly #verified: SignatureCache;
  readonly #dependencies: TransactionIntakeDependencies;
  /** H(wire form): every peer passes a transaction on, so copies arrive while the first is being checked. */
  readonly #checking = new Set<Hash>();
  /** How many of them each peer sent; no entry for none. */
  readonly #checkingOf = new Map<Address, number>();
  /** Keys that nonce 0s in check carry: those after them come meanwhile, and an address vouches for its key. */
  readonly #keysInCheck = new Map<Address, Uint8Array>();

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

  /**
   * Of a peer: what is known already costs a hash, what the mempool would refuse costs no signature check, and what is
   * bad whatever the head is held against the peer.
   */
  async hear(peer: Address, wires: readonly Uint8Array[]): Promise<void> {
    const candidates = this.#candidates(this.#news(peer, wires)).filter(
      (candidate) => candidate instanceof ProtocolError || this.#isWanted(candidate.transaction),
    );
    const hashes = candidates.flatMap((each) =>
      each instanceof ProtocolError ? [] : each.transaction.wireHash,
    );
    this.#count(peer, hashes.length);
    for (const hash of hashes) this.#checking.add(hash);
    try {
      for (const result of await this.#settle(candidates, peer)) {
        if (!result.accepted)
          this.#dependencies.offend(peer, result.code, `${result.code}: ${result.message}`);
      }
    } finally {
      for (const hash of hashes) this.#checking.delete(hash);
      this.#count(peer, -hashes.length);
    }
  }

  /** One answer each, in order; a transaction that is known answers its present status. */
  async submit(wires: readonly Uint8Array[], source: Address | null): Promise<SubmitResult[]> {
    const hashed = wires.map((wire) => ({ wire, wireHash: sha256Hex(wire) }));
    return this.#settle(this.#candidates(hashed), source);
  }

  /** What is neither pending nor being checked, as far as there is room. */
  #news(peer: Address, wires: readonly Uint8Array[]): Hashed[] {
    const ofPeer = this.#checkingOf.get(peer) ?? 0;
    const room = Math.min(MAX_CHECKING - this.#checking.size, MAX_CHECKING_PER_PEER - ofPeer);
    const news: Hashed[] = [];
    for (const wire of wires) {
      if (news.length >= room) break;
      const wireHash = sha256Hex(wire);
      if (!this.#mempool.hasWire(wireHash) && !this.#checking.has(wireHash)) news.push({ wire, wireHash });
    }
    return news;
  }

  #count(peer: Address, more: number): void {
    const count = (this.#checkingOf.get(peer) ?? 0) + more;
    if (count === 0) this.#checkingOf.delete(peer);
    else this.#checkingOf.set(peer, count);
  }

  /** Whether the mempool would take it, were its signature good. */
  #isWanted(transaction: Transaction): boolean {
    return (
      this.#mempool.status(transaction.id)?.state !== 'pending' && this.#mempool.refusal(transaction) === null
    );
  }

  async #settle(candidates: readonly Candidate[], source: Address | null): Promise<SubmitResult[]> {
    const unchecked = candidates.filter(
      (candidate): candidate is Exclude<Candidate, ProtocolError> =>
        !(candidate instanceof ProtocolError) && !this.#verified.has(candidate.transaction.wireHash),
    );
    const good = await this.#check(unchecked);
    const bad = new Set<Candidate>(unchecked.filter((_, index) => good[index] !== true));

    const accepted: Transaction[] = [];
    const results = candidates.map((candidate): SubmitResult => {
      if (candidate instanceof ProtocolError) return refusal(candidate);
      if (bad.has(candidate))
        return refusal(new ProtocolError('BAD_SIGNATURE', 'the signature is not that of the sender'));
      return this.#offer(candidate.transaction, accepted);
    });
    // Now that the pool has most of them: of the others copies will come.
    this.#verified.addAll(unchecked.filter((each) => !bad.has(each)).map(({ transaction }) => transaction));
    if (accepted.length > 0) {
      this.#dependencies.gossip(accepted, source);
      this.#dependencies.changed();
    }
    return results;
  }

  async #check(unchecked: readonly Exclude<Candidate, ProtocolError>[]): Promise<boolean[]> {
    const first = unchecked.filter(({ transaction }) => transaction.nonce === 0);
    for (const { transaction, publicKey } of first) this.#keysInCheck.set(transaction.from, publicKey);
    try {
      return await this.#worker.verify(
        unchecked.map(({ transaction, publicKey }) =>
          transactionSignatureCheck(transaction, publicKey, this.#chain.rules.genesisId),
        ),
      );
    } finally {
      for (const { transaction } of first) this.#keysInCheck.delete(transaction.from);
    }
  }

  /** Decoded, of good form, and with the key to check each with: a nonce 0 before it in the same batch counts. */
  #candidates(hashed: readonly Hashed[]): Candidate[] {
    const carried = new Map<Address, Uint8Array>();
    const keys = {
      publicKey: (address: Address) =>
        this.#chain.publicKey(address) ??
        this.#mempool.publicKey(address) ??
        carried.get(address) ??
        this.#keysInCheck.get(address),
    };
    return hashed.map(({ wire, wireHash }): Candidate => {
      try {
        const transaction = decodeTransaction(wire, this.#chain.rules.genesisId, wireHash);
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
    // Only below its sender's nonce can it be final: the chain's index need not be asked about all the others.
    if (transaction.nonce < (this.#chain.account(transaction.from)?.nonce ?? 0)) {
      const present = this.#dependencies.status(transaction.id);
      if (present?.state === 'final') return { accepted: true, transaction, status: present };
    }
    const added = this.#mempool.add(transaction, this.#clock.now());
    if (!added.accepted) return refusal(added.error);
    if (!added.known) accepted.push(transaction);
    return { accepted: true, transaction, status: added.status };
  }
}

function refusal({ code, message }: ProtocolError): SubmitResult {
  return { accepted: false, code, message };
}
