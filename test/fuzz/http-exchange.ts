/** Raw bytes to an HTTP server and raw bytes back, without a socket: what comes in is exactly what the fuzzer made. */
import { once } from 'node:events';
import type { Server } from 'node:http';
import { Duplex } from 'node:stream';
import { Broken, type Verdict } from './target.js';

/** Turns of the event loop in which nothing new is said: then nothing more will come without time passing. */
const QUIET_TURNS = 6;
const MAX_TURNS = 200;
/** 503 says that a node is busy or not ready, which is an answer; any other 5xx is a failure of its own. */
const BUSY = 503;

class Caller extends Duplex {
  readonly #answer: Buffer[] = [];
  answerBytes = 0;
  readonly remoteAddress = '127.0.0.1';

  override _read(): void {}

  override _write(chunk: Buffer, _: unknown, done: () => void): void {
    this.#answer.push(chunk);
    this.answerBytes += chunk.length;
    done();
  }

  get answer(): string {
    return Buffer.concat(this.#answer).toString('latin1');
  }

  /** As a socket's: closes once everything is written, which here is at once. */
  destroySoon(): void {
    this.destroy();
  }

  setTimeout(): this {
    return this;
  }

  setNoDelay(): this {
    return this;
  }

  setKeepAlive(): this {
    return this;
  }
}

/** Sends the bytes, lets `timers` ring once everything is quiet, and gives all that was answered. */
export async function exchange(server: Server, bytes: Uint8Array, timers: () => void): Promise<string> {
  const caller = new Caller();
  caller.on('error', () => {});
  server.emit('connection', caller);
  caller.push(Buffer.from(bytes));
  await quiet(caller);
  timers();
  await quiet(caller);
  const closed = caller.closed ? undefined : once(caller, 'close');
  caller.destroy();
  await closed;
  return caller.answer;
}

async function quiet(caller: Caller): Promise<void> {
  let before = caller.answerBytes;
  for (let turns = 0, still = 0; turns < MAX_TURNS && still < QUIET_TURNS && !caller.destroyed; turns++) {
    await new Promise((resolve) => setImmediate(resolve));
    still = caller.answerBytes === before ? still + 1 : 0;
    before = caller.answerBytes;
  }
}

/** Every refusal is problem details with a code; none says that the server failed. */
export function judgeAnswer(answer: string): Verdict {
  const heads = answer.matchAll(/^HTTP\/1\.1 (\d{3}) [^\r]*\r\n((?:[^\r]+\r\n)*)/gm);
  let accepted = false;
  for (const [head, digits, headers = ''] of heads) {
    const status = Number(digits);
    if (status >= 500 && status !== BUSY) throw new Broken(`answered with ${answer.slice(0, 2_000)}`);
    const type = /^content-type: ([^\r]*)/im.exec(headers)?.[1];
    // Without a type there is no body either: node's own words, to a request without Host or with a strange Expect.
    if (status >= 400 && type !== undefined && !type.startsWith('application/problem+json'))
      throw new Broken(`a refusal that is no problem details: ${head}`);
    accepted ||= status < 400;
  }
  return accepted ? 'accepted' : 'refused';
}
