import { describe, expect, it } from 'vitest';
import { damaged } from '../../../src/storage/errors.js';
import { MemoryStore } from '../../../src/storage/memory-store.js';
import { SignerRecordStore } from '../../../src/storage/signer-record.js';

const message = (kind: number, text: string) => ({ kind, wire: Buffer.from(text) });
const texts = (store: SignerRecordStore) =>
  store.messages().map(({ kind, wire }) => [kind, Buffer.from(wire).toString()]);
async function readAll(store: MemoryStore) {
  const record = SignerRecordStore.open(store);
  await record.assertWhole();
  return record.messages();
}

const BLOCK = 'ab'.repeat(32);

describe("the signer's record", () => {
  it('has nothing at first', () => {
    const record = SignerRecordStore.open(new MemoryStore());
    expect(record.state).toBeNull();
    expect(record.messages()).toEqual([]);
  });

  it('gives back after a restart what was stored, in order', async () => {
    const store = new MemoryStore();
    const record = SignerRecordStore.open(store);
    await record.persist({ height: 5, slot: 0, locked: null, valid: null }, [message(0, 'proposal')]);
    const state = {
      height: 5,
      slot: 2,
      locked: { round: 0, blockId: BLOCK },
      valid: { round: 0, blockId: BLOCK },
    };
    await record.persist(state, [message(1, 'prevote'), message(2, 'precommit')]);
    const again = SignerRecordStore.open(store);
    expect(again.state).toEqual(state);
    expect(texts(again)).toEqual([
      [0, 'proposal'],
      [1, 'prevote'],
      [2, 'precommit'],
    ]);
  });

  it('tells a lock of round 0 from none', async () => {
    const store = new MemoryStore();
    await SignerRecordStore.open(store).persist(
      { height: 1, slot: 2, locked: { round: 0, blockId: BLOCK }, valid: null },
      [],
    );
    expect(SignerRecordStore.open(store).state?.locked).toEqual({ round: 0, blockId: BLOCK });
    expect(SignerRecordStore.open(store).state?.valid).toBeNull();
  });

  it('keeps the messages of one height only', async () => {
    const store = new MemoryStore();
    const record = SignerRecordStore.open(store);
    await record.persist({ height: 5, slot: 1, locked: null, valid: null }, [
      message(1, 'a'),
      message(1, 'b'),
    ]);
    await record.persist({ height: 6, slot: 1, locked: null, valid: null }, [message(1, 'c')]);
    expect(texts(SignerRecordStore.open(store))).toEqual([[1, 'c']]);
    let keys = 0;
    for await (const _ of store.entries({ from: Uint8Array.of(0), to: Uint8Array.of(255) })) keys++;
    expect(keys).toBe(2);
  });

  it('never goes back', async () => {
    const record = SignerRecordStore.open(new MemoryStore());
    await record.persist({ height: 5, slot: 4, locked: null, valid: null }, []);
    await expect(record.persist({ height: 5, slot: 3, locked: null, valid: null }, [])).rejects.toThrow(
      /go back/,
    );
    await expect(record.persist({ height: 4, slot: 9, locked: null, valid: null }, [])).rejects.toThrow(
      /go back/,
    );
  });

  it('writes synced: the promise is kept by the disk', async () => {
    const store = new MemoryStore();
    const written: boolean[] = [];
    const spying = Object.assign(Object.create(store) as MemoryStore, {
      write: (operations: never, options: { sync: boolean }) => {
        written.push(options.sync);
        return store.write(operations, options);
      },
      get: (key: Uint8Array) => store.get(key),
    });
    await SignerRecordStore.open(spying).persist({ height: 1, slot: 0, locked: null, valid: null }, []);
    expect(written).toEqual([true]);
  });

  it('says that it is damaged, and never reads as empty', async () => {
    const store = new MemoryStore();
    const state = { height: 5, slot: 1, locked: null, valid: null };
    await SignerRecordStore.open(store).persist(state, [message(1, 'prevote')]);
    const entries: (readonly [Uint8Array, Uint8Array])[] = [];
    for await (const entry of store.entries({ from: Buffer.of(0), to: Buffer.of(255) })) entries.push(entry);
    expect(entries).toHaveLength(2);
    for (const [key] of entries) {
      const damaged = new MemoryStore();
      await damaged.write(
        entries.map(([k, value]) => ({ key: k, value: k === key ? Buffer.of(9, 9) : value })),
        { sync: true },
      );
      expect(() => SignerRecordStore.open(damaged).messages()).toThrow(/^the signer's record is damaged: /);
    }
  });

  it('says that it is damaged when a flipped bit hid the key of any entry', async () => {
    const store = new MemoryStore();
    const state = { height: 5, slot: 1, locked: null, valid: null };
    await SignerRecordStore.open(store).persist(state, [message(1, 'prevote')]);
    const everything = { from: Buffer.of(), to: Buffer.of(255) };
    for await (const [key, value] of store.entries(everything)) {
      const damaged = new MemoryStore();
      for await (const [k, v] of store.entries(everything))
        if (!k.every((byte, i) => byte === key[i]))
          await damaged.write([{ key: k, value: v }], { sync: true });
      const other = key.map((byte, i) => (i === 0 ? byte ^ 64 : byte));
      await damaged.write([{ key: other, value }], { sync: true });
      await expect(readAll(damaged)).rejects.toThrow(/^the signer's record is damaged: /);
    }
    await expect(readAll(new MemoryStore())).resolves.toEqual([]);
  });

  it('does not repeat what a store says of a damaged chain', async () => {
    const store = new MemoryStore();
    store.get = () => {
      throw damaged('the database', 'the entry 01 fails its checksum');
    };
    expect(() => SignerRecordStore.open(store)).toThrow(
      /^the signer's record is damaged: .* fails its checksum; see/,
    );
  });
});
