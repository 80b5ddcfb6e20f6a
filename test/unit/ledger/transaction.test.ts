import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { applyTransaction, checkForm, costOf, resolveKey } from '../../../src/ledger/transaction.js';
import { StateView } from '../../../src/ledger/view.js';
import { fromHex } from '../../../src/protocol/bytes.js';
import { addressOf, holder, MemoryState, RULES, total, transfer, vectors } from './support.js';

const [ada, bob, miner] = ['ada', 'bob', 'miner'].map(addressOf) as [string, string, string];
const MAX = Number.MAX_SAFE_INTEGER;
const key = vectors<{ keys: { public_key_hex: string; address: string }[] }>('keys').keys[0] as {
  public_key_hex: string;
  address: string;
};
const publicKey = Uint8Array.from(fromHex(key.public_key_hex));

function viewOf(...accounts: [string, number, number?][]): StateView {
  return new StateView(new MemoryState(accounts.map(([a, balance, nonce]) => [a, holder(balance, nonce)])));
}

describe('checkForm', () => {
  const good = { from: key.address, nonce: 0, publicKey };

  it('accepts data and fee at their limits', () => {
    const rules = { ...RULES, minFee: 3 };
    expect(checkForm(transfer({ ...good, data: new Uint8Array(100), fee: 3 }), rules)).toBeNull();
  });

  it('refuses in the order of section 3: data, fee, carried key', () => {
    const rules = { ...RULES, minFee: 3 };
    const wrong = { from: ada, nonce: 0, data: new Uint8Array(101), fee: 2 };
    expect(checkForm(transfer(wrong), rules)?.code).toBe('DATA_TOO_LARGE');
    expect(checkForm(transfer({ ...wrong, data: null }), rules)?.code).toBe('FEE_TOO_LOW');
    expect(checkForm(transfer({ ...wrong, data: null, fee: 3 }), rules)?.code).toBe('BAD_PUBLIC_KEY');
    expect(checkForm(transfer({ ...good, from: ada, fee: 3 }), rules)?.code).toBe('BAD_PUBLIC_KEY');
    expect(checkForm(transfer({ ...good, nonce: 1, fee: 3 }), rules)?.code).toBe('BAD_PUBLIC_KEY');
  });
});

describe('resolveKey', () => {
  it('takes the key carried, else the one known, else says UNKNOWN_KEY', () => {
    const state = new MemoryState([]);
    expect(resolveKey(transfer({ from: key.address, nonce: 0, publicKey }), state)).toEqual(publicKey);
    expect(resolveKey(transfer({ from: key.address, nonce: 1 }), state)).toMatchObject({
      code: 'UNKNOWN_KEY',
    });
    state.keys.set(key.address, publicKey);
    expect(resolveKey(transfer({ from: key.address, nonce: 1 }), state)).toBe(publicKey);
  });
});

describe('applyTransaction', () => {
  it('moves amount and fee, and creates recipient and coinbase', () => {
    const view = viewOf([ada, 100]);
    expect(
      applyTransaction(view, transfer({ from: ada, nonce: 0, to: bob, amount: 90, fee: 4 }), miner),
    ).toBeNull();
    expect([view.account(ada), view.account(bob), view.account(miner)]).toEqual([
      holder(6, 1),
      holder(90),
      holder(4),
    ]);
  });

  it('lets a sender pay itself, and the coinbase be sender and recipient', () => {
    const view = viewOf([ada, 10]);
    expect(
      applyTransaction(view, transfer({ from: ada, nonce: 0, to: ada, amount: 7, fee: 3 }), miner),
    ).toBeNull();
    expect(view.account(ada)).toEqual(holder(7, 1));
    expect(
      applyTransaction(view, transfer({ from: ada, nonce: 1, to: ada, amount: 5, fee: 2 }), ada),
    ).toBeNull();
    expect(view.account(ada)).toEqual(holder(7, 2));
  });

  it('creates the recipient of an amount of 0', () => {
    const view = viewOf([ada, 0]);
    expect(applyTransaction(view, transfer({ from: ada, nonce: 0, to: bob }), miner)).toBeNull();
    expect(view.account(bob)).toEqual(holder(0));
  });

  it('remembers the key that nonce 0 carries', () => {
    const view = viewOf([key.address, 1]);
    applyTransaction(view, transfer({ from: key.address, nonce: 0, publicKey }), miner);
    expect(view.publicKey(key.address)).toEqual(publicKey);
    expect([...view.newKeys.keys()]).toEqual([key.address]);
  });

  it.each([
    ['UNKNOWN_SENDER', transfer({ from: bob, nonce: 9, amount: 1 })],
    ['NONCE_TOO_LOW', transfer({ from: ada, nonce: 1, amount: MAX })],
    ['NONCE_TOO_HIGH', transfer({ from: ada, nonce: 3, amount: MAX })],
    ['INSUFFICIENT_BALANCE', transfer({ from: ada, nonce: 2, amount: 98, fee: 3 })],
    ['INSUFFICIENT_BALANCE', transfer({ from: ada, nonce: 2, amount: MAX, fee: MAX })],
  ] as const)('refuses with %s and touches nothing', (code, transaction) => {
    const view = viewOf([ada, 100, 2]);
    expect(applyTransaction(view, transaction, miner)?.code).toBe(code);
    expect(view.changes.size + view.newKeys.size).toBe(0);
  });

  it('takes the whole supply exactly', () => {
    const view = viewOf([ada, MAX]);
    const transaction = transfer({ from: ada, nonce: 0, to: bob, amount: MAX - 1, fee: 1 });
    expect(costOf(transaction)).toBe(MAX);
    expect(applyTransaction(view, transaction, miner)).toBeNull();
    expect(view.account(bob)?.balance).toBe(MAX - 1);
  });

  it('never changes the supply, nor anything at all when it refuses', () => {
    const who = fc.constantFrom(ada, bob, miner, addressOf('new'));
    const anything = fc.record({
      from: who,
      to: who,
      nonce: fc.nat(3),
      amount: fc.oneof(fc.nat(60), fc.maxSafeNat()),
      fee: fc.oneof(fc.nat(60), fc.maxSafeNat()),
    });
    fc.assert(
      fc.property(fc.array(anything, { maxLength: 30 }), (orders) => {
        const state = new MemoryState([
          [ada, holder(100)],
          [bob, holder(50)],
        ]);
        const before = JSON.stringify([...state.accounts]);
        const view = new StateView(state);
        for (const order of orders) {
          const changed = JSON.stringify([...view.changes]);
          if (applyTransaction(view, transfer(order), miner) === null) continue;
          expect(JSON.stringify([...view.changes])).toBe(changed);
        }
        const after = new Map([...state.accounts, ...view.changes]);
        expect(total(after)).toBe(150);
        expect([...after.values()].every(({ balance }) => balance >= 0)).toBe(true);
        expect(JSON.stringify([...state.accounts])).toBe(before);
      }),
    );
  });
});
