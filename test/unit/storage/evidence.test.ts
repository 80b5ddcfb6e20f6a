import { describe, expect, it } from 'vitest';
import {
  type Evidence,
  EvidenceStore,
  MAX_EVIDENCE_BYTES_PER_AUTHORITY,
  MAX_EVIDENCE_PER_AUTHORITY,
} from '../../../src/storage/evidence.js';
import { MemoryStore } from '../../../src/storage/memory-store.js';

const LIAR = '11'.repeat(20);
const OTHER = 'ff'.repeat(20);

function evidence(part: Partial<Evidence> = {}): Evidence {
  const messages = [Uint8Array.of(1), Uint8Array.of(2)] as const;
  return {
    authority: LIAR,
    height: 7,
    round: 0,
    type: 'prevote',
    foundMs: 1_700_000_000_000,
    messages,
    ...part,
  };
}

describe('evidence', () => {
  it('is kept as it was found, by authority, height, round and type', async () => {
    const store = new MemoryStore();
    const found = [
      evidence({ type: 'proposal' }),
      evidence({ type: 'precommit' }),
      evidence({ round: 1 }),
      evidence({ height: 8 }),
      evidence({ authority: OTHER }),
    ];
    for (const piece of found.toReversed()) expect(await new EvidenceStore(store).add(piece)).toBe(true);
    expect(await new EvidenceStore(store).list()).toEqual(found);
  });

  it('is kept once for the same height, round and type', async () => {
    const store = new EvidenceStore(new MemoryStore());
    expect(await store.add(evidence())).toBe(true);
    expect(await store.add(evidence({ foundMs: 1, messages: [Uint8Array.of(3), Uint8Array.of(4)] }))).toBe(
      false,
    );
    expect(await store.list()).toEqual([evidence()]);
  });

  it('is bounded in number for each authority, also when much comes at once', async () => {
    const store = new EvidenceStore(new MemoryStore());
    const kept = await Promise.all(Array.from({ length: 100 }, (_, round) => store.add(evidence({ round }))));
    expect(kept.filter(Boolean)).toHaveLength(MAX_EVIDENCE_PER_AUTHORITY);
    expect(await store.add(evidence({ authority: OTHER }))).toBe(true);
    expect(await store.list()).toHaveLength(MAX_EVIDENCE_PER_AUTHORITY + 1);
  });

  it('is bounded in bytes for each authority, but the first is kept', async () => {
    const store = new EvidenceStore(new MemoryStore());
    const large = new Uint8Array(MAX_EVIDENCE_BYTES_PER_AUTHORITY);
    expect(await store.add(evidence({ messages: [large, large] }))).toBe(true);
    expect(await store.add(evidence({ round: 1 }))).toBe(false);
    expect(await store.add(evidence({ authority: OTHER }))).toBe(true);
  });
});
