import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  type Execution,
  executeBlock,
  MAX_BLOCK_FRAME_BYTES,
  selectTransactions,
} from '../../../src/ledger/execute.js';
import { assembleBlock, MAX_BLOCK_BYTES, MAX_BLOCK_DATA_BYTES } from '../../../src/protocol/block.js';
import { ProtocolError } from '../../../src/protocol/errors.js';
import { addressOf, holder, MemoryState, RULES, total, transfer } from './support.js';

const [ada, bob, miner] = ['ada', 'bob', 'miner'].map(addressOf) as [string, string, string];
const MAX = Number.MAX_SAFE_INTEGER;
const pay = (from: string, nonce: number, amount = 1, fee = 0) =>
  transfer({ from, nonce, to: bob, amount, fee });

function executed(
  state: MemoryState,
  ...args: [transactions: Parameters<typeof executeBlock>[1], reward?: number]
) {
  const result = executeBlock(state, args[0], miner, { ...RULES, reward: args[1] ?? RULES.reward });
  if (result instanceof ProtocolError) throw result;
  return result as Execution;
}

describe('executeBlock', () => {
  it('gives the accounts it touched, the reward and the supply', () => {
    const state = new MemoryState([
      [ada, holder(100)],
      [addressOf('aside'), holder(5)],
    ]);
    const { changes, supply, reward } = executed(state, [pay(ada, 0, 30, 2), pay(ada, 1, 10, 3)]);
    expect(Object.fromEntries(changes)).toEqual({
      [ada]: holder(55, 2),
      [bob]: holder(40),
      [miner]: holder(15),
    });
    expect([supply, reward]).toEqual([115, 10]);
  });

  it('names the transaction that cannot be applied', () => {
    const error = executeBlock(
      new MemoryState([[ada, holder(5)]]),
      [pay(ada, 0, 3), pay(ada, 1, 3)],
      miner,
      RULES,
    );
    expect(error).toMatchObject({
      code: 'BAD_BLOCK',
      message: expect.stringMatching(/1: INSUFFICIENT_BALANCE/),
    });
  });

  it('pays no reward beyond the greatest supply, and creates the coinbase all the same', () => {
    const state = new MemoryState([[ada, holder(MAX - 4)]]);
    const last = executed(state, []);
    expect([last.reward, last.supply]).toEqual([4, MAX]);
    state.commit(last);
    state.accounts.delete(miner);
    const nothing = executed(state, []);
    expect([nothing.reward, nothing.changes.get(miner)]).toEqual([0, holder(0)]);
  });

  it('changes the supply by the reward only', () => {
    const order = fc.record({ from: fc.constantFrom(ada, bob), amount: fc.nat(40), fee: fc.nat(40) });
    fc.assert(
      fc.property(fc.array(order, { maxLength: 20 }), fc.nat(50), (orders, reward) => {
        const state = new MemoryState([
          [ada, holder(200)],
          [bob, holder(100)],
        ]);
        const nonces = new Map<string, number>();
        const transactions = orders.map(({ from, amount, fee }) => {
          const nonce = nonces.get(from) ?? 0;
          nonces.set(from, nonce + 1);
          return pay(from, nonce, amount, fee);
        });
        const result = executeBlock(state, transactions, miner, { ...RULES, reward });
        if (result instanceof ProtocolError) return;
        state.commit(result);
        expect(total(state.accounts)).toBe(300 + reward);
        expect(state.supply).toBe(300 + reward);
      }),
    );
  });
});

describe('selectTransactions', () => {
  const state = () =>
    new MemoryState([
      [ada, holder(100, 1)],
      [bob, holder(100, 1)],
    ]);
  const select = (
    candidates: Parameters<typeof selectTransactions>[1],
    rules = RULES,
    maxBytes = MAX_BLOCK_BYTES,
  ) => selectTransactions(state(), candidates, miner, rules, maxBytes);

  it('passes over what fails, says why, and leaves what merely waits for its turn', () => {
    const tooMuch = pay(bob, 1, 1_000);
    const follower = pay(bob, 2);
    const wrongForm = transfer({ from: ada, nonce: 2, to: bob, data: new Uint8Array(101) });
    const { transactions, refused, execution } = select([
      tooMuch,
      follower,
      pay(ada, 1),
      wrongForm,
      pay(ada, 2),
    ]);
    expect(transactions.map(({ from, nonce }) => [from, nonce])).toEqual([
      [ada, 1],
      [ada, 2],
    ]);
    expect(refused.map(({ transaction, error }) => [transaction.id, error.code])).toEqual([
      [tooMuch.id, 'INSUFFICIENT_BALANCE'],
      [wrongForm.id, 'DATA_TOO_LARGE'],
    ]);
    expect(execution).toEqual(executed(state(), transactions));
  });

  it('takes at most maxBound transactions, and asks for no more candidates than that', () => {
    let asked = 0;
    function* endless() {
      while (asked < 100) yield pay(ada, ++asked, 0);
    }
    expect(select(endless(), { ...RULES, maxBound: 3 }).transactions).toHaveLength(3);
    expect(asked).toBe(3);
  });

  it('keeps the wire form of the block within its bytes, and fills them', () => {
    const candidates = Array.from({ length: 50 }, (_, nonce) =>
      transfer({ from: ada, nonce: nonce + 1, data: new Uint8Array(nonce * 2) }),
    );
    const maxBytes = MAX_BLOCK_FRAME_BYTES + 4_000;
    const { transactions } = select(candidates, RULES, maxBytes);
    const header = {
      number: 2 ** 31 - 1,
      time: MAX,
      hashParent: 'ff'.repeat(32),
      hashState: 'ff'.repeat(32),
      hashTxns: 'ff'.repeat(32),
      hashAuthorities: 'ff'.repeat(32),
      coinbase: miner,
      reward: MAX,
      difficulty: MAX,
      data: new Uint8Array(MAX_BLOCK_DATA_BYTES),
    };
    const block = assembleBlock(header, MAX, new Uint8Array(512), transactions);
    expect(block.wire.length).toBeLessThanOrEqual(maxBytes);
    expect(block.wire.length).toBeGreaterThan(maxBytes - 300);
  });
});
