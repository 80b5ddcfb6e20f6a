/**
 * Keeps an account listed at a discovery service, and hears of others, for as long as a node runs. A service that is
 * down, at the start too, is tried again and again; that it is down is said once, not each time.
 */
import type { Clock, Timer } from '../ports/clock.js';
import type { Random } from '../ports/random.js';
import type { Endpoint } from '../ports/transport.js';
import type { DiscoveryClient } from './client.js';
import { ENTRY_LIFE_MS, type Member } from './messages.js';

/** Renewed at a third of its life, an entry outlives one failed try. */
export const RENEW_EVERY_MS = ENTRY_LIFE_MS / 3;
/** After a failure; doubled each time, up to RENEW_EVERY_MS. */
export const FIRST_RETRY_MS = 1_000;
/** Each wait is shortened by up to this share, so that nodes started together do not ask together for ever. */
const JITTER = 0.2;

export interface DiscoveryLoopOptions {
  readonly client: Pick<DiscoveryClient, 'announce' | 'remove' | 'members'>;
  readonly clock: Clock;
  readonly random: Random;
  /** Where others can reach us; null if they cannot, then we only look for them. */
  readonly endpoint: Endpoint | null;
  /** Called with every list that comes, without ourselves. */
  readonly onMembers: (members: readonly Member[]) => void;
  /** Called when the service begins to fail, with the reason, and with null when it works again. */
  readonly onTrouble: (reason: string | null) => void;
}

export class DiscoveryLoop {
  readonly #options: DiscoveryLoopOptions;
  #timer: Timer | undefined;
  #failures = 0;
  #announced = false;
  #stopped = false;

  constructor(options: DiscoveryLoopOptions) {
    this.#options = options;
  }

  /** Asks at once. */
  start(): void {
    void this.#round();
  }

  /** Takes us off the list, if the service answers, and asks no more. */
  async stop(): Promise<void> {
    if (this.#stopped) return;
    this.#stopped = true;
    this.#timer?.cancel();
    if (this.#announced) await this.#options.client.remove();
  }

  async #round(): Promise<void> {
    const { client, clock, random, endpoint, onMembers, onTrouble } = this.#options;
    if (endpoint !== null) this.#announced = true;
    const announced = endpoint === null ? undefined : await client.announce(endpoint);
    const found = this.#stopped ? undefined : await client.members();
    if (this.#stopped || found === undefined) return;

    const failed = announced?.ok === false ? announced : found.ok ? undefined : found;
    if (failed === undefined && this.#failures > 0) onTrouble(null);
    if (failed !== undefined && this.#failures === 0) onTrouble(failed.reason);
    this.#failures = failed === undefined ? 0 : this.#failures + 1;
    const waitMs =
      this.#failures === 0
        ? RENEW_EVERY_MS
        : Math.min(FIRST_RETRY_MS * 2 ** (this.#failures - 1), RENEW_EVERY_MS);
    this.#timer = clock.after(waitMs * (1 - JITTER * random.fraction()), () => void this.#round());
    if (found.ok) onMembers(found.value);
  }
}
