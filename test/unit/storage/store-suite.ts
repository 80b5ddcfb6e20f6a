/** What every `Store` must do, whatever it keeps its entries in. A backend runs it in two lines. */
import fc from 'fast-check';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { KeyRange, Store, StoreOperation } from '../../../src/ports/store.js';

/** @param open gives an empty store; `dispose` is called after the store was closed */
export function storeSuite(name: string, open: () => Promise<{ store: Store; dispose(): Promise<void> }>) {
  describe(`${name} as a Store`, () => {
    let store: Store;
    let dispose: () => Promise<void>;
    beforeEach(async () => {
      ({ store, dispose } = await open());
    });
    afterEach(async () => {
      await store.close();
      await dispose();
    });

    const everything: KeyRange = { from: bytes(), to: bytes(0xff, 0xff) };
    const put = (...pairs: [Uint8Array, Uint8Array][]) =>
      store.write(
        pairs.map(([key, value]) => ({ key, value })),
        { sync: true },
      );

    it('gives back what was written, and undefined for what was not', async () => {
      await put([bytes(1), bytes(10)], [bytes(2), bytes()]);
      expect(hex(store.get(bytes(1)))).toBe('0a');
      expect(hex(store.get(bytes(2)))).toBe('');
      expect(store.get(bytes(3))).toBeUndefined();
      expect(store.getMany([bytes(3), bytes(1)]).map(hex)).toEqual([undefined, '0a']);
    });

    it('replaces and deletes, in the order of the operations', async () => {
      await put([bytes(1), bytes(10)], [bytes(2), bytes(20)]);
      await store.write(
        [
          { key: bytes(1), value: null },
          { key: bytes(2), value: bytes(21) },
          { key: bytes(3), value: bytes(30) },
          { key: bytes(3), value: null },
          { key: bytes(4), value: null },
          { key: bytes(4), value: bytes(40) },
        ],
        { sync: false },
      );
      expect(await list(store, everything)).toEqual(['02=15', '04=28']);
    });

    it('takes an empty batch', async () => {
      await store.write([], { sync: true });
      expect(await list(store, everything)).toEqual([]);
    });

    it('keeps entries apart from the bytes of the caller', async () => {
      const key = bytes(1);
      const value = bytes(10);
      await put([key, value]);
      key[0] = 9;
      value[0] = 9;
      const read = store.get(bytes(1));
      expect(hex(read)).toBe('0a');
      if (read) read[0] = 9;
      for await (const [, listed] of store.entries(everything)) listed[0] = 9;
      expect(hex(store.get(bytes(1)))).toBe('0a');
    });

    it('orders keys as unsigned bytes, a prefix first', async () => {
      await put(
        ...[bytes(0x80), bytes(0x7f, 0xff), bytes(0x7f), bytes(0xfe), bytes(0x00)].map(
          (key): [Uint8Array, Uint8Array] => [key, bytes()],
        ),
      );
      expect(await list(store, everything)).toEqual(['00=', '7f=', '7fff=', '80=', 'fe=']);
    });

    it('includes the lower bound and excludes the upper, in both directions, up to the limit', async () => {
      await put(...[1, 2, 3, 4, 5].map((n): [Uint8Array, Uint8Array] => [bytes(n), bytes()]));
      const range = { from: bytes(2), to: bytes(5) };
      expect(await list(store, range)).toEqual(['02=', '03=', '04=']);
      expect(await list(store, { ...range, reverse: true })).toEqual(['04=', '03=', '02=']);
      expect(await list(store, { ...range, limit: 2 })).toEqual(['02=', '03=']);
      expect(await list(store, { ...range, limit: 2, reverse: true })).toEqual(['04=', '03=']);
      expect(await list(store, { ...range, limit: 0 })).toEqual([]);
      expect(await list(store, { from: bytes(5), to: bytes(2) })).toEqual([]);
      expect(await list(store, { from: bytes(2), to: bytes(2) })).toEqual([]);
    });

    it('lists entries as of the call, not as of the reading', async () => {
      await put([bytes(1), bytes(10)], [bytes(2), bytes(20)]);
      const before = store.entries(everything);
      await store.write(
        [
          { key: bytes(1), value: bytes(11) },
          { key: bytes(2), value: null },
          { key: bytes(3), value: bytes(30) },
        ],
        { sync: false },
      );
      expect(await collect(before)).toEqual(['01=0a', '02=14']);
      expect(await list(store, everything)).toEqual(['01=0b', '03=1e']);
    });

    it('lets a listing be left early', async () => {
      await put([bytes(1), bytes(10)], [bytes(2), bytes(20)]);
      for await (const [key] of store.entries(everything)) {
        expect(hex(key)).toBe('01');
        break;
      }
    });

    it('lists more entries than one handful', async () => {
      const keys = Array.from({ length: 5_000 }, (_, n) => bytes(n >> 8, n & 0xff));
      await put(...keys.map((key): [Uint8Array, Uint8Array] => [key, key]));
      const listed = await list(store, everything);
      expect(listed).toEqual(keys.map((key) => `${hex(key)}=${hex(key)}`));
    });

    it('holds a value of two million bytes', async () => {
      const large = new Uint8Array(2_000_000).fill(7);
      await put([bytes(1), large]);
      expect(store.get(bytes(1))?.length).toBe(large.length);
      expect(store.get(bytes(1))?.every((byte) => byte === 7)).toBe(true);
    });

    it('agrees with a sorted map on any sequence of batches', async () => {
      const key = fc.uint8Array({ minLength: 1, maxLength: 2, max: 4 });
      const operation = fc.record({ key, value: fc.option(fc.uint8Array({ maxLength: 3 }), { nil: null }) });
      const history = fc.array(fc.array(operation, { maxLength: 8 }), { maxLength: 5 });
      await fc.assert(
        fc.asyncProperty(history, key, key, async (batches, from, to) => {
          const model = new Map<string, string>();
          const touched: StoreOperation[] = [];
          for (const batch of batches) {
            await store.write(batch, { sync: false });
            for (const { key, value } of batch) {
              touched.push({ key, value: null });
              if (value === null) model.delete(hex(key) as string);
              else model.set(hex(key) as string, hex(value) as string);
            }
          }
          const expected = [...model]
            .filter(([key]) => key >= (hex(from) as string) && key < (hex(to) as string))
            .sort(([a], [b]) => (a < b ? -1 : 1))
            .map(([key, value]) => `${key}=${value}`);
          expect(await list(store, { from, to })).toEqual(expected);
          expect(await list(store, { from, to, reverse: true })).toEqual(expected.reverse());
          await store.write(touched, { sync: false });
        }),
        { numRuns: 50 },
      );
    });
  });
}

function bytes(...values: number[]): Uint8Array {
  return Uint8Array.from(values);
}

function hex(value: Uint8Array | undefined): string | undefined {
  return value && Buffer.from(value).toString('hex');
}

async function collect(entries: AsyncIterable<readonly [Uint8Array, Uint8Array]>): Promise<string[]> {
  const all: string[] = [];
  for await (const [key, value] of entries) all.push(`${hex(key)}=${hex(value)}`);
  return all;
}

function list(store: Store, range: KeyRange): Promise<string[]> {
  return collect(store.entries(range));
}
