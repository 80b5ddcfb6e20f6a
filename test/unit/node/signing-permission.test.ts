import { describe, expect, it } from 'vitest';
import { SigningPermission } from '../../../src/node/signing-permission.js';
import { MemoryStore } from '../../../src/storage/memory-store.js';
import { SignerRecordStore } from '../../../src/storage/signer-record.js';

const NOTHING = { locked: null, valid: null };

describe('permission to sign', () => {
  it('is given to a validator that never signed', () => {
    const permission = new SigningPermission(
      SignerRecordStore.open(new MemoryStore()),
      () => undefined,
      false,
    );
    expect(permission.refusal(2)).toBeNull();
  });

  it('looks for own marks in each block once, and in none that the record covers', async () => {
    const above: number[] = [];
    const find = (number: number) => {
      above.push(number);
      return undefined;
    };
    const record = SignerRecordStore.open(new MemoryStore());
    const permission = new SigningPermission(record, find, false);
    for (const height of [5, 6, 9]) permission.refusal(height);
    await record.persist({ height: 9, slot: 1, ...NOTHING }, []);
    permission.refusal(10);
    expect(above).toEqual([1, 4, 5, 9]);
  });

  it('is refused when sync brings own marks later, which an empty chain did not show', () => {
    const blocks: number[] = [];
    const find = (above: number) => blocks.findLast((number) => number > above);
    const permission = new SigningPermission(SignerRecordStore.open(new MemoryStore()), find, false);
    expect(permission.refusal(2)).toBeNull();
    blocks.push(7);
    expect(permission.refusal(9)).toMatch(/block 7 carries/);
  });

  it('is refused when the record is older than the own marks: an old copy was restored', async () => {
    const record = SignerRecordStore.open(new MemoryStore());
    await record.persist({ height: 5, slot: 4, ...NOTHING }, []);
    const find = (above: number) => (above < 7 ? 7 : undefined);
    expect(new SigningPermission(record, find, false).refusal(9)).toMatch(/missing or an old copy/);
    expect(new SigningPermission(record, find, true).refusal(9)).toMatch(/nothing is signed at height 9/);
  });

  it('is refused when own marks are on the chain and the record is lost', () => {
    const permission = new SigningPermission(SignerRecordStore.open(new MemoryStore()), () => 7, false);
    expect(permission.refusal(9)).toMatch(
      /block 7 carries .* record is missing or an old copy.*--accept-lost-record/,
    );
    expect(permission.refusal(10)).not.toBeNull();
  });

  it('is refused when blocks that could carry own marks were never seen, and the record does not cover them', async () => {
    const record = SignerRecordStore.open(new MemoryStore());
    const refusal = (acceptLost: boolean) =>
      new SigningPermission(record, () => undefined, acceptLost, 7).refusal(9);
    expect(refusal(false)).toMatch(/a block up to 7, .* may carry .*--accept-lost-record/);
    expect(refusal(true)).toMatch(/nothing is signed at height 9/);
    await record.persist({ height: 6, slot: 4, ...NOTHING }, []);
    expect(refusal(false)).toMatch(/may carry/);
    await record.persist({ height: 7, slot: 4, ...NOTHING }, []);
    expect(refusal(false)).toBeNull();
  });

  it('is given with the explicit flag, but not at the height then current, if nothing tells what the key signed', () => {
    const record = SignerRecordStore.open(new MemoryStore());
    const permission = new SigningPermission(record, () => undefined, true);
    expect(permission.refusal(4)).toMatch(/nothing is signed at height 4/);
    expect(permission.refusal(4)).not.toBeNull();
    expect(permission.refusal(5)).toBeNull();
  });

  it('is given with the explicit flag, but not at the height then current', async () => {
    const record = SignerRecordStore.open(new MemoryStore());
    const permission = new SigningPermission(record, () => 7, true);
    expect(permission.refusal(9)).toMatch(/nothing is signed at height 9/);
    expect(permission.refusal(9)).not.toBeNull();
    expect(permission.refusal(10)).toBeNull();
    await record.persist({ height: 10, slot: 1, ...NOTHING }, []);
    expect(permission.refusal(11)).toBeNull();
  });

  it('is refused at the height then current when the end of the record may be lost, over restarts too', async () => {
    const store = new MemoryStore();
    await SignerRecordStore.open(store).persist({ height: 9, slot: 1, ...NOTHING }, []);
    await SignerRecordStore.distrust(store);
    SignerRecordStore.open(store);
    const record = SignerRecordStore.open(store);
    const permission = new SigningPermission(record, () => undefined, false);
    expect(permission.refusal(9)).toMatch(/nothing is signed at height 9/);
    expect(permission.refusal(9)).not.toBeNull();
    expect(permission.refusal(10)).toBeNull();
    await record.persist({ height: 10, slot: 1, ...NOTHING }, []);
    const later = new SigningPermission(SignerRecordStore.open(store), () => undefined, false);
    expect(later.refusal(10)).toBeNull();
  });

  it('is refused up to the height of a doubtful record, whatever the chain has', async () => {
    const store = new MemoryStore();
    await SignerRecordStore.open(store).persist({ height: 9, slot: 1, ...NOTHING }, []);
    await SignerRecordStore.distrust(store);
    const permission = new SigningPermission(SignerRecordStore.open(store), () => undefined, false);
    expect(permission.refusal(4)).not.toBeNull();
    expect(permission.refusal(9)).not.toBeNull();
    expect(permission.refusal(10)).toBeNull();
  });

  it('is refused below the height of the record, as after a reset of the chain', async () => {
    const record = SignerRecordStore.open(new MemoryStore());
    await record.persist({ height: 20, slot: 4, ...NOTHING }, []);
    const permission = new SigningPermission(record, () => undefined, false);
    expect(permission.refusal(3)).toMatch(/record is of height 20/);
    expect(permission.refusal(20)).toBeNull();
    expect(permission.refusal(21)).toBeNull();
  });
});
