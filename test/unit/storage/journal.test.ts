import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { StoreOperation } from '../../../src/ports/store.js';
import { decodeJournal, encodeBatch, encodeJournal } from '../../../src/storage/journal.js';

const PAGE = 4_096;
const put = (key: number, ...value: number[]): StoreOperation => ({
  key: Uint8Array.of(key),
  value: Uint8Array.from(value),
});
const remove = (key: number): StoreOperation => ({ key: Uint8Array.of(key), value: null });

/** A journal of so many bytes with these batches, and where each of them begins and the last one ends. */
function journalOf(sizeBytes: number, batches: readonly (readonly StoreOperation[])[]) {
  const [first = [], ...others] = batches;
  const { bytes, end } = encodeJournal(encodeBatch(first), sizeBytes, 0);
  const places = [end - encodeBatch(first).length, end];
  for (const batch of others) {
    const encoded = encodeBatch(batch);
    const at = places.at(-1) as number;
    bytes.set(encoded, at);
    places.push(at + encoded.length);
  }
  return { bytes, places };
}

const plain = (batches: readonly (readonly StoreOperation[])[]) =>
  batches.map((batch) => batch.map(({ key, value }) => [[...key], value && [...value]]));

const BATCHES = [
  [put(1, 1, 2, 3), put(2)],
  [remove(1), put(2, ...new Array(700).fill(7))],
  [put(3, 0, 0, 0)],
];

describe('a journal', () => {
  it('gives back its batches', () => {
    const content = decodeJournal(journalOf(2_048, BATCHES).bytes);
    expect(plain(content?.batches ?? [])).toEqual(plain(BATCHES));
    expect(content?.damage).toBeNull();
  });

  it('has the size that was asked for, or room for what is to follow, and may be full to its last byte', () => {
    const batch = encodeBatch([put(1, 1)]);
    expect(encodeJournal(batch, 512, 256).bytes.length).toBe(512);
    const { bytes, end } = encodeJournal(batch, 0, 64);
    expect(bytes.length).toBe(end + 64);
    const full = encodeJournal(batch, 0, 0);
    expect(full.end).toBe(full.bytes.length);
    expect(decodeJournal(full.bytes)?.damage).toBeNull();
  });

  it('gives back any batches', () => {
    const bytes = fc.uint8Array({ maxLength: 40 });
    const operation = fc.record({ key: bytes, value: fc.option(bytes, { nil: null }) });
    const history = fc.array(fc.array(operation, { maxLength: 4 }), { minLength: 1, maxLength: 6 });
    fc.assert(
      fc.property(history, (batches) => {
        const content = decodeJournal(journalOf(8_192, batches).bytes);
        expect(plain(content?.batches ?? [])).toEqual(plain(batches));
        expect(content?.damage).toBeNull();
      }),
    );
  });

  it('says of any flipped bit, even behind its end, that it is damaged, and gives what is before it', () => {
    const { bytes, places } = journalOf(2_048, BATCHES);
    for (let at = 0; at < bytes.length; at++) {
      const flipped = Buffer.from(bytes);
      flipped[at] = (flipped[at] as number) ^ (1 << (at % 8));
      const content = decodeJournal(flipped);
      if (at < 8) {
        expect(content).toBeUndefined();
        continue;
      }
      expect(content?.damage, `byte ${at}`).toEqual(expect.any(String));
      // The journal's own size does not concern what is in it.
      const sound = at < 16 ? BATCHES.length : places.slice(1).filter((end) => end <= at).length;
      expect(plain(content?.batches ?? []), `byte ${at}`).toEqual(plain(BATCHES.slice(0, sound)));
    }
  });

  it('says that it is damaged wherever it is cut off', () => {
    const { bytes, places } = journalOf(2_048, BATCHES);
    for (let length = 0; length < bytes.length; length++) {
      const content = decodeJournal(bytes.subarray(0, length));
      if (length < 8) expect(content).toBeUndefined();
      else {
        const sound = places.slice(1).filter((end) => end <= length).length;
        expect(content?.damage, `${length} bytes`).toEqual(expect.any(String));
        expect(plain(content?.batches ?? [])).toEqual(plain(BATCHES.slice(0, sound)));
      }
    }
  });

  it('leaves out a batch of which only the first pages were written, as nobody confirmed it', () => {
    const long = [put(4, ...new Array(3 * PAGE).fill(9))];
    for (let shift = 1; shift < PAGE; shift += 97) {
      const before = [put(1, ...new Array(shift).fill(1))];
      const { bytes, places } = journalOf(8 * PAGE, [before, long]);
      const [, at, end] = places as [number, number, number];
      for (let page = Math.ceil(at / PAGE) * PAGE; page < end; page += PAGE) {
        const torn = Buffer.from(bytes).fill(0, page);
        expect(decodeJournal(torn)?.damage, `torn at ${page}`).toBeNull();
        expect(plain(decodeJournal(torn)?.batches ?? [])).toEqual(plain([before]));
      }
    }
  });

  it('calls a batch damaged that lost anything but its end', () => {
    const { bytes, places } = journalOf(8 * PAGE, [[put(1, 1)], [put(4, ...new Array(3 * PAGE).fill(9))]]);
    const lost = Buffer.from(bytes).fill(0, PAGE, 2 * PAGE);
    expect(decodeJournal(lost)?.damage).toMatch(/fails its checksum/);
    const begun = Buffer.from(bytes).fill(0, places[1], PAGE);
    expect(decodeJournal(begun)?.damage).toMatch(/behind its end/);
  });

  it('is damaged without its first batch, which is written whole before anything else', () => {
    const long = [put(4, ...new Array(3 * PAGE).fill(9))];
    const { bytes } = journalOf(8 * PAGE, [long]);
    for (const from of [16, PAGE, 2 * PAGE, 3 * PAGE]) {
      const content = decodeJournal(Buffer.from(bytes).fill(0, from));
      expect(content, `zeros from ${from}`).toEqual({ batches: [], damage: 'it has no beginning' });
    }
  });

  it('is not taken for one that holds something else', () => {
    const other = encodeBatch([{ key: 'text' as never, value: null }]);
    expect(() => decodeJournal(encodeJournal(other, 0, 0).bytes)).toThrow(/key must be bytes/);
    expect(decodeJournal(Buffer.alloc(100))).toBeUndefined();
    expect(decodeJournal(Buffer.alloc(0))).toBeUndefined();
  });
});
