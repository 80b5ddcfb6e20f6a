/**
 * Which endpoints to dial, and when. An endpoint is only a place to try; who lives there is known after a handshake
 * (identity is the key), and is remembered. It dials nothing itself.
 */
import type { Random } from '../ports/random.js';
import type { Endpoint } from '../ports/transport.js';
import type { Address } from '../protocol/bytes.js';
import type { KnownEndpoint } from './hints.js';
import { LIMITS } from './limits.js';

/** Configured endpoints are never forgotten; the others are tried in this order. */
export type EndpointSource = 'configured' | 'discovery' | 'hint';

export interface DialEntry {
  readonly endpoint: Endpoint;
  readonly source: EndpointSource;
  /** Who lived there last, or is said to. */
  address: Address | null;
  /** In a row, without a stable connection between. */
  failures: number;
  /** On the monotonic clock. */
  dueMs: number;
  /** A dial, or a connection that came of it, is alive. */
  busy: boolean;
  /** From 0 up to 1: the order among endpoints that are alike is each node's own, or all would dial the same few. */
  readonly lot: number;
}

/** How things stand among the peers. */
export interface DialView {
  isConnected(address: Address): boolean;
  isAuthority(address: Address): boolean;
  /** Whether we are an authority, and dial all others whatever `otherPlaces` says. */
  readonly authority: boolean;
  /** Whether some authority is not connected: an endpoint of nobody known may be its. */
  readonly authoritiesMissing: boolean;
  /** How many more may be dialed beside the authorities. */
  readonly otherPlaces: number;
  /** How many dials may be under way. */
  readonly dials: number;
}

export class Dialer {
  readonly #random: Random;
  readonly #own: Address;
  readonly #entries = new Map<string, DialEntry>();
  #forgettable = 0;

  constructor(own: Address, random: Random) {
    this.#own = own;
    this.#random = random;
  }

  get size(): number {
    return this.#entries.size;
  }

  /** Whether a first attempt of some endpoint is under way and has led to nobody yet. */
  firstDials(view: Pick<DialView, 'isConnected'>): boolean {
    return [...this.#entries.values()].some(
      ({ busy, failures, address }) =>
        busy && failures === 0 && (address === null || !view.isConnected(address)),
    );
  }

  learn(known: Iterable<KnownEndpoint>, source: EndpointSource, nowMs: number): void {
    for (const { endpoint, address } of known) {
      if (address === this.#own) continue;
      const key = `${endpoint.host} ${endpoint.port}`;
      const entry = this.#entries.get(key);
      // What was learned by a handshake is better than what is said.
      if (entry !== undefined) entry.address ??= address ?? null;
      else if (this.#roomFor(source)) {
        if (source !== 'configured') this.#forgettable++;
        this.#entries.set(key, {
          endpoint,
          source,
          address: address ?? null,
          failures: 0,
          dueMs: nowMs,
          busy: false,
          lot: this.#random.fraction(),
        });
      }
    }
  }

  /** A hint never displaces anything; what discovery says displaces a hint. */
  #roomFor(source: EndpointSource): boolean {
    if (source === 'configured' || this.#forgettable < LIMITS.knownEndpoints) return true;
    if (source === 'hint') return false;
    const hint = [...this.#entries.values()].find((entry) => entry.source === 'hint' && !entry.busy);
    if (hint !== undefined) this.#forget(hint);
    return hint !== undefined;
  }

  /** What to dial now: busy from here on, until `ended`. Authorities first, then by source, then by failures. */
  take(nowMs: number, view: DialView): DialEntry[] {
    const entries = [...this.#entries.values()];
    const busy = entries.filter((entry) => entry.busy);
    const targets = new Set(busy.map(({ address }) => address));
    const underway = busy.filter(({ address }) => address === null || !view.isConnected(address));
    let dials = view.dials - underway.length;
    let others = view.otherPlaces - underway.filter((entry) => !this.#exempt(entry, view)).length;

    const taken: DialEntry[] = [];
    for (const entry of entries.sort((a, b) => rank(a, view) - rank(b, view))) {
      if (dials <= 0) break;
      if (entry.busy || entry.dueMs > nowMs) continue;
      if (entry.address !== null && (targets.has(entry.address) || view.isConnected(entry.address))) continue;
      if (!this.#exempt(entry, view) && others-- <= 0) continue;
      dials--;
      targets.add(entry.address);
      entry.busy = true;
      taken.push(entry);
    }
    return taken;
  }

  /** The dial failed, or its connection is gone after `connectedMs` as a peer (0: it never was one). */
  ended(entry: DialEntry, nowMs: number, connectedMs: number): void {
    entry.busy = false;
    if (connectedMs >= LIMITS.stableMs) entry.failures = 0;
    entry.dueMs = Math.max(entry.dueMs, nowMs + this.#delayMs(entry.failures));
    entry.failures++;
    if (entry.source !== 'configured' && entry.failures > LIMITS.endpointFailures) this.#forget(entry);
  }

  /** The endpoint led to ourselves. */
  own(entry: DialEntry, nowMs: number): void {
    entry.dueMs = nowMs + LIMITS.ownEndpointMs;
  }

  /** Doubles with each failure up to a bound; between half and all of it, so that nodes do not dial in step. */
  #delayMs(failures: number): number {
    const delayMs = Math.min(LIMITS.reconnectMaxMs, LIMITS.reconnectMinMs * 2 ** failures);
    return delayMs * (0.5 + this.#random.fraction() / 2);
  }

  #exempt({ address }: DialEntry, view: DialView): boolean {
    if (!view.authority) return false;
    return address === null ? view.authoritiesMissing : view.isAuthority(address);
  }

  #forget({ endpoint }: DialEntry): void {
    if (this.#entries.delete(`${endpoint.host} ${endpoint.port}`)) this.#forgettable--;
  }
}

const SOURCE_RANK = { configured: 0, discovery: 1, hint: 2 } as const;

function rank({ address, source, failures, lot }: DialEntry, view: DialView): number {
  const authority = address !== null && view.isAuthority(address);
  return (authority ? 0 : 100 * (1 + SOURCE_RANK[source])) + Math.min(failures, 99) + lot;
}
