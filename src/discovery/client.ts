/**
 * Speaks to a discovery service for one account in one network. The service may be down, slow or lying: nothing here
 * throws, answers are bounded and checked, and what they say is a hint that the handshake has to prove.
 */
import type { Clock } from '../ports/clock.js';
import type { Signer } from '../ports/signer.js';
import type { Endpoint } from '../ports/transport.js';
import { type Hash, toBase64 } from '../protocol/bytes.js';
import { SchemaError } from '../protocol/schema.js';
import { type Json, JsonError, parseJson } from '../protocol/strict-json.js';
import { MEMBER, type Member, type SignedParts, signedBytes } from './messages.js';

const REQUEST_TIMEOUT_MS = 5_000;
const MAX_ANSWER_BYTES = 1024 * 1024;
const MAX_MEMBERS = 1024;
const MAX_DETAIL = 200;

/** What came of a request; `reason` is one sentence. */
export type Outcome<T> =
  | { readonly ok: true; readonly value: T }
  | { readonly ok: false; readonly reason: string };

export interface DiscoveryClientOptions {
  /** `http://host:port` */
  readonly url: string;
  /** The genesis id. */
  readonly network: Hash;
  readonly clock: Clock;
  readonly signer: Signer;
  readonly fetch: typeof fetch;
}

export class DiscoveryClient {
  readonly #options: DiscoveryClientOptions;
  #lastTime = 0;

  constructor(options: DiscoveryClientOptions) {
    this.#options = options;
  }

  /** Says that this account can be reached at `endpoint`, for as long as ENTRY_LIFE_MS. */
  async announce({ host, port }: Endpoint): Promise<Outcome<true>> {
    const { address } = this.#options.signer;
    return this.#command('add', { ip: host, port }, { peer: { id: address, ip: host, port } });
  }

  /** Takes this account off the list. */
  async remove(): Promise<Outcome<true>> {
    const { address } = this.#options.signer;
    return this.#command('remove', { ip: null, port: null }, { peer_id: address });
  }

  /** The others in the network; what is no member in the answer is left out. */
  async members(): Promise<Outcome<readonly Member[]>> {
    const { network, signer } = this.#options;
    const answer = await this.#post({ command: 'get_all', network });
    if (!answer.ok) return answer;
    if (!Array.isArray(answer.value)) return { ok: false, reason: 'the discovery service gives no list' };
    const members = answer.value.slice(0, MAX_MEMBERS).flatMap(memberOrNone);
    return { ok: true, value: members.filter(({ id }) => id !== signer.address) };
  }

  async #command(
    command: SignedParts['command'],
    at: Pick<SignedParts, 'ip' | 'port'>,
    body: object,
  ): Promise<Outcome<true>> {
    const { clock, network, signer } = this.#options;
    // Rising, even within a millisecond or after the clock was set back.
    this.#lastTime = Math.max(clock.now(), this.#lastTime + 1);
    const parts = { command, network, address: signer.address, ...at, time: this.#lastTime };
    const signature = await signer.sign(signedBytes(parts), true);
    const answer = await this.#post({
      command,
      ...body,
      network,
      time: parts.time,
      public_key: toBase64(signer.publicKey),
      signature: toBase64(signature),
    });
    return answer.ok ? { ok: true, value: true } : answer;
  }

  async #post(body: object): Promise<Outcome<Json>> {
    const { clock, url } = this.#options;
    const abort = new AbortController();
    const timer = clock.after(REQUEST_TIMEOUT_MS, () => abort.abort());
    try {
      const response = await this.#options.fetch(url, {
        method: 'POST',
        headers: { 'content-type': 'application/json' },
        body: JSON.stringify(body),
        redirect: 'error',
        signal: abort.signal,
      });
      const answer = parseJson(await boundedText(response), { comments: false });
      return response.ok
        ? { ok: true, value: answer }
        : { ok: false, reason: refusal(response.status, answer) };
    } catch (error) {
      return { ok: false, reason: `the discovery service ${url} ${failure(error, abort.signal)}` };
    } finally {
      timer.cancel();
    }
  }
}

class AnswerTooLarge extends Error {}

async function boundedText(response: Response): Promise<string> {
  const chunks: Uint8Array[] = [];
  let length = 0;
  for await (const chunk of response.body ?? []) {
    length += chunk.length;
    if (length > MAX_ANSWER_BYTES) throw new AnswerTooLarge();
    chunks.push(chunk);
  }
  return Buffer.concat(chunks).toString('utf8');
}

function memberOrNone(value: Json): Member[] {
  try {
    return [MEMBER.read(value, 'member')];
  } catch (error) {
    if (error instanceof SchemaError) return [];
    throw error;
  }
}

function refusal(status: number, answer: Json): string {
  const detail =
    typeof answer === 'object' && answer !== null && 'detail' in answer ? answer.detail : undefined;
  // It ends up in a log: no control characters, and not for ever.
  const shown =
    typeof detail === 'string' ? detail.replace(/\p{Cc}/gu, ' ').slice(0, MAX_DETAIL) : `HTTP ${status}`;
  return `the discovery service refuses: ${shown}`;
}

function failure(error: unknown, signal: AbortSignal): string {
  if (signal.aborted) return `does not answer within ${REQUEST_TIMEOUT_MS / 1000} s`;
  if (error instanceof AnswerTooLarge) return `answers with more than ${MAX_ANSWER_BYTES} bytes`;
  if (error instanceof JsonError) return 'answers with something else than JSON';
  const { code } = ((error as Error).cause ?? {}) as NodeJS.ErrnoException;
  return `cannot be reached${code === undefined ? '' : ` (${code})`}`;
}
