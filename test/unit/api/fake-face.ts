/** A node's face over the real blocks of the test vectors: four blocks, their accounts and transactions. */
import { createPrivateKey, type KeyObject } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { signTransfer } from '../../../src/client/index.js';
import type {
  AccountInfo,
  BlockFinality,
  FinalBlock,
  KnownTransaction,
  NodeFace,
  NodeStatus,
  Page,
  Readiness,
  SubmitResult,
  TransferOrder,
} from '../../../src/node/face.js';
import { AuthoritySet } from '../../../src/protocol/authorities.js';
import { type Block, decodeBlock } from '../../../src/protocol/block.js';
import { type Address, fromHex, type Hash } from '../../../src/protocol/bytes.js';
import { decodeCertificate } from '../../../src/protocol/certificate.js';
import { malformed, ProtocolError } from '../../../src/protocol/errors.js';
import type { GenesisConfig } from '../../../src/protocol/genesis.js';
import { addressOf } from '../../../src/protocol/keys.js';
import type { Account } from '../../../src/protocol/state.js';
import { decodeTransaction, type Transaction } from '../../../src/protocol/transaction.js';

interface ChainVectors {
  readonly genesis_id: Hash;
  readonly blocks: readonly {
    readonly block: string;
    readonly certificate: string;
    readonly accounts_after: readonly (readonly [Address, number, number, number])[];
  }[];
}

function vectors(name: string): unknown {
  return JSON.parse(readFileSync(new URL(`../../vectors/${name}.json`, import.meta.url), 'utf8'));
}

const chain = vectors('chain') as ChainVectors;
const genesisVector = vectors('genesis') as { config: GenesisConfig; block: string };
const keyVectors = vectors('keys') as {
  keys: readonly { private_key_pem: string; public_key_hex: string; address: Address }[];
};

export const GENESIS_ID = chain.genesis_id;
export const GENESIS = genesisVector.config;
export const AUTHORITIES = new AuthoritySet(
  GENESIS.miners.map(({ address, public_key }) => ({
    address,
    publicKey: Buffer.from(public_key, 'base64'),
  })),
);
export const FINAL_BLOCKS: readonly FinalBlock[] = [
  { block: decodeBlock(fromHex(genesisVector.block), fromHex(GENESIS_ID)), certificate: null },
  ...chain.blocks.map(({ block, certificate }) => ({
    block: decodeBlock(fromHex(block), fromHex(GENESIS_ID)),
    certificate: decodeCertificate(fromHex(certificate)),
  })),
];

/** The block of the vectors with this number. */
export function finalBlock(number: number): FinalBlock {
  const found = FINAL_BLOCKS[number - 1];
  if (found === undefined) throw new Error(`the vectors have no block ${number}`);
  return found;
}

const ACCOUNTS: readonly ReadonlyMap<Address, Account>[] = [
  new Map(
    Object.entries(GENESIS.alloc).map(([address, { balance }]) => [address, { nonce: 0, balance, stake: 0 }]),
  ),
  ...chain.blocks.map(
    ({ accounts_after }) =>
      new Map(accounts_after.map(([address, nonce, balance, stake]) => [address, { nonce, balance, stake }])),
  ),
];

/** A key of the vectors, with its address. */
export function testKey(index: number): { address: Address; privateKey: KeyObject; publicKey: Uint8Array } {
  const key = keyVectors.keys[index];
  if (key === undefined) throw new Error(`the vectors have no key ${index}`);
  const publicKey = fromHex(key.public_key_hex);
  return { address: addressOf(publicKey), privateKey: createPrivateKey(key.private_key_pem), publicKey };
}

/** Counts what would change the ledger, and lets a test decide what becomes of it. */
export class FakeFace implements NodeFace {
  readonly address = testKey(0).address;
  readonly genesisId = GENESIS_ID;
  readonly genesis = GENESIS;
  readonly changes: (readonly Uint8Array[] | TransferOrder)[] = [];
  readonly listeners = new Set<(finality: BlockFinality) => void>();
  readonly pending = new Map<Hash, KnownTransaction>();
  /** How many blocks are final here. */
  height = FINAL_BLOCKS.length;
  readinessAnswer: Readiness = { ready: true, reasons: [] };
  refusal: ProtocolError | undefined;
  failure: Error | undefined;
  blocksRead = 0;
  /** Blocks above genesis up to this one are not kept. */
  base = 0;

  status(): NodeStatus {
    if (this.failure !== undefined) throw this.failure;
    const { block } = this.#final(this.height);
    const addresses = AUTHORITIES.list.map(({ address }) => address);
    return {
      address: this.address,
      agent: 'ccoin/test',
      genesisId: GENESIS_ID,
      networkId: GENESIS.network_id,
      role: 'validator',
      phase: 'ready',
      head: { number: block.header.number, id: block.id, timeMs: block.header.time },
      bestKnownHeight: this.height,
      base: this.base,
      consensus: {
        height: this.height + 1,
        round: 0,
        step: 'propose',
        leader: addresses[0] as Address,
        quorum: AUTHORITIES.quorum,
        authorities: AUTHORITIES.size,
        authoritiesPresent: addresses.slice(0, 3),
        authoritiesMissing: addresses.slice(3),
        stalledMs: 0,
      },
      pool: { ready: this.pending.size, waiting: 0, bytes: 0 },
      peers: 1,
      supply: 1000,
      uptimeMs: 5,
    };
  }

  readiness(): Readiness {
    return this.readinessAnswer;
  }

  peers() {
    return [
      {
        address: testKey(1).address,
        host: '127.0.0.1',
        port: 4000,
        inbound: false,
        role: 'basic',
        agent: 'ccoin/test',
        height: 4,
        score: 0,
        clockOffsetMs: -3,
        roundTripMs: null,
        connectedMs: 10,
      },
    ] as const;
  }

  authorities() {
    return AUTHORITIES.list.map((authority, index) => ({ ...authority, index, connected: index < 3 }));
  }

  async evidence() {
    return [
      {
        authority: testKey(1).address,
        height: 3,
        round: 0,
        type: 'prevote',
        foundMs: 1_790_000_000_500,
        messages: [Uint8Array.of(1), Uint8Array.of(2)],
      },
    ] as const;
  }

  async block(reference: number | Hash | 'latest') {
    this.blocksRead++;
    if (reference === 'latest') return this.#final(this.height);
    const found = FINAL_BLOCKS.find(
      ({ block }) => block.header.number === reference || block.id === reference,
    );
    if (found === undefined || found.block.header.number > this.height) return undefined;
    this.#assertKept(found.block.header.number);
    return found;
  }

  async touchedAccounts(number: number) {
    this.#assertKept(number);
    return [...(ACCOUNTS[number - 1] ?? [])];
  }

  async *accountsAt(number: number): AsyncGenerator<readonly [Address, Account], void> {
    yield* ACCOUNTS[number - 1] ?? [];
  }

  async account(address: Address, blockNumber = this.height): Promise<AccountInfo | undefined> {
    const account = ACCOUNTS[blockNumber - 1]?.get(address);
    return account && { address, account, nextNonce: account.nonce, pending: 0, blockNumber };
  }

  async accounts(cursor: string | undefined, limit: number): Promise<Page<AccountInfo>> {
    const all = [...(ACCOUNTS[this.height - 1] ?? [])].map(([address, account]) => {
      return { address, account, nextNonce: account.nonce, pending: 0, blockNumber: this.height };
    });
    return pageOf(all, cursor, limit);
  }

  async transaction(id: Hash): Promise<KnownTransaction | undefined> {
    return this.#finalTransactions().find(({ transaction }) => transaction.id === id) ?? this.pending.get(id);
  }

  async transactions(query: { account?: Address; sinceMs?: number; cursor?: string; limit: number }) {
    const { account, sinceMs = 0, cursor, limit } = query;
    const matching = this.#finalTransactions().filter(
      ({ transaction: { from, to }, status }) =>
        (account === undefined || from === account || to === account) &&
        (status.state !== 'final' || status.blockTimeMs >= sinceMs),
    );
    return pageOf(matching, cursor, limit);
  }

  pool(cursor: string | undefined, limit: number) {
    return pageOf([...this.pending.values()], cursor, limit);
  }

  async submit(wires: readonly Uint8Array[]): Promise<SubmitResult[]> {
    this.changes.push(wires);
    return Promise.all(wires.map((wire) => this.#take(wire)));
  }

  async transfer(order: TransferOrder): Promise<SubmitResult> {
    if (this.failure !== undefined) throw this.failure;
    this.changes.push(order);
    const { privateKey } = testKey(0);
    const { wire } = signTransfer({ ...order, nonce: this.changes.length }, privateKey, GENESIS_ID);
    return this.#take(wire);
  }

  onFinal(listener: (finality: BlockFinality) => void): () => void {
    this.listeners.add(listener);
    return () => this.listeners.delete(listener);
  }

  /** Makes the next block of the vectors final. */
  finalize(): void {
    const { block, certificate } = this.#final(++this.height);
    if (certificate === null) throw new Error('genesis is final from the start');
    const leader = block.header.coinbase;
    for (const tell of [...this.listeners]) {
      tell({ block, certificate, leader, finalityMs: 7, synced: false });
    }
  }

  async #take(wire: Uint8Array): Promise<SubmitResult> {
    if (this.refusal !== undefined) {
      return { accepted: false, code: this.refusal.code, message: this.refusal.message };
    }
    let transaction: Transaction;
    try {
      transaction = decodeTransaction(wire, fromHex(GENESIS_ID));
    } catch (error) {
      if (!(error instanceof ProtocolError)) throw error;
      return { accepted: false, code: error.code, message: error.message };
    }
    const known = await this.transaction(transaction.id);
    if (known !== undefined) return { accepted: true, ...known };
    const status = { state: 'pending', queue: 'ready' } as const;
    this.pending.set(transaction.id, { transaction, status });
    return { accepted: true, transaction, status };
  }

  #final(number: number): FinalBlock {
    return finalBlock(number);
  }

  /** Newest first. */
  #assertKept(number: number): void {
    if (number > 1 && number <= this.base) throw new ProtocolError('PRUNED', 'not kept');
  }

  #finalTransactions(): KnownTransaction[] {
    const blocks: readonly Block[] = FINAL_BLOCKS.slice(this.base, this.height).map(({ block }) => block);
    return blocks
      .flatMap(({ header, transactions }) =>
        transactions.map((transaction, index): KnownTransaction => {
          const status = {
            state: 'final',
            blockNumber: header.number,
            index,
            blockTimeMs: header.time,
          } as const;
          return { transaction, status };
        }),
      )
      .reverse();
  }
}

/** Cursors are plain offsets here; a real node's are opaque, and the API must not look into them. */
function pageOf<T>(all: readonly T[], cursor: string | undefined, limit: number): Page<T> {
  const from = cursor === undefined ? 0 : Number(cursor);
  if (!Number.isSafeInteger(from) || from < 0) throw malformed('the cursor is not one of this list');
  const next = from + limit;
  return { items: all.slice(from, next), next: next < all.length ? String(next) : null };
}
