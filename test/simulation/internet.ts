/**
 * A simulated internet of ordered byte streams between hosts. Each direction has its delay and bandwidth; links may be
 * cut, one way too: bytes then wait, as TCP sends them again, until the link or the patience of an end is restored.
 * Beyond what TCP would do, single frames of gossip may be lost, doubled or late: consensus must bear it.
 */
import type {
  Connection,
  ConnectionEvents,
  Endpoint,
  Listener,
  Transport,
} from '../../src/ports/transport.js';
import type { Agenda } from './agenda.js';
import type { Chance } from './chance.js';

/** Frames that come again by themselves, from others or later; each stands alone. */
const GOSSIP = new Set(['VOT', 'PRP', 'TXN', 'LDR', 'BLH', 'BLK']);
const NO_CHANNEL = new Uint8Array(0);
const FIRST_FREE_PORT = 40_000;

/** A machine with at most one process on it. */
export interface Host {
  readonly name: string;
  /** Counts the processes: what belongs to an earlier one is void. */
  readonly life: number;
  /** Whether its kernel answers, be there a process or not. */
  readonly powered: boolean;
  /** Runs in this process after a while; a process that is paused finds it when it goes on. */
  after(delayMs: number, run: () => void): void;
  /** What leaves in place of this frame, and how much later than at once. */
  outgoing(frame: Uint8Array, to: SimConnection): readonly Outgoing[];
  /** Whether the process ends at this very effect. */
  strikes(effect: string): boolean;
}

export interface Outgoing {
  readonly frame: Uint8Array;
  readonly delayMs: number;
}

export interface LineFaults {
  /** Of a frame of gossip. */
  loss: number;
  duplication: number;
  reordering: number;
  /** A frame arrives in pieces. */
  splitting: number;
}

export interface InternetCounts {
  frames: number;
  lost: number;
  doubled: number;
  reordered: number;
}

export class SimInternet {
  readonly agenda: Agenda;
  readonly chance: Chance;
  readonly faults: LineFaults = { loss: 0, duplication: 0, reordering: 0, splitting: 0 };
  readonly counts: InternetCounts = { frames: 0, lost: 0, doubled: 0, reordered: 0 };
  readonly hosts = new Map<string, Host>();
  readonly listeners = new Map<string, { readonly life: number; accept(connection: Connection): void }>();
  readonly #cut = new Set<string>();
  readonly #pipes = new Map<string, { readonly delayMs: number; readonly bytesPerMs: number }>();
  readonly #stalled = new Set<Pipe>();
  #port = FIRST_FREE_PORT;
  /** What a direction's delay and bandwidth are drawn from. */
  drawLine: () => { readonly delayMs: number; readonly bytesPerMs: number } = () => ({
    delayMs: 1,
    bytesPerMs: Number.POSITIVE_INFINITY,
  });
  /** Sees every frame as it leaves. */
  onFrame: (frame: Uint8Array, from: Host, to: string) => void = () => {};
  /** Where frames go by a script: it may carry each on now, later or never. */
  gate: ((frame: Uint8Array, from: Host, to: string, carryOn: () => void) => void) | undefined;

  constructor(agenda: Agenda, chance: Chance) {
    this.agenda = agenda;
    this.chance = chance;
  }

  isCut(from: string, to: string): boolean {
    return this.#cut.has(`${from}>${to}`);
  }

  cut(from: string, to: string): void {
    this.#cut.add(`${from}>${to}`);
  }

  mend(from: string, to: string): void {
    this.#cut.delete(`${from}>${to}`);
    this.retry();
  }

  mendAll(): void {
    this.#cut.clear();
    this.retry();
  }

  /** What waits is sent again, after the sender's timeout. */
  retry(): void {
    for (const pipe of this.#stalled) this.agenda.after(this.chance.between(1, 500), () => pipe.pump());
    this.#stalled.clear();
  }

  stall(pipe: Pipe): void {
    this.#stalled.add(pipe);
  }

  line(from: string, to: string): { readonly delayMs: number; readonly bytesPerMs: number } {
    const key = `${from}>${to}`;
    let line = this.#pipes.get(key);
    if (line === undefined) {
      line = this.drawLine();
      this.#pipes.set(key, line);
    }
    return line;
  }

  delayMs(from: string, to: string): number {
    const { delayMs } = this.line(from, to);
    return delayMs * this.chance.between(0.8, 1.3) + (this.chance.chance(0.01) ? 10 * delayMs : 0);
  }

  freePort(): number {
    this.#port++;
    return this.#port;
  }

  transport(host: Host): Transport {
    const { life } = host;
    return {
      listen: (at, accept) => this.#listen(host, life, at, accept),
      dial: (to, timeoutMs) => this.#dial(host, life, to, timeoutMs),
    };
  }

  async #listen(
    { name }: Host,
    life: number,
    at: Endpoint,
    accept: (connection: Connection) => void,
  ): Promise<Listener> {
    const key = `${name}:${at.port}`;
    this.listeners.set(key, { life, accept });
    return {
      port: at.port,
      close: async () => {
        if (this.listeners.get(key)?.life === life) this.listeners.delete(key);
      },
    };
  }

  #dial(host: Host, life: number, to: Endpoint, timeoutMs: number): Promise<Connection> {
    return new Promise((resolve, reject) => {
      if (host.life !== life) return;
      const target = this.hosts.get(to.host);
      const deaf = () =>
        target === undefined ||
        !target.powered ||
        this.isCut(host.name, to.host) ||
        this.isCut(to.host, host.name);
      const thereMs = this.delayMs(host.name, to.host);
      if (deaf() || target === undefined) {
        host.after(timeoutMs, () => reject(new Error('ETIMEDOUT')));
        return;
      }
      this.agenda.after(thereMs, () => {
        if (deaf()) return host.after(timeoutMs, () => reject(new Error('ETIMEDOUT')));
        const backMs = this.delayMs(to.host, host.name);
        const listener = this.listeners.get(`${to.host}:${to.port}`);
        if (listener === undefined || listener.life !== target.life) {
          return host.after(backMs, () => reject(new Error('ECONNREFUSED')));
        }
        if (host.life !== life) return;
        const [here, there] = this.#connect(host, target, to);
        target.after(0, () => listener.accept(there));
        host.after(backMs, () => resolve(here));
      });
    });
  }

  #connect(opener: Host, answerer: Host, at: Endpoint): [SimConnection, SimConnection] {
    const local = { host: opener.name, port: this.freePort() };
    const here = new SimConnection(this, opener, at, false);
    const there = new SimConnection(this, answerer, local, true);
    here.out = new Pipe(this, opener.name, there);
    there.out = new Pipe(this, answerer.name, here);
    return [here, there];
  }
}

type Packet = Uint8Array | 'fin' | 'rst';

/** One direction of a connection. */
class Pipe {
  readonly #internet: SimInternet;
  readonly #from: string;
  readonly #to: SimConnection;
  readonly #queue: { readonly atMs: number; readonly packet: Packet }[] = [];
  #lastMs = 0;
  queuedBytes = 0;

  constructor(internet: SimInternet, from: string, to: SimConnection) {
    this.#internet = internet;
    this.#from = from;
    this.#to = to;
  }

  push(packet: Packet): void {
    const { agenda } = this.#internet;
    const size = typeof packet === 'string' ? 0 : packet.length;
    const to = this.#to.owner.name;
    const { bytesPerMs } = this.#internet.line(this.#from, to);
    const arrivesMs = agenda.nowMs + this.#internet.delayMs(this.#from, to);
    const atMs = Math.max(arrivesMs, this.#lastMs) + size / bytesPerMs;
    this.#lastMs = atMs;
    this.queuedBytes += size;
    this.#queue.push({ atMs, packet });
    agenda.after(atMs - agenda.nowMs, () => this.pump());
  }

  pump(): void {
    const { owner } = this.#to;
    for (let first = this.#queue[0]; first !== undefined; first = this.#queue[0]) {
      if (first.atMs > this.#internet.agenda.nowMs) return;
      if (this.#internet.isCut(this.#from, owner.name) || !owner.powered) return this.#internet.stall(this);
      this.#queue.shift();
      if (typeof first.packet !== 'string') this.queuedBytes -= first.packet.length;
      this.#to.arrive(first.packet);
    }
  }

  /** What has not left never will. */
  clear(): void {
    this.#queue.length = 0;
    this.queuedBytes = 0;
  }
}

export class SimConnection implements Connection {
  readonly owner: Host;
  readonly remote: Endpoint;
  readonly inbound: boolean;
  readonly channel = NO_CHANNEL;
  readonly certified = undefined;
  readonly #internet: SimInternet;
  readonly #life: number;
  out: Pipe | undefined;
  #events: ConnectionEvents | undefined;
  #early: Uint8Array[] = [];
  #ended = false;
  #closed: string | undefined;

  constructor(internet: SimInternet, owner: Host, remote: Endpoint, inbound: boolean) {
    this.#internet = internet;
    this.owner = owner;
    this.#life = owner.life;
    this.remote = remote;
    this.inbound = inbound;
  }

  get alive(): boolean {
    return this.#closed === undefined && this.owner.life === this.#life;
  }

  get queuedBytes(): number {
    return this.out?.queuedBytes ?? 0;
  }

  open(events: ConnectionEvents): void {
    this.#events = events;
    for (const bytes of this.#early.splice(0)) events.data(bytes);
    const closed = this.#closed;
    if (closed !== undefined) this.owner.after(0, () => events.close(closed));
  }

  send(bytes: Uint8Array): void {
    if (!this.alive || this.#ended) return;
    if (this.owner.strikes('send')) return;
    for (const { frame, delayMs } of this.owner.outgoing(bytes, this)) this.transmit(frame, delayMs);
  }

  /** A frame leaves, subject to the faults of the line. */
  transmit(frame: Uint8Array, delayMs: number): void {
    const { counts, gate } = this.#internet;
    counts.frames++;
    this.#internet.onFrame(frame, this.owner, this.remote.host);
    if (gate === undefined) return this.#carry(frame, delayMs);
    gate(frame, this.owner, this.remote.host, () => {
      if (this.alive && !this.#ended) this.#carry(frame, delayMs);
    });
  }

  #carry(frame: Uint8Array, delayMs: number): void {
    const { chance, faults, counts } = this.#internet;
    if (delayMs > 0) return this.#later(frame, delayMs);
    if (GOSSIP.has(frameType(frame))) {
      if (faults.loss > 0 && chance.chance(faults.loss)) {
        counts.lost++;
        return;
      }
      if (faults.duplication > 0 && chance.chance(faults.duplication)) {
        counts.doubled++;
        this.#later(frame, chance.between(0, 200));
      }
      if (faults.reordering > 0 && chance.chance(faults.reordering)) {
        counts.reordered++;
        return this.#later(frame, chance.between(0, 300));
      }
    }
    this.#push(frame);
  }

  end(): void {
    if (!this.alive || this.#ended) return;
    this.#ended = true;
    this.out?.push('fin');
  }

  destroy(): void {
    if (!this.alive) return;
    this.#ended = true;
    this.out?.clear();
    this.out?.push('rst');
    this.#closed = 'destroyed';
    this.owner.after(0, () => this.#events?.close('destroyed'));
  }

  /** The owner's process is gone and its kernel says so. */
  abandon(): void {
    if (this.#closed !== undefined) return;
    this.#closed = 'the process ended';
    this.out?.clear();
    this.out?.push('rst');
  }

  /** Called by the line: in the kernel, so also while the process is paused or gone. */
  arrive(packet: Packet): void {
    if (!this.alive) {
      if (packet !== 'rst') this.out?.push('rst');
    } else this.owner.after(0, () => this.#take(packet));
  }

  #take(packet: Packet): void {
    if (this.#closed !== undefined) return;
    if (typeof packet !== 'string') {
      if (this.#events === undefined) this.#early.push(packet.slice());
      else this.#events.data(packet.slice());
      return;
    }
    if (packet === 'fin') this.out?.push('fin');
    this.#closed = packet === 'fin' ? 'closed by the other side' : 'reset by the other side';
    this.#events?.close(this.#closed);
  }

  #later(frame: Uint8Array, delayMs: number): void {
    this.#internet.agenda.after(delayMs, () => {
      if (this.alive && !this.#ended) this.#push(frame);
    });
  }

  #push(frame: Uint8Array): void {
    const { chance, faults } = this.#internet;
    if (faults.splitting > 0 && frame.length > 1 && chance.chance(faults.splitting)) {
      const place = 1 + chance.below(frame.length - 1);
      this.out?.push(frame.subarray(0, place));
      this.out?.push(frame.subarray(place));
    } else this.out?.push(frame);
  }
}

/** The three letters in a frame's header (section 7). */
export function frameType(frame: Uint8Array): string {
  return String.fromCharCode(frame[4] ?? 0, frame[5] ?? 0, frame[6] ?? 0);
}
