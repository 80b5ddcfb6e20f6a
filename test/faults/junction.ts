/**
 * The way to one node: a port that all others dial instead of the node's own, and that stays when the node is started
 * again elsewhere. A connection says in its first frame (HEY) who opened it, so it is carried on the lanes of that pair.
 */
import { once } from 'node:events';
import { type AddressInfo, connect, createServer, type Server, type Socket } from 'node:net';
import type { Address } from '../../src/protocol/bytes.js';
import { FrameReader } from '../../src/protocol/frame.js';
import { decodeBody } from '../../src/protocol/messages.js';
import type { Links } from './links.js';
import type { Witness } from './witness.js';

const HOST = '127.0.0.1';

export class Junction {
  /** Where the node listens now; null while it does not run. */
  target: number | null = null;
  readonly #to: Address;
  readonly #links: Links;
  readonly #witness: Witness;
  readonly #server: Server;
  readonly #sockets = new Set<Socket>();

  private constructor(to: Address, links: Links, witness: Witness) {
    this.#to = to;
    this.#links = links;
    this.#witness = witness;
    this.#server = createServer((socket) => this.#dialed(socket));
  }

  static async open(to: Address, links: Links, witness: Witness): Promise<Junction> {
    const junction = new Junction(to, links, witness);
    junction.#server.listen(0, HOST);
    await once(junction.#server, 'listening');
    return junction;
  }

  get endpoint(): string {
    return `${HOST}:${(this.#server.address() as AddressInfo).port}`;
  }

  async close(): Promise<void> {
    const closed = once(this.#server, 'close');
    this.#server.close();
    for (const socket of this.#sockets) socket.destroy();
    await closed;
  }

  #dialed(opener: Socket): void {
    this.#keep(opener);
    const reader = new FrameReader();
    const first: Buffer[] = [];
    const read = (bytes: Buffer): void => {
      first.push(bytes);
      reader.push(bytes);
      const frame = reader.next();
      if (frame === undefined) return;
      opener.off('data', read);
      opener.pause();
      const hello = decodeBody(frame.type, frame.body);
      if (hello.type !== 'HEY') throw new Error(`a connection was opened with ${hello.type}`);
      void this.#connect(opener, hello.address, first);
    };
    opener.on('data', read);
  }

  async #connect(opener: Socket, from: Address, first: readonly Buffer[]): Promise<void> {
    const there = this.#links.lane(from, this.#to);
    const back = this.#links.lane(this.#to, from);
    // The node hears of no connection through a cut.
    await there.untilOpen();
    if (this.target === null || opener.destroyed) {
      opener.destroy();
      return;
    }
    const node = connect(this.target, HOST);
    this.#keep(node);
    there.carry(opener, node, first, this.#witness.stream());
    back.carry(node, opener, [], this.#witness.stream());
    opener.resume();
  }

  #keep(socket: Socket): void {
    socket.setNoDelay(true);
    this.#sockets.add(socket);
    // What ends a connection shows in its end.
    socket.on('error', () => {});
    socket.once('close', () => this.#sockets.delete(socket));
  }
}
