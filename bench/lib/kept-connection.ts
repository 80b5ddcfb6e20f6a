/**
 * A connection that hands in one thing after the other over HTTP. Node's own client takes a quarter of a millisecond
 * more for each, of the processor that the measured nodes share with it.
 */
import { once } from 'node:events';
import { connect, type Socket } from 'node:net';
import { readHead } from './http-answer.js';

interface Waiting {
  readonly resolve: (body: string) => void;
  readonly reject: (error: Error) => void;
}

export class KeptConnection {
  readonly #socket: Socket;
  readonly #host: string;
  #waiting: Waiting | undefined;
  #got: Buffer = Buffer.alloc(0);

  private constructor(socket: Socket, host: string) {
    this.#socket = socket;
    this.#host = host;
    socket.on('data', (bytes) => this.#received(bytes));
    socket.on('error', (error) => this.#failed(error));
    socket.on('close', () => this.#failed(new Error(`${host} closed the connection`)));
  }

  /** @param http as in `http://127.0.0.1:80` */
  static async open(http: string): Promise<KeptConnection> {
    const { host, hostname, port } = new URL(http);
    const socket = connect({ host: hostname, port: Number(port), noDelay: true });
    await once(socket, 'connect');
    return new KeptConnection(socket, host);
  }

  /**
   * The body of the answer.
   * @param body JSON
   * @throws Error for an answer that is no success, and if another is still awaited
   */
  post(path: string, body: string): Promise<string> {
    if (this.#waiting !== undefined) throw new Error('one at a time');
    const head =
      `POST ${path} HTTP/1.1\r\nhost: ${this.#host}\r\ncontent-type: application/json\r\n` +
      `content-length: ${Buffer.byteLength(body)}\r\n\r\n`;
    return new Promise((resolve, reject) => {
      this.#waiting = { resolve, reject };
      this.#socket.write(head + body);
    });
  }

  close(): void {
    this.#socket.destroy();
  }

  #received(bytes: Buffer): void {
    const got = this.#got.length === 0 ? bytes : Buffer.concat([this.#got, bytes]);
    this.#got = got;
    try {
      const head = readHead(got);
      if (head === undefined || got.length < head.totalBytes) return;
      this.#got = got.subarray(head.totalBytes);
      const body = got.toString('utf8', head.bodyAt, head.totalBytes);
      if (head.status < 200 || head.status > 299)
        throw new Error(`${this.#host} answers ${head.status}: ${body.slice(0, 500)}`);
      this.#settle()?.resolve(body);
    } catch (error) {
      this.#failed(error as Error);
    }
  }

  #failed(error: Error): void {
    this.#settle()?.reject(error);
  }

  #settle(): Waiting | undefined {
    const waiting = this.#waiting;
    this.#waiting = undefined;
    return waiting;
  }
}
