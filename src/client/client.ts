/** A node's HTTP API as typed methods. Nothing it returns is verified: see verify.ts for what can be. */
import type { KeyObject } from 'node:crypto';
import { type Address, type Hash, toBase64 } from '../protocol/bytes.js';
import type { DataJson } from '../protocol/json.js';
import { addressOf } from '../protocol/keys.js';
import { CcoinError } from './error.js';
import { type Fetch, type HttpRequest, openEvents, requestJson } from './http.js';
import { publicKeyOf, signTransfer, type Transfer } from './transfer.js';
import type {
  AccountJson,
  AuthorityJson,
  BatchItemJson,
  BlockJson,
  BlocksJson,
  BlockWireJson,
  EvidenceJson,
  FinalityJson,
  NodeJson,
  PageJson,
  PeerJson,
  StatusJson,
  TransactionJson,
} from './types.js';

export interface ClientOptions {
  /** The node's bearer token, for `transfer`. */
  readonly token?: string;
  /** How long an answer may take; 10 s unless given. */
  readonly timeoutMs?: number;
  /** Instead of the global one. */
  readonly fetch?: Fetch;
}

export interface PageOptions {
  readonly limit?: number;
  readonly cursor?: string | null;
}

export interface TransactionsOptions extends PageOptions {
  readonly account?: Address;
  /** Seconds since 1970, at most 3 decimals: leaves out transactions in blocks before that. */
  readonly since?: number;
}

type BlockReference = number | Hash | 'latest';

const DEFAULT_TIMEOUT_MS = 10_000;
/** What one request of `waitFinal` waits at most; it asks again as long as there is time. */
const WAIT_SECONDS = 30;

/**
 * @example
 * const client = new CcoinClient('http://127.0.0.1:8080');
 * const { id } = await client.send(privateKey, { to, amount: 25, data: 'rent' });
 * const { status } = await client.waitFinal(id);
 */
export class CcoinClient {
  readonly baseUrl: string;
  readonly #options: ClientOptions;

  /** @param baseUrl a node's HTTP address, with or without the path of the node's address */
  constructor(baseUrl: string, options: ClientOptions = {}) {
    const url = URL.canParse(baseUrl) ? new URL(baseUrl) : undefined;
    if (url === undefined || !/^https?:$/.test(url.protocol))
      throw new TypeError(`not the HTTP address of a node (such as http://127.0.0.1:8080): ${baseUrl}`);
    this.baseUrl = `${url.origin}${url.pathname}`.replace(/\/+$/, '');
    this.#options = options;
  }

  node(): Promise<NodeJson> {
    return this.#get('/');
  }

  status(): Promise<StatusJson> {
    return this.#get('/status');
  }

  /** Whether the node is ready to be relied on, at most `maxBehind` blocks behind; if not, the reasons. */
  async readiness(maxBehind?: number): Promise<{ readonly ready: boolean; readonly reason: string }> {
    try {
      await this.#get('/health/ready', { max_behind: maxBehind });
      return { ready: true, reason: '' };
    } catch (error) {
      if (error instanceof CcoinError && error.code === 'NOT_READY')
        return { ready: false, reason: error.message };
      throw error;
    }
  }

  /** The number of the head, which is how many blocks there are. */
  blockCount(): Promise<number> {
    return this.#get('/blk/cnt');
  }

  /** A block with the accounts it touched, or with every account as of it. */
  block(reference: BlockReference, options: { readonly state?: 'touched' | 'all' } = {}): Promise<BlockJson> {
    return this.#get(`/blk/${reference}`, { state: options.state });
  }

  /** A block as the bytes that `verifyBlock` proves. */
  blockWire(reference: BlockReference): Promise<BlockWireJson> {
    return this.#get(`/blk/${reference}`, { form: 'wire' });
  }

  /** Blocks upwards from a number (1 unless given); `next` says where to go on. */
  blocks(options: { readonly from?: number; readonly limit?: number } = {}): Promise<BlocksJson> {
    return this.#get('/blk', { from: options.from, limit: options.limit });
  }

  /** An account now, or as it was after a block. @throws CcoinError NOT_FOUND */
  account(address: Address, options: { readonly block?: number } = {}): Promise<AccountJson> {
    return this.#get(`/account/${address}`, { block: options.block });
  }

  accounts(options: PageOptions = {}): Promise<PageJson<AccountJson>> {
    return this.#get('/accounts', pageQuery(options));
  }

  /** Final transactions, newest first. */
  transactions(options: TransactionsOptions = {}): Promise<PageJson<TransactionJson>> {
    const { account, since } = options;
    return this.#get('/txns', { ...pageQuery(options), account, since });
  }

  /** A transaction and what became of it. @throws CcoinError NOT_FOUND */
  transaction(id: Hash): Promise<TransactionJson> {
    return this.#get(`/txn/${id}`);
  }

  /** The transaction with this id in that very block. @throws CcoinError NOT_FOUND */
  transactionIn(id: Hash, blockNumber: number): Promise<TransactionJson> {
    return this.#post(`/txn/${id}`, { block_number: blockNumber });
  }

  /** What waits to become final. */
  pool(
    options: PageOptions = {},
  ): Promise<PageJson<TransactionJson> & { ready: number; waiting: number; bytes: number }> {
    return this.#get('/pool', pageQuery(options));
  }

  async peers(): Promise<readonly PeerJson[]> {
    return (await this.#get<PageJson<PeerJson>>('/peers')).items;
  }

  authorities(): Promise<PageJson<AuthorityJson> & { readonly quorum: number }> {
    return this.#get('/authorities');
  }

  async evidence(): Promise<readonly EvidenceJson[]> {
    return (await this.#get<PageJson<EvidenceJson>>('/evidence')).items;
  }

  /**
   * Hands in a signed transaction. Doing so again is harmless and answers its present status.
   * @param waitSeconds 0 to 60: answers once it is final or dropped, or after so long as it stands then
   * @throws CcoinError with the protocol's code if it is refused
   */
  submit(wire: Uint8Array, waitSeconds = 0): Promise<TransactionJson> {
    return this.#request({
      method: 'POST',
      path: '/txn',
      query: { wait: waitSeconds === 0 ? undefined : waitSeconds },
      body: { wire: toBase64(wire) },
      timeoutMs: waitSeconds * 1000 + this.#timeoutMs,
    });
  }

  /** Hands in up to 1,000 signed transactions; one answer each, in order. */
  async submitAll(wires: readonly Uint8Array[]): Promise<readonly BatchItemJson[]> {
    const { items } = await this.#post<{ items: BatchItemJson[] }>('/txns', { wires: wires.map(toBase64) });
    return items;
  }

  /**
   * Lets the node sign a transfer from its own account; needs the token.
   * @param idempotencyKey makes a retry of the same order safe
   * @param order `to` is an address or a public key
   */
  transfer(
    order: { readonly to: string; readonly amount: number; readonly fee?: number; readonly data?: DataJson },
    idempotencyKey?: string,
  ): Promise<TransactionJson> {
    const { to, ...rest } = order;
    const { token } = this.#options;
    return this.#post(
      '/txn',
      { sendto_address: to, ...rest },
      {
        ...(token === undefined ? {} : { authorization: `Bearer ${token}` }),
        ...(idempotencyKey === undefined ? {} : { 'idempotency-key': idempotencyKey }),
      },
    );
  }

  /**
   * Signs a transfer here and hands it in: asks for the network and the next nonce first. One at a time for each
   * account; whoever sends many counts nonces and uses `signTransfer` and `submitAll`.
   * @throws CcoinError NOT_FOUND if the account of `privateKey` never received anything
   */
  async send(privateKey: KeyObject, transfer: Omit<Transfer, 'nonce'>): Promise<TransactionJson> {
    const from = addressOf(publicKeyOf(privateKey));
    const [{ genesis_id }, { next_nonce }] = await Promise.all([this.status(), this.account(from)]);
    return this.submit(signTransfer({ ...transfer, nonce: next_nonce }, privateKey, genesis_id).wire);
  }

  /**
   * The transaction once it is final.
   * @param timeoutMs a minute unless given
   * @throws CcoinError DROPPED if it left the pool, NOT_FINAL if time is up
   */
  async waitFinal(id: Hash, timeoutMs = 60_000): Promise<TransactionJson> {
    const start = performance.now();
    for (;;) {
      const leftMs = timeoutMs - (performance.now() - start);
      const transaction = await this.#waitOnce(
        id,
        Math.min(WAIT_SECONDS, Math.max(1, Math.ceil(leftMs / 1000))),
      );
      const status = transaction?.status;
      if (transaction !== undefined && status?.state === 'final') return transaction;
      if (status?.state === 'dropped') {
        const { reason, detail } = status;
        throw CcoinError.of(
          'DROPPED',
          `transaction ${id} left the pool: ${reason}${detail && ` (${detail})`}`,
        );
      }
      if (performance.now() - start >= timeoutMs)
        throw CcoinError.of('NOT_FINAL', `transaction ${id} is not final after ${timeoutMs / 1000} s`);
    }
  }

  /**
   * Blocks as they become final on the node, until `signal` aborts or the node ends the stream.
   * @example
   * for await (const { number, finality_ms } of client.finality()) console.log(number, finality_ms);
   */
  async *finality(signal?: AbortSignal): AsyncGenerator<FinalityJson> {
    const stream = await openEvents(this.#fetch, this.baseUrl, '/events', signal);
    let rest = '';
    for await (const text of stream.pipeThrough(new TextDecoderStream())) {
      const events = (rest + text).split('\n\n');
      rest = events.pop() ?? '';
      for (const event of events) {
        const data = /^data: (.*)$/m.exec(event)?.[1];
        if (data !== undefined) yield JSON.parse(data);
      }
    }
  }

  /** Undefined if the node has not heard of it within that time. */
  async #waitOnce(id: Hash, seconds: number): Promise<TransactionJson | undefined> {
    try {
      const timeoutMs = seconds * 1000 + this.#timeoutMs;
      return await this.#request({ method: 'GET', path: `/txn/${id}`, query: { wait: seconds }, timeoutMs });
    } catch (error) {
      if (error instanceof CcoinError && error.code === 'NOT_FOUND') return undefined;
      throw error;
    }
  }

  get #timeoutMs(): number {
    return this.#options.timeoutMs ?? DEFAULT_TIMEOUT_MS;
  }

  get #fetch(): Fetch {
    return this.#options.fetch ?? globalThis.fetch;
  }

  #get<T>(path: string, query?: HttpRequest['query']): Promise<T> {
    return this.#request({ method: 'GET', path, query, timeoutMs: this.#timeoutMs });
  }

  #post<T>(path: string, body: unknown, headers: Readonly<Record<string, string>> = {}): Promise<T> {
    return this.#request({ method: 'POST', path, body, headers, timeoutMs: this.#timeoutMs });
  }

  #request<T>(request: HttpRequest): Promise<T> {
    return requestJson(this.#fetch, this.baseUrl, request);
  }
}

function pageQuery({ limit, cursor }: PageOptions) {
  return { limit, cursor: cursor ?? undefined };
}
