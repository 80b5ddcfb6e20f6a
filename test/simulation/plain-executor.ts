/**
 * Executes blocks a second time, as plainly as sections 3 to 5 can be written down: no views, caches or shared
 * structure, and nothing of src/ledger or the state tree. What it says must be what every node says.
 */
import { createHash } from 'node:crypto';
import type { Block } from '../../src/protocol/block.js';
import { fromHex, toHex } from '../../src/protocol/bytes.js';
import { encode } from '../../src/protocol/encoding.js';
import type { GenesisConfig } from '../../src/protocol/genesis.js';
import type { SignatureCheck } from '../../src/protocol/keys.js';
import { violated } from './violation.js';

interface PlainAccount {
  nonce: number;
  balance: number;
}

export class PlainExecutor {
  readonly accounts = new Map<string, PlainAccount>();
  readonly keys = new Map<string, Uint8Array>();
  /** Where each final transaction stands, as "block index". */
  readonly transactions = new Map<string, string>();
  readonly #genesis: GenesisConfig;
  readonly #genesisId: Uint8Array;
  readonly #verify: (check: SignatureCheck) => boolean;
  #rewards = 0;
  #number = 1;
  #head: string;
  #time: number;

  constructor(genesis: GenesisConfig, genesisId: string, verify: (check: SignatureCheck) => boolean) {
    this.#genesis = genesis;
    this.#genesisId = fromHex(genesisId);
    this.#verify = verify;
    this.#head = genesisId;
    this.#time = genesis.time;
    for (const [address, { balance }] of Object.entries(genesis.alloc))
      this.#account(address).balance = balance;
    const { coinbase, coinbase_reward } = genesis.genesis_block;
    if (coinbase_reward > 0) this.#account(coinbase).balance += coinbase_reward;
  }

  get number(): number {
    return this.#number;
  }

  get supply(): number {
    let supply = 0;
    for (const { balance } of this.accounts.values()) supply += balance;
    return supply;
  }

  /** @throws Violation if the block, which is final, is not what the rules allow */
  execute(block: Block): void {
    const { header } = block;
    const miner = this.#genesis.miners.find(({ address }) => address === header.coinbase);
    expect(header.number === this.#number + 1, `block ${header.number} follows ${this.#number}`);
    expect(header.hashParent === this.#head, `block ${header.number} has another parent`);
    expect(header.time > this.#time, `block ${header.number} is not after its parent`);
    expect(miner !== undefined, `block ${header.number} is of no authority`);
    expect(header.difficulty === this.#genesis.block_mining.difficulty, 'another difficulty');
    expect(block.id === sha256(utf8(`${block.nonce}${block.miningHash}`)), 'the id is not of the nonce');
    expect((/^0*/.exec(block.id)?.[0].length as number) >= header.difficulty, 'the proof of work is missing');
    expect(block.transactions.length <= this.#genesis.block_mining.max_bound, 'too many transactions');
    const wires = block.transactions.map(({ wire }) => wire);
    expect(header.hashTxns === merkle(wires), `hash_txns of block ${header.number}`);
    const seal = Buffer.concat([utf8('ccoin/seal\0'), this.#genesisId, fromHex(block.id)]);
    const publicKey = Buffer.from(miner?.public_key ?? '', 'base64');
    expect(
      block.signature !== null && this.#verify({ publicKey, message: seal, signature: block.signature }),
      `the seal of block ${header.number}`,
    );
    block.transactions.forEach((_, index) => {
      this.#transfer(block, index);
    });
    const reward = Math.min(this.#genesis.block_mining.reward, Number.MAX_SAFE_INTEGER - this.supply);
    expect(header.reward === reward, `a reward of ${header.reward} instead of ${reward}`);
    this.#account(header.coinbase).balance += reward;
    this.#rewards += reward;
    expect(header.hashState === this.root(), `hash_state of block ${header.number}`);
    this.#number++;
    this.#head = block.id;
    this.#time = header.time;
    this.#assertSupply();
  }

  root(): string {
    const leaves = [...this.accounts].map(([address, { nonce, balance }]): Leaf => {
      const key = digest(fromHex(address));
      return { key, hash: digest(Uint8Array.of(0), key, encode([nonce, balance, 0])) };
    });
    return toHex(subtree(leaves, 0));
  }

  #transfer({ transactions, header }: Block, index: number): void {
    const transaction = transactions[index] as Block['transactions'][number];
    const { from, to, nonce, amount, fee, data, publicKey, payload, signature, id } = transaction;
    const what = `transaction ${index} of block ${header.number}`;
    expect(fee >= this.#genesis.transaction.min_fee, `${what} pays too little`);
    expect((data?.length ?? 0) <= this.#genesis.transaction.max_data, `${what} carries too much`);
    expect((publicKey !== null) === (nonce === 0), `${what} and its key`);
    if (publicKey !== null) this.keys.set(from, publicKey);
    const key = this.keys.get(from);
    const message = Buffer.concat([utf8('ccoin/txn\0'), this.#genesisId, payload]);
    if (key === undefined) return violated(`${what} has no known key`);
    expect(toHex(digest(key)).slice(0, 40) === from, `${what} has the key of another`);
    expect(this.#verify({ publicKey: key, message, signature }), `${what} is not signed`);
    expect(this.accounts.has(from), `${what} is of nobody`);
    const sender = this.#account(from);
    expect(sender.nonce === nonce, `${what} has nonce ${nonce} instead of ${sender.nonce}`);
    expect(sender.balance >= amount + fee, `${what} spends what is not there`);
    sender.nonce++;
    sender.balance -= amount + fee;
    this.#account(to).balance += amount;
    this.#account(header.coinbase).balance += fee;
    expect(!this.transactions.has(id), `${what} is in the chain twice`);
    this.transactions.set(id, `${header.number} ${index}`);
  }

  #assertSupply(): void {
    const { alloc, genesis_block } = this.#genesis;
    let founded = genesis_block.coinbase_reward;
    for (const { balance } of Object.values(alloc)) founded += balance;
    expect(this.supply === founded + this.#rewards, 'the supply is not alloc and rewards');
  }

  #account(address: string): PlainAccount {
    let account = this.accounts.get(address);
    if (account === undefined) {
      account = { nonce: 0, balance: 0 };
      this.accounts.set(address, account);
    }
    return account;
  }
}

interface Leaf {
  readonly key: Uint8Array;
  readonly hash: Uint8Array;
}

function subtree(leaves: readonly Leaf[], depth: number): Uint8Array {
  const [first, second] = leaves;
  if (first === undefined) return new Uint8Array(32);
  if (second === undefined) return first.hash;
  const bit = ({ key }: Leaf) => ((key[depth >> 3] as number) >> (7 - (depth & 7))) & 1;
  const sides = [0, 1].map((side) =>
    subtree(
      leaves.filter((leaf) => bit(leaf) === side),
      depth + 1,
    ),
  );
  return digest(Uint8Array.of(1), ...sides);
}

function merkle(wires: readonly Uint8Array[]): string {
  if (wires.length === 0) return '00'.repeat(32);
  const root = (part: readonly Uint8Array[]): Uint8Array => {
    if (part.length === 1) return digest(Uint8Array.of(0), part[0] as Uint8Array);
    const left = 2 ** Math.ceil(Math.log2(part.length) - 1);
    return digest(Uint8Array.of(1), root(part.slice(0, left)), root(part.slice(left)));
  };
  return toHex(root(wires));
}

function digest(...parts: readonly Uint8Array[]): Uint8Array {
  const hash = createHash('sha256');
  for (const part of parts) hash.update(part);
  return hash.digest();
}

function sha256(bytes: Uint8Array): string {
  return toHex(digest(bytes));
}

function utf8(text: string): Uint8Array {
  return Buffer.from(text, 'utf8');
}

function expect(holds: boolean, what: string): void {
  if (!holds) violated(what);
}
