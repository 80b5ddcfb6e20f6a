/**
 * What a transfer cannot do without until it is final: three signatures, three synced writes, three hops over TCP. Each is
 * measured alone, by the process of the benchmark, either at rest or once between any two transfers: then it finds the
 * machine as those do, its caches with other things in them and its processor at the same pace.
 */
import { once } from 'node:events';
import { connect, createServer, type Server, type Socket } from 'node:net';
import { signerOf } from '../../src/keys/signer.js';
import type { Signer } from '../../src/ports/signer.js';
import { type LevelStore, openLevelStore } from '../../src/storage/level-store.js';
import { median } from './statistics.js';
import type { World } from './world.js';

/** A vote, and what its synced write holds. */
const MESSAGE = Buffer.alloc(330);
const OPERATION = { key: Buffer.from('key'), value: MESSAGE };
const REST_SAMPLES = 200;
const TIMES = 3;

export interface FloorOfLatency {
  /** With signatures as node:crypto makes them beside other work, in a thread of its own. */
  readonly ms: number;
  /** With signatures made in place. */
  readonly inPlaceMs: number;
}

export class LatencyFloor {
  readonly #signer: Signer;
  readonly #store: LevelStore;
  readonly #server: Server;
  readonly #socket: Socket;
  /** Those done between two transfers. */
  readonly #acts: readonly Act[];

  private constructor(signer: Signer, store: LevelStore, server: Server, socket: Socket) {
    this.#signer = signer;
    this.#store = store;
    this.#server = server;
    this.#socket = socket;
    this.#acts = this.#newActs();
  }

  /** @param directory for a database that is written to; on the disk that the nodes have theirs on */
  static async open(directory: string, { validators: [account] }: World): Promise<LatencyFloor> {
    if (account === undefined) throw new Error('a network without a validator');
    const server = createServer({ noDelay: true }, (socket: Socket) => socket.pipe(socket));
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
    const { port } = server.address() as { port: number };
    const socket = connect({ port, host: '127.0.0.1', noDelay: true });
    await once(socket, 'connect');
    return new LatencyFloor(signerOf(account), await openLevelStore(directory), server, socket);
  }

  /** One of each. */
  async sample(): Promise<void> {
    for (const act of this.#acts) await act.time();
  }

  /** The medians of all samples so far, together. */
  soFar(): FloorOfLatency {
    return floorOf(this.#acts);
  }

  /** Of many in a row of each sort; they do not count among the samples. */
  async atRest(): Promise<FloorOfLatency> {
    const acts = this.#newActs();
    for (const act of acts) for (let i = 0; i < REST_SAMPLES; i++) await act.time();
    return floorOf(acts);
  }

  async close(): Promise<void> {
    this.#socket.destroy();
    this.#server.close();
    await this.#store.close();
  }

  #newActs(): Act[] {
    return [
      new Act(() => this.#signer.sign(MESSAGE, true)),
      new Act(() => this.#signer.sign(MESSAGE)),
      new Act(() => this.#store.write([OPERATION], { sync: true })),
      new Act(() => this.#roundTrip()),
    ];
  }

  async #roundTrip(): Promise<void> {
    this.#socket.write(MESSAGE);
    for (let got = 0; got < MESSAGE.length; )
      got += ((await once(this.#socket, 'data')) as [Buffer])[0].length;
  }
}

function floorOf(acts: readonly Act[]): FloorOfLatency {
  const [signMs = 0, inPlaceMs = 0, writeMs = 0, roundTripMs = 0] = acts.map(({ times }) => median(times));
  const rest = writeMs + roundTripMs / 2;
  return { ms: TIMES * (signMs + rest), inPlaceMs: TIMES * (inPlaceMs + rest) };
}

/** Something done over and over, and how long it took each time. */
class Act {
  readonly times: number[] = [];
  readonly #act: () => Promise<unknown>;

  constructor(act: () => Promise<unknown>) {
    this.#act = act;
  }

  async time(): Promise<void> {
    const startMs = performance.now();
    await this.#act();
    this.times.push(performance.now() - startMs);
  }
}
