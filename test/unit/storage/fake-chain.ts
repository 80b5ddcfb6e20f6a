/** A chain of well-formed blocks with invented keys and signatures, and what each account holds after each of them. */
import { assembleBlock, type Block } from '../../../src/protocol/block.js';
import { type Address, fromHex, type Hash, ZERO_ADDRESS, ZERO_HASH } from '../../../src/protocol/bytes.js';
import { encodeCertificate } from '../../../src/protocol/certificate.js';
import { sha256, sha256Hex } from '../../../src/protocol/hash.js';
import { type Account, EMPTY_ACCOUNT } from '../../../src/protocol/state.js';
import {
  decodeTransaction,
  encodePayload,
  encodeTransaction,
  type Transaction,
} from '../../../src/protocol/transaction.js';
import type { Genesis } from '../../../src/storage/chain-store.js';
import type { BlockCommit } from '../../../src/storage/commit-batch.js';

export const REWARD = 100;
export const START_BALANCE = 1_000_000;
const FEE = 1;
const SIGNATURES = 3;

/** Transfer of `amount` between the accounts of these numbers. */
export type FakeTransfer = readonly [from: number, to: number, amount: number];

export function fakeAddress(n: number): Address {
  return sha256Hex(`account ${n}`).slice(0, 40);
}

/** Bytes that look random, the same each time. */
export function fakeBytes(seed: string, length: number): Uint8Array {
  const parts = Array.from({ length: Math.ceil(length / 32) }, (_, i) => sha256(Buffer.from(`${seed} ${i}`)));
  return Buffer.concat(parts).subarray(0, length);
}

export class FakeChain {
  readonly genesis: Genesis;
  /** All commits behind genesis, in order: block 2 is the first. */
  readonly commits: BlockCommit[] = [];
  /** After block n, at index n. */
  readonly states: ReadonlyMap<Address, Account>[] = [new Map()];
  readonly #miner: Address;

  /** @param accounts how many genesis endows, numbered from 0; the miner is none of them */
  constructor(accounts: number, name = 'fake') {
    this.#miner = fakeAddress(-1);
    const changes = new Map<Address, Account>();
    for (let n = 0; n < accounts; n++)
      changes.set(fakeAddress(n), { ...EMPTY_ACCOUNT, balance: START_BALANCE });
    this.genesis = {
      block: this.#block(1, ZERO_HASH, [], Buffer.from(name)),
      changes,
      supply: accounts * START_BALANCE,
    };
    this.states.push(changes);
  }

  get genesisId(): Hash {
    return this.genesis.block.id;
  }

  get head(): Block {
    return this.commits.at(-1)?.block ?? this.genesis.block;
  }

  blockAt(number: number): Block {
    return number === 1 ? this.genesis.block : (this.commits[number - 2] as BlockCommit).block;
  }

  /** The next block with these transfers, executed. */
  add(transfers: readonly FakeTransfer[] = []): BlockCommit {
    const number = this.head.header.number + 1;
    const state = new Map(this.states.at(-1));
    const changes = new Map<Address, Account>();
    const newKeys = new Map<Address, Uint8Array>();
    const set = (address: Address, account: Account) => {
      state.set(address, account);
      changes.set(address, account);
    };
    const pay = (address: Address, amount: number) => {
      const account = state.get(address) ?? EMPTY_ACCOUNT;
      set(address, { ...account, balance: account.balance + amount });
    };
    const transactions = transfers.map(([from, to, amount]) => {
      const sender = state.get(fakeAddress(from));
      if (sender === undefined) throw new Error(`account ${from} does not exist`);
      const transaction = this.#transaction(fakeAddress(from), sender.nonce, fakeAddress(to), amount);
      if (transaction.publicKey !== null) newKeys.set(transaction.from, transaction.publicKey);
      set(transaction.from, {
        ...sender,
        nonce: sender.nonce + 1,
        balance: sender.balance - amount - FEE,
      });
      pay(transaction.to, amount);
      return transaction;
    });
    pay(this.#miner, REWARD + FEE * transfers.length);
    const block = this.#block(number, this.head.id, transactions, null);
    const signatures = Array.from({ length: SIGNATURES }, (_, authority) => ({
      authority,
      signature: fakeBytes(`precommit ${authority} of ${block.id}`, 256),
    }));
    const supply = START_BALANCE * this.genesis.changes.size + REWARD * (number - 1);
    const commit = { block, certificate: encodeCertificate(0, signatures), changes, newKeys, supply };
    this.commits.push(commit);
    this.states.push(state);
    return commit;
  }

  #transaction(from: Address, nonce: number, to: Address, amount: number): Transaction {
    const publicKey = nonce === 0 ? fakeBytes(`key of ${from}`, 270) : null;
    const payload = encodePayload({
      kind: 0,
      from,
      nonce,
      to,
      amount,
      fee: FEE,
      data: null,
      time: 1_700_000_000_000,
      publicKey,
    });
    const signature = fakeBytes(`signature of ${from} ${nonce}`, 256);
    return decodeTransaction(encodeTransaction(payload, signature), fromHex(this.genesisId));
  }

  #block(number: number, parent: Hash, transactions: readonly Transaction[], data: Uint8Array | null): Block {
    const header = {
      number,
      time: 1_700_000_000_000 + number,
      hashParent: parent,
      hashState: sha256Hex(`state ${number}`),
      hashTxns: ZERO_HASH,
      hashAuthorities: ZERO_HASH,
      coinbase: number === 1 ? ZERO_ADDRESS : this.#miner,
      reward: number === 1 ? 0 : REWARD,
      difficulty: 0,
      data,
    };
    return assembleBlock(header, 0, number === 1 ? null : fakeBytes(`seal ${number}`, 256), transactions);
  }
}

/** A chain of `blocks` blocks of transfers among `accounts` accounts, every third block empty. */
export function busyChain(accounts: number, blocks: number, transfers: number): FakeChain {
  const chain = new FakeChain(accounts);
  for (let n = 2; n <= blocks; n++) {
    const count = n % 3 === 0 ? 0 : transfers;
    chain.add(
      Array.from({ length: count }, (_, i): FakeTransfer => {
        const from = (n * 7 + i * 3) % accounts;
        return [from, (from + 1 + ((n + i) % (accounts + 2))) % (accounts + 3), n + i];
      }),
    );
  }
  return chain;
}
