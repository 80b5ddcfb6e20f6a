/** Sends transfers at a steady rate to the validators, over HTTP like any client, and follows each until it is final. */
import { setTimeout as sleep } from 'node:timers/promises';
import { type SignedTransfer, signTransfer } from '../../../src/client/index.js';
import type { Account } from '../../../src/keys/account.js';
import { decodeBlock } from '../../../src/protocol/block.js';
import { fromBase64, fromHex, type Hash, toBase64 } from '../../../src/protocol/bytes.js';
import { LoadBook, type LoadSummary } from './load-book.js';
import { LOAD_AMOUNT, LOAD_FEE } from './plan.js';

const TICK_MS = 20;
/** What was missed while the machine was busy is made up for, but not by more than this at once. */
const MAX_CATCH_UP_MS = 500;
const REQUEST_TIMEOUT_MS = 10_000;
const RETRY_AFTER_MS = 300;
/** How long the end of a run waits for what is under way. */
const DRAIN_MS = 15_000;

type BatchItem =
  | { readonly accepted: true }
  | { readonly accepted: false; readonly error: { readonly code: string } };

export class Load {
  readonly #accounts: readonly Account[];
  readonly #urls: readonly string[];
  readonly #genesisId: Hash;
  readonly #book: LoadBook;
  readonly #perMs: number;
  #timer: NodeJS.Timeout | undefined;
  #lastTickMs = 0;
  #owed = 0;
  #over = false;

  private constructor(
    accounts: readonly Account[],
    urls: readonly string[],
    genesisId: Hash,
    nonces: readonly number[],
    perSecond: number,
  ) {
    this.#accounts = accounts;
    this.#urls = urls;
    this.#genesisId = genesisId;
    this.#book = new LoadBook(nonces);
    this.#perMs = perSecond / 1000;
  }

  /**
   * @param urls the validators' HTTP APIs
   * @param perSecond transfers a second, all accounts together
   */
  static async start(
    accounts: readonly Account[],
    urls: readonly string[],
    genesisId: Hash,
    perSecond: number,
  ): Promise<Load> {
    const [first] = urls;
    if (first === undefined) throw new Error('a load needs a validator');
    const nonces = await Promise.all(
      accounts.map(
        async ({ address }) =>
          (await getJson<{ next_nonce: number }>(`${first}/account/${address}`)).next_nonce,
      ),
    );
    const load = new Load(accounts, urls, genesisId, nonces, perSecond);
    load.#lastTickMs = performance.now();
    load.#timer = setInterval(() => load.#tick(), TICK_MS);
    return load;
  }

  /** Block `number`, said to be final by the node at `url`, has transactions: perhaps some of ours. */
  async blockFinal(number: number, url: string): Promise<void> {
    const nowMs = performance.now();
    // Whoever reported the block may die before telling what is in it.
    for (const from of [url, ...this.#urls]) {
      try {
        const { block } = await getJson<{ block: string }>(`${from}/blk/${number}?form=wire`);
        const wire = fromBase64(block);
        if (wire === undefined) throw new Error(`block ${number} came in another form than base64`);
        const { transactions } = decodeBlock(wire, fromHex(this.#genesisId));
        this.#book.final(
          transactions.map(({ id }) => id),
          nowMs,
        );
        return;
      } catch (error) {
        if (this.#over || from === this.#urls.at(-1)) throw error;
      }
    }
  }

  /** Sends no more, waits a while for what is under way, and says how it went. */
  async stop(): Promise<LoadSummary> {
    clearInterval(this.#timer);
    const untilMs = performance.now() + DRAIN_MS;
    while (this.#book.underWay > 0 && performance.now() < untilMs) await sleep(TICK_MS);
    this.#over = true;
    return this.#book.summary();
  }

  #tick(): void {
    const nowMs = performance.now();
    this.#owed += Math.min(nowMs - this.#lastTickMs, MAX_CATCH_UP_MS) * this.#perMs;
    this.#lastTickMs = nowMs;
    const batches = new Map<number, SignedTransfer[]>();
    for (; this.#owed >= 1; this.#owed--) {
      const turn = this.#book.take();
      if (turn === undefined) {
        // The network does not keep up: a rate that is not reached is not owed later.
        this.#owed = 0;
        break;
      }
      // Each sender keeps to one validator, as nonces that arrive out of order would wait for each other.
      const at = turn.sender % this.#urls.length;
      const batch = batches.get(at) ?? [];
      batches.set(at, batch);
      batch.push(this.#sign(turn.sender, turn.nonce));
    }
    for (const [at, batch] of batches) void this.#submit(batch, at);
  }

  #sign(sender: number, nonce: number): SignedTransfer {
    const account = this.#accounts[sender];
    const to = this.#accounts[(sender + 1) % this.#accounts.length];
    if (account === undefined || to === undefined) throw new Error(`there is no load account ${sender}`);
    const transfer = { to: to.address, amount: LOAD_AMOUNT, fee: LOAD_FEE, nonce };
    const signed = signTransfer(transfer, account.privateKey, this.#genesisId);
    this.#book.sent(signed.id, sender, nonce, performance.now());
    return signed;
  }

  /** Hands a batch to a validator, or to the next one if that does not answer: the same transaction counts once. */
  async #submit(batch: readonly SignedTransfer[], at: number): Promise<void> {
    const body = JSON.stringify(batch.map(({ wire }) => toBase64(wire)));
    for (let tried = at; !this.#over; tried++) {
      try {
        const { items } = await postJson<{ items: BatchItem[] }>(
          `${this.#urls[tried % this.#urls.length]}/txns?form=short`,
          body,
        );
        items.forEach((item, i) => {
          const id = batch[i]?.id;
          if (!item.accepted && id !== undefined) this.#book.rejected(id, item.error.code);
        });
        return;
      } catch {
        await sleep(RETRY_AFTER_MS);
      }
    }
  }
}

async function getJson<T>(url: string): Promise<T> {
  return answer(await fetch(url, { signal: AbortSignal.timeout(REQUEST_TIMEOUT_MS) }));
}

async function postJson<T>(url: string, body: string): Promise<T> {
  const headers = { 'content-type': 'application/json' };
  return answer(
    await fetch(url, { method: 'POST', headers, body, signal: AbortSignal.timeout(REQUEST_TIMEOUT_MS) }),
  );
}

async function answer<T>(response: Response): Promise<T> {
  if (!response.ok) throw new Error(`${response.url} answers ${response.status}: ${await response.text()}`);
  return (await response.json()) as T;
}
