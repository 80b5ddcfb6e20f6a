/** A network of connections in memory, over a given clock: bytes arrive in order, a latency after they were sent. */
import type { Clock } from '../../src/ports/clock.js';
import type {
  Connection,
  ConnectionEvents,
  Endpoint,
  Listener,
  Transport,
} from '../../src/ports/transport.js';
import type { Address } from '../../src/protocol/bytes.js';

const FIRST_FREE_PORT = 10_000;

export class MemoryInternet {
  readonly clock: Clock;
  latencyMs: number;
  /** Draws the latency of a connection's direction, for lines that differ; otherwise it is `latencyMs`. */
  drawLatencyMs: (() => number) | undefined;
  /** Hosts whose packets get lost both ways, connections staying open: a cut cable. */
  readonly unreachable = new Set<string>();
  readonly listeners = new Map<string, (connection: Connection) => void>();
  readonly connections: MemoryConnection[] = [];
  /** Every dial, in order, reached or not. */
  readonly dials: { from: string; to: Endpoint; atMs: number }[] = [];
  #port = FIRST_FREE_PORT;

  constructor(clock: Clock, latencyMs = 1) {
    this.clock = clock;
    this.latencyMs = latencyMs;
  }

  /** The transport of one host; `certified` makes its connections look like TLS ones of that account. */
  host(host: string, certified?: Address): MemoryTransport {
    return new MemoryTransport(this, host, certified);
  }

  latency(): number {
    return this.drawLatencyMs?.() ?? this.latencyMs;
  }

  freePort(): number {
    this.#port++;
    return this.#port;
  }

  cut(a: string, b: string): boolean {
    return this.unreachable.has(a) || this.unreachable.has(b);
  }
}

export class MemoryTransport implements Transport {
  readonly #internet: MemoryInternet;
  readonly #host: string;
  readonly #certified: Address | undefined;

  constructor(internet: MemoryInternet, host: string, certified: Address | undefined) {
    this.#internet = internet;
    this.#host = host;
    this.#certified = certified;
  }

  async listen(at: Endpoint, accept: (connection: Connection) => void): Promise<Listener> {
    const port = at.port === 0 ? this.#internet.freePort() : at.port;
    const key = `${this.#host}:${port}`;
    if (this.#internet.listeners.has(key)) throw new Error(`EADDRINUSE ${key}`);
    this.#internet.listeners.set(key, accept);
    return {
      port,
      close: async () => {
        this.#internet.listeners.delete(key);
      },
    };
  }

  dial(to: Endpoint, timeoutMs: number): Promise<Connection> {
    const internet = this.#internet;
    internet.dials.push({ from: this.#host, to, atMs: internet.clock.monotonic() });
    return new Promise((resolve, reject) => {
      if (internet.cut(this.#host, to.host)) {
        internet.clock.after(timeoutMs, () => reject(new Error('ETIMEDOUT')));
        return;
      }
      internet.clock.after(internet.latency(), () => {
        const accept = internet.listeners.get(`${to.host}:${to.port}`);
        if (accept === undefined) return reject(new Error('ECONNREFUSED'));
        const local = { host: this.#host, port: internet.freePort() };
        const [here, there] = pair(internet, local, to, this.#certified);
        accept(there);
        resolve(here);
      });
    });
  }
}

function pair(
  internet: MemoryInternet,
  opener: Endpoint,
  answerer: Endpoint,
  certified: Address | undefined,
): [MemoryConnection, MemoryConnection] {
  const here = new MemoryConnection(internet, opener.host, answerer, false, undefined);
  const there = new MemoryConnection(internet, answerer.host, opener, true, certified);
  here.other = there;
  there.other = here;
  internet.connections.push(here, there);
  return [here, there];
}

export class MemoryConnection implements Connection {
  readonly local: string;
  readonly remote: Endpoint;
  readonly inbound: boolean;
  readonly channel = new Uint8Array(0);
  readonly certified: Address | undefined;
  other: MemoryConnection | undefined;
  /** Set to make the other side look as if it reads nothing. */
  stalled = false;
  queuedBytes = 0;
  closed = false;
  #ended = false;
  #events: ConnectionEvents | undefined;
  readonly #early: Uint8Array[] = [];
  readonly #internet: MemoryInternet;
  readonly #latencyMs: number;

  constructor(
    internet: MemoryInternet,
    local: string,
    remote: Endpoint,
    inbound: boolean,
    certified: Address | undefined,
  ) {
    this.#internet = internet;
    this.#latencyMs = internet.latency();
    this.local = local;
    this.remote = remote;
    this.inbound = inbound;
    this.certified = certified;
  }

  open(events: ConnectionEvents): void {
    this.#events = events;
    for (const bytes of this.#early.splice(0)) events.data(bytes);
    if (this.closed) queueMicrotask(() => events.close('closed'));
  }

  send(bytes: Uint8Array): void {
    if (this.closed || this.#ended) return;
    this.queuedBytes += bytes.length;
    if (this.stalled) return;
    this.#later(() => {
      this.queuedBytes -= bytes.length;
      this.other?.deliver(bytes);
    });
  }

  deliver(bytes: Uint8Array): void {
    if (this.closed) return;
    if (this.#events === undefined) this.#early.push(bytes);
    else this.#events.data(bytes.slice());
  }

  end(): void {
    if (this.#ended) return;
    this.#ended = true;
    this.#later(() => {
      this.other?.vanish('closed by the other side');
      this.vanish('closed');
    });
  }

  destroy(): void {
    this.#ended = true;
    this.#internet.clock.after(0, () => this.vanish('closed'));
    this.#later(() => this.other?.vanish('reset by the other side'));
  }

  vanish(reason: string): void {
    if (this.closed) return;
    this.closed = true;
    this.#events?.close(reason);
  }

  #later(happen: () => void): void {
    this.#internet.clock.after(this.#latencyMs, () => {
      if (!this.#internet.cut(this.local, this.remote.host)) happen();
    });
  }
}
