/** What is measured while a network is pressed, or left alone: finality, processor time, memory. */
import { processFigures } from '../lib/process-figures.js';

/** The process ids of each party. */
export type Parties = Readonly<Record<'attacked' | 'others' | 'attacker', readonly number[]>>;
type Party = keyof Parties;

const LOOK_EVERY_MS = 250;

export class Measure {
  /** Of each block on each node: milliseconds from being due to being final. */
  readonly finalityMs: number[] = [];
  /** How many of them were final in another round than the first. */
  lateRounds = 0;
  /** The most that an attacked process had resident. */
  residentBytes = 0;
  readonly #parties: Parties;
  readonly #processorMs: Record<Party, number> = { attacked: 0, others: 0, attacker: 0 };
  readonly #looking: NodeJS.Timeout;
  #measuredMs = 0;
  #over = false;
  #since: { readonly atMs: number; readonly processorMs: Readonly<Record<Party, number>> } | undefined;

  constructor(parties: Parties) {
    this.#parties = parties;
    this.#looking = setInterval(() => void this.#look(), LOOK_EVERY_MS);
  }

  /** What comes from now on counts. */
  async begin(): Promise<void> {
    if (this.#since !== undefined || this.#over) return;
    const processorMs = await this.#spent();
    this.#since = { atMs: performance.now(), processorMs };
  }

  /** What comes from now on does not count, until `begin`. */
  async end(): Promise<void> {
    const since = this.#since;
    if (since === undefined) return;
    this.#measuredMs += performance.now() - since.atMs;
    this.#since = undefined;
    const spent = await this.#spent();
    for (const party of ['attacked', 'others', 'attacker'] as const) {
      // A process that has ended tells nothing of its last moments.
      this.#processorMs[party] += Math.max(0, spent[party] - since.processorMs[party]);
    }
  }

  /** For good. */
  stop(): void {
    this.#over = true;
    clearInterval(this.#looking);
  }

  final(finalityMs: number, round: number): void {
    if (this.#since === undefined) return;
    this.finalityMs.push(finalityMs);
    if (round > 0) this.lateRounds++;
  }

  /** What counted until now. */
  get measuredMs(): number {
    return this.#measuredMs + (this.#since === undefined ? 0 : performance.now() - this.#since.atMs);
  }

  /** Percent of one processor that the party's processes took together. */
  busy(party: Party): number {
    return (this.#processorMs[party] / this.#measuredMs) * 100;
  }

  async #look(): Promise<void> {
    for (const pid of this.#parties.attacked) {
      const { residentBytes } = (await processFigures(pid)) ?? { residentBytes: 0 };
      this.residentBytes = Math.max(this.residentBytes, residentBytes);
    }
  }

  async #spent(): Promise<Record<Party, number>> {
    const sum = async (pids: readonly number[]) => {
      const figures = await Promise.all(pids.map(processFigures));
      return figures.reduce((total, one) => total + (one?.processorMs ?? 0), 0);
    };
    const { attacked, others, attacker } = this.#parties;
    return { attacked: await sum(attacked), others: await sum(others), attacker: await sum(attacker) };
  }
}
