/**
 * Who is where: the entries of the discovery service, in memory for reading and in a Store for the next start. Takes
 * only commands that the peer's own key signed, each once. Decides synchronously, so that of two commands at once one
 * sees the other; writes after.
 */
import type { Clock } from '../ports/clock.js';
import type { Store, StoreOperation } from '../ports/store.js';
import { type Address, concat, fromHex, type Hash, toHex, utf8 } from '../protocol/bytes.js';
import { decode, encode } from '../protocol/encoding.js';
import { ProtocolError } from '../protocol/errors.js';
import { addressOf, assertPublicKey, verify } from '../protocol/keys.js';
import { DiscoveryError } from './errors.js';
import { ENTRY_LIFE_MS, MAX_TIME_OFF_MS, type Member, type SignedCommand, signedBytes } from './messages.js';

export const LIMITS = {
  /** Entries in all: some 10 MB. */
  entries: 16_384,
  /** Of one network: ten times more than the authorities that a genesis takes. */
  perNetwork: 1024,
  /** From one IP address: a whole test network runs on one machine, but nobody fills a network from one. */
  perSource: 128,
} as const;

/** How often, at most, entries that mean nothing any more are looked for. */
const SWEEP_EVERY_MS = 1000;

interface Entry {
  readonly network: Hash;
  readonly address: Address;
  /** Null once removed: kept so long as the commands before could be replayed. */
  readonly at: { readonly ip: string; readonly port: number } | null;
  /** The time of the last command that was taken. */
  readonly time: number;
  /** By the service's clock. */
  readonly takenMs: number;
  /** Where the command came from; limits go by it. It need not be where the peer can be reached. */
  readonly source: string;
}

export interface ListedMember extends Member {
  readonly network: Hash;
  readonly time: number;
}

export class Registry {
  readonly #store: Store;
  readonly #clock: Clock;
  readonly #networks = new Map<Hash, Map<Address, Entry>>();
  #sweptAt = Number.NEGATIVE_INFINITY;

  private constructor(store: Store, clock: Clock) {
    this.#store = store;
    this.#clock = clock;
  }

  /** Reads what the store holds. The store stays the caller's to close. */
  static async open(store: Store, clock: Clock): Promise<Registry> {
    const registry = new Registry(store, clock);
    for await (const [key, value] of store.entries({ from: PREFIX, to: AFTER_PREFIX })) {
      registry.#put(decodeEntry(key, value));
    }
    return registry;
  }

  /**
   * Takes a signed command: lists the peer, renews it, or takes it off the list. Resolves when the disk has it.
   * @param source where the command came from
   * @throws DiscoveryError
   */
  async apply(command: SignedCommand, source: string): Promise<void> {
    const now = this.#clock.now();
    assertSigned(command, now);
    const { network, address, time } = command;
    const before = this.#networks.get(network)?.get(address);
    if (before !== undefined && time <= before.time) {
      throw new DiscoveryError(
        'REPLAYED',
        `the time ${time} must be above ${before.time}, the last of ${address}`,
      );
    }
    // Nothing to remove and nothing to remember: a later `add` has a later time than this.
    if (before === undefined && command.command === 'remove') return;
    const swept = this.#sweep(now);
    if (before === undefined) this.#assertRoom(network, source);
    const at = command.ip === null || command.port === null ? null : { ip: command.ip, port: command.port };
    const entry: Entry = { network, address, at, time, takenMs: now, source };
    this.#put(entry);
    await this.#store.write([...swept, { key: keyOf(entry), value: encodeEntry(entry) }], { sync: true });
  }

  /** Those of a network whose entries have not expired, in the order in which they came. */
  members(network: Hash): Member[] {
    return this.#live(this.#networks.get(network)).map(({ id, ip, port }) => ({ id, ip, port }));
  }

  /** Those of all networks. */
  all(): ListedMember[] {
    return [...this.#networks.values()].flatMap((entries) => this.#live(entries));
  }

  #live(entries: ReadonlyMap<Address, Entry> = new Map()): ListedMember[] {
    const now = this.#clock.now();
    return [...entries.values()].flatMap((entry) =>
      entry.at === null || isExpired(entry, now)
        ? []
        : [{ network: entry.network, id: entry.address, ...entry.at, time: entry.time }],
    );
  }

  #put(entry: Entry): void {
    const entries = this.#networks.get(entry.network) ?? new Map<Address, Entry>();
    this.#networks.set(entry.network, entries.set(entry.address, entry));
  }

  #assertRoom(network: Hash, source: string): void {
    const inNetwork = this.#networks.get(network)?.size ?? 0;
    if (inNetwork >= LIMITS.perNetwork) throw full(`${LIMITS.perNetwork} entries of one network`);
    let entries = 0;
    let ofSource = 0;
    for (const members of this.#networks.values()) {
      entries += members.size;
      for (const entry of members.values()) if (entry.source === source) ofSource++;
    }
    if (entries >= LIMITS.entries) throw full(`${LIMITS.entries} entries`);
    if (ofSource >= LIMITS.perSource) throw full(`${LIMITS.perSource} entries from ${source}`);
  }

  /** Forgets what is neither listed nor needed against replays, and says what the store must forget with it. */
  #sweep(now: number): StoreOperation[] {
    const at = this.#clock.monotonic();
    if (at - this.#sweptAt < SWEEP_EVERY_MS) return [];
    this.#sweptAt = at;
    const gone: StoreOperation[] = [];
    for (const [network, entries] of this.#networks) {
      for (const [address, entry] of entries) {
        if (!isExpired(entry, now) || now <= entry.time + MAX_TIME_OFF_MS) continue;
        entries.delete(address);
        gone.push({ key: keyOf(entry), value: null });
      }
      if (entries.size === 0) this.#networks.delete(network);
    }
    return gone;
  }
}

function assertSigned(command: SignedCommand, now: number): void {
  const { address, publicKey, signature, time } = command;
  try {
    assertPublicKey(publicKey);
  } catch (error) {
    if (error instanceof ProtocolError) throw new DiscoveryError('BAD_PUBLIC_KEY', error.message);
    throw error;
  }
  if (addressOf(publicKey) !== address) {
    throw new DiscoveryError(
      'BAD_PUBLIC_KEY',
      `the public key is that of ${addressOf(publicKey)}, not of ${address}`,
    );
  }
  if (Math.abs(now - time) > MAX_TIME_OFF_MS) {
    throw new DiscoveryError(
      'BAD_TIME',
      `the time ${time} must be within ${MAX_TIME_OFF_MS / 60_000} minutes of ${now}, the time here`,
    );
  }
  if (!verify({ publicKey, message: signedBytes(command), signature })) {
    throw new DiscoveryError('BAD_SIGNATURE', `this is no signature of ${address} over the command`);
  }
}

function isExpired({ takenMs }: Entry, now: number): boolean {
  return now - takenMs > ENTRY_LIFE_MS;
}

function full(what: string): DiscoveryError {
  return new DiscoveryError('LIMIT_REACHED', `there are ${what} already`);
}

const PREFIX = utf8('m');
const AFTER_PREFIX = utf8('n');

function keyOf({ network, address }: Entry): Uint8Array {
  return concat(PREFIX, fromHex(network), fromHex(address));
}

function encodeEntry({ at, time, takenMs, source }: Entry): Uint8Array {
  return encode([at === null ? null : [at.ip, at.port], time, takenMs, source]);
}

/** What we wrote ourselves: anything else is a broken store, and loud. */
function decodeEntry(key: Uint8Array, value: Uint8Array): Entry {
  const fields = decode(value);
  if (!Array.isArray(fields) || key.length !== 53)
    throw new Error('the store of the discovery service is broken');
  const [at, time, takenMs, source] = fields as [[string, number] | null, number, number, string];
  return {
    network: toHex(key.subarray(1, 33)),
    address: toHex(key.subarray(33)),
    at: at === null ? null : { ip: at[0], port: at[1] },
    time,
    takenMs,
    source,
  };
}
