/** A state in memory, and transactions and blocks made for tests of the ledger and the pool. */
import { readFileSync } from 'node:fs';
import type { Execution } from '../../../src/ledger/execute.js';
import { type LedgerRules, rulesOf } from '../../../src/ledger/rules.js';
import type { StateReader } from '../../../src/ledger/state-reader.js';
import { AuthoritySet } from '../../../src/protocol/authorities.js';
import { type Block, decodeBlock } from '../../../src/protocol/block.js';
import { type Address, fromHex, type Hash } from '../../../src/protocol/bytes.js';
import type { GenesisConfig } from '../../../src/protocol/genesis.js';
import { sha256Hex } from '../../../src/protocol/hash.js';
import type { Account } from '../../../src/protocol/state.js';
import {
  decodeTransaction,
  encodePayload,
  encodeTransaction,
  type Payload,
  TRANSFER,
  type Transaction,
} from '../../../src/protocol/transaction.js';

const folder = process.env.VECTORS ?? new URL('../../vectors', import.meta.url).pathname;

export function vectors<T>(name: string): T {
  return JSON.parse(readFileSync(`${folder}/${name}.json`, 'utf8'));
}

export class MemoryState implements StateReader {
  readonly accounts: Map<Address, Account>;
  readonly keys = new Map<Address, Uint8Array>();
  supply: number;

  constructor(accounts: Iterable<readonly [Address, Account]>) {
    this.accounts = new Map(accounts);
    this.supply = total(this.accounts);
  }

  account(address: Address): Account | undefined {
    return this.accounts.get(address);
  }

  publicKey(address: Address): Uint8Array | undefined {
    return this.keys.get(address);
  }

  commit(execution: Execution): void {
    for (const [address, account] of execution.changes) this.accounts.set(address, account);
    for (const [address, key] of execution.newKeys) this.keys.set(address, key);
    this.supply = execution.supply;
  }
}

export function total(accounts: ReadonlyMap<Address, Account>): number {
  let sum = 0;
  for (const { balance, stake } of accounts.values()) sum += balance + stake;
  return sum;
}

export function holder(balance: number, nonce = 0): Account {
  return { nonce, balance, stake: 0 };
}

/** The address of a made-up key. */
export function addressOf(name: string | number): Address {
  return sha256Hex(`address ${name}`).slice(0, 40);
}

const GENESIS_ID = new Uint8Array(32);

export const RULES: LedgerRules = {
  genesisId: GENESIS_ID,
  maxDataBytes: 100,
  minFee: 0,
  maxBound: 100,
  reward: 10,
  difficulty: 0,
};

/** A well-formed transfer that nobody signed. */
export function transfer(fields: Partial<Payload> & Pick<Payload, 'from' | 'nonce'>, salt = 0): Transaction {
  const payload = encodePayload({
    kind: TRANSFER,
    to: addressOf('anybody'),
    amount: 0,
    fee: 0,
    data: null,
    time: 0,
    publicKey: null,
    ...fields,
  });
  return decodeTransaction(encodeTransaction(payload, Uint8Array.of(salt)), GENESIS_ID);
}

/** The network of genesis.json and chain.json. */
export function vectorNetwork() {
  const { config, block, id } = vectors<{ config: GenesisConfig; block: string; id: Hash }>('genesis');
  const accounts = new Map<Address, Account>();
  for (const [address, { balance }] of Object.entries(config.alloc)) accounts.set(address, holder(balance));
  const { coinbase, coinbase_reward } = config.genesis_block;
  accounts.set(coinbase, holder((accounts.get(coinbase)?.balance ?? 0) + coinbase_reward));
  const miners = config.miners.map((miner) => ({
    address: miner.address,
    publicKey: Uint8Array.from(Buffer.from(miner.public_key, 'base64')),
  }));
  return {
    rules: rulesOf(config, id),
    authorities: new AuthoritySet(miners),
    genesis: decodeBlock(fromHex(block), fromHex(id)) as Block,
    state: new MemoryState(accounts),
  };
}
