/** Evidence of equivocation, kept for whoever has to judge an authority (PROTOCOL section 8). */
import type { Store } from '../ports/store.js';
import type { Address } from '../protocol/bytes.js';
import { encode } from '../protocol/encoding.js';
import { Fields } from '../protocol/fields.js';
import { addressIn, type Bounds, EVIDENCES, evidenceKey, evidenceOf, numberIn } from './keys.js';
import { parsed } from './tables.js';

/** One piece proves a liar; the rest only shows how often, and a liar can make as many as it likes. */
export const MAX_EVIDENCE_PER_AUTHORITY = 16;
/** Two proposals may carry two blocks; an authority's first piece is kept whatever its size. */
export const MAX_EVIDENCE_BYTES_PER_AUTHORITY = 4 * 1024 * 1024;

/** In the order of their numbers on disk. */
const TYPES = ['proposal', 'prevote', 'precommit'] as const;

/** Two different messages signed by one authority for the same (height, round, type). */
export interface Evidence {
  readonly authority: Address;
  readonly height: number;
  readonly round: number;
  readonly type: (typeof TYPES)[number];
  readonly foundMs: number;
  /** Wire forms. */
  readonly messages: readonly [Uint8Array, Uint8Array];
}

export class EvidenceStore {
  readonly #store: Store;
  /** Additions run one after the other, or two at once could pass the bounds. */
  #last: Promise<unknown> = Promise.resolve();

  constructor(store: Store) {
    this.#store = store;
  }

  /** @returns whether it was kept: not if that (authority, height, round, type) has one, or a bound is reached */
  add(evidence: Evidence): Promise<boolean> {
    const added = this.#last.then(() => this.#add(evidence));
    this.#last = added.catch(() => undefined);
    return added;
  }

  /** By authority, height, round, type. */
  list(): Promise<Evidence[]> {
    return this.#list(EVIDENCES);
  }

  async #add({ authority, height, round, type, foundMs, messages }: Evidence): Promise<boolean> {
    const key = evidenceKey(authority, height, round, TYPES.indexOf(type));
    if (this.#store.get(key) !== undefined) return false;
    const kept = await this.#list(evidenceOf(authority));
    const bytes = [...kept.flatMap((piece) => piece.messages), ...messages].reduce(
      (sum, m) => sum + m.length,
      0,
    );
    if (kept.length >= MAX_EVIDENCE_PER_AUTHORITY) return false;
    if (kept.length > 0 && bytes > MAX_EVIDENCE_BYTES_PER_AUTHORITY) return false;
    await this.#store.write([{ key, value: encode([foundMs, ...messages]) }], { sync: true });
    return true;
  }

  async #list(range: Bounds): Promise<Evidence[]> {
    const list: Evidence[] = [];
    for await (const [key, value] of this.#store.entries(range)) {
      list.push(parsed('a piece of evidence', value, (bytes) => decodeEvidence(key, bytes)));
    }
    return list;
  }
}

function decodeEvidence(key: Uint8Array, value: Uint8Array): Evidence {
  const fields = Fields.decode(value, 3, 'evidence');
  return {
    authority: addressIn(key),
    height: numberIn(key, 21),
    round: numberIn(key, 25),
    type: TYPES[key[29] ?? 0] ?? 'proposal',
    foundMs: fields.integer('found'),
    messages: [fields.bytes('message'), fields.bytes('other message')],
  };
}
