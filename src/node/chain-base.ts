/**
 * Begins a chain in an empty store where another database begins to keep blocks whole (ChainStore.base): with the headers
 * up to there, each proved by its certificate and its parent's id, and the accounts as of the base, which have to give its
 * state root. What of the database lies above can then be replayed on it as a whole chain is from genesis.
 */
import { checkSealedHeader } from '../ledger/check-block.js';
import { rulesOf } from '../ledger/rules.js';
import type { Store, StoreOperation } from '../ports/store.js';
import type { Worker } from '../ports/worker.js';
import { GENESIS_NUMBER, sealBytes } from '../protocol/block.js';
import { fromHex } from '../protocol/bytes.js';
import { certificateChecks, decodeCertificate } from '../protocol/certificate.js';
import { ProtocolError } from '../protocol/errors.js';
import { authoritiesOf, type Genesis } from '../protocol/genesis.js';
import { addressOf, type SignatureCheck } from '../protocol/keys.js';
import { decodeSealedHeader, type SealedHeader, splitBlock } from '../protocol/sealed-header.js';
import { decodeRecord } from '../storage/block-changes.js';
import { ChainStore } from '../storage/chain-store.js';
import { accountKey, accountsBehind, addressIn } from '../storage/keys.js';
import {
  type ChainTables,
  chainDamaged,
  changesName,
  type HeaderBytes,
  missing,
  parsed,
  present,
  putAccount,
  putBase,
  putBlockNumber,
  putHead,
  putHeader,
  putPublicKey,
} from '../storage/tables.js';
import { BlockFault, type ReplayOptions } from './replay.js';

/** Headers whose signatures are checked together: a few thousand of them. */
const HEADERS_AT_ONCE = 256;
/** Accounts and keys written together. */
const ENTRIES_AT_ONCE = 4_096;

interface Parts {
  /** The database, and its tables. */
  readonly database: Store;
  readonly tables: ChainTables;
  readonly genesis: Genesis;
  readonly worker: Worker;
  /** Takes each record once, as it is in the database. */
  readonly target: Store;
  /** Behind `target`, or the same: what of it the chain reads again. */
  readonly scratch: Store;
}

/**
 * Does nothing for a database that keeps all.
 * @returns the base's number; 0 if there is none
 * @throws BlockFault and StorageError DAMAGED for what is wrong in the database, and what `target` throws
 */
export async function beginAtBase(parts: Parts, { onBlock, signal }: ReplayOptions = {}): Promise<number> {
  const { tables, genesis, target, scratch } = parts;
  const base = tables.base();
  if (base.number <= GENESIS_NUMBER) return 0;
  const { block, accounts: changes, supply } = genesis;
  await ChainStore.initialise(target, { block, changes, supply });
  let parent: SealedHeader | undefined =
    base.lowestHeader <= GENESIS_NUMBER + 1 ? sealedGenesis(genesis) : undefined;
  for (
    let from = Math.max(base.lowestHeader, GENESIS_NUMBER + 1);
    from <= base.number;
    from += HEADERS_AT_ONCE
  ) {
    const to = Math.min(base.number, from + HEADERS_AT_ONCE - 1);
    parent = await takeHeaders(parts, from, to, parent);
    for (let number = from; number <= to; number++) await onBlock?.(number);
    signal?.throwIfAborted();
  }
  if (parent === undefined) throw missing(`block ${base.number}`);
  await takeAccounts(parts, base.number, signal);
  const { header, id } = parent;
  const head = { number: base.number, id, timeMs: header.time, supply: await takeKeys(parts) };
  const top = present(tables.header(base.number), `block ${base.number}`);
  await scratch.write(
    [putHeader(base.number, top), putBlockNumber(id, base.number), putHead(head), putBase(base)],
    { sync: true },
  );
  return base.number;
}

/** @returns the last of them */
async function takeHeaders(
  { tables, genesis, worker, target }: Parts,
  from: number,
  to: number,
  parent: SealedHeader | undefined,
): Promise<SealedHeader> {
  const authorities = authoritiesOf(genesis.config);
  const genesisId = fromHex(genesis.block.id);
  const rules = rulesOf(genesis.config, genesis.block.id);
  const operations: StoreOperation[] = [];
  const checks: { readonly number: number; readonly check: SignatureCheck }[] = [];
  let last = parent;
  for (let number = from; number <= to; number++) {
    const stored = storedHeader(tables, number);
    try {
      const sealed = decodeSealedHeader(stored.sealedHeader);
      const error = checkSealedHeader(sealed, last, authorities, rules);
      if (error !== null) throw error;
      if (sealed.header.number !== number)
        throw new ProtocolError('BAD_BLOCK', `it says to be ${sealed.header.number}`);
      const certificate = decodeCertificate(stored.certificate ?? new Uint8Array());
      const seal = {
        message: sealBytes(sealed.id, genesisId),
        signature: sealed.signature ?? new Uint8Array(),
      };
      const { publicKey } = authorities.at(authorities.indexOf(sealed.header.coinbase) ?? -1) as {
        publicKey: Uint8Array;
      };
      const proofs = certificateChecks(
        certificate,
        { height: number, id: sealed.id },
        authorities,
        genesisId,
      );
      for (const check of [...proofs, { publicKey, ...seal }]) checks.push({ number, check });
      operations.push(putHeader(number, stored), putBlockNumber(sealed.id, number));
      last = sealed;
    } catch (error) {
      if (!(error instanceof ProtocolError)) throw error;
      throw new BlockFault(number, `${error.code}: ${error.message}`, { cause: error });
    }
  }
  const good = await worker.verify(checks.map(({ check }) => check));
  const bad = checks[good.indexOf(false)];
  if (bad !== undefined) throw new BlockFault(bad.number, 'a signature of its seal or certificate is bad');
  await target.write(operations, { sync: false });
  return last as SealedHeader;
}

function storedHeader(tables: ChainTables, number: number): HeaderBytes {
  const stored = tables.header(number);
  if (stored === undefined) throw new BlockFault(number, 'its header is missing');
  if (stored.certificate === null) throw new BlockFault(number, 'its certificate is missing');
  return stored;
}

/** The accounts as they are, and then back, block by block, to what they were before the first that is kept whole. */
async function takeAccounts(
  { database, tables, scratch }: Parts,
  base: number,
  signal: AbortSignal | undefined,
): Promise<void> {
  let batch: StoreOperation[] = [];
  for await (const [key, value] of database.entries(accountsBehind(undefined))) {
    parsed(`account ${addressIn(key)}`, value, decodeRecord);
    batch.push({ key, value });
    if (batch.length < ENTRIES_AT_ONCE) continue;
    await scratch.write(batch, { sync: false });
    batch = [];
  }
  await scratch.write(batch, { sync: false });
  const head = present(tables.head(), 'the head');
  for (let { number } = head; number > base; number--) {
    const changes = present(tables.changes(number), changesName(number));
    const undone = Array.from(changes, ([address, { before }]) =>
      before === undefined ? { key: accountKey(address), value: null } : putAccount(address, before),
    );
    await scratch.write(undone, { sync: false });
    signal?.throwIfAborted();
  }
}

/**
 * The keys of those that had sent anything by then.
 * @returns all balances and stakes
 */
async function takeKeys({ tables, target, scratch }: Parts): Promise<number> {
  let supply = 0;
  let batch: StoreOperation[] = [];
  for await (const [key, value] of scratch.entries(accountsBehind(undefined))) {
    const address = addressIn(key);
    const { nonce, balance, stake } = decodeRecord(value);
    supply += balance + stake;
    if (nonce === 0) continue;
    const publicKey = present(tables.publicKey(address), `the public key of ${address}`);
    if (addressOf(publicKey) !== address) throw chainDamaged(`the public key of ${address} is another one`);
    batch.push(putPublicKey(address, publicKey));
    if (batch.length < ENTRIES_AT_ONCE) continue;
    await target.write(batch, { sync: false });
    batch = [];
  }
  await target.write(batch, { sync: false });
  return supply;
}

function sealedGenesis({ block }: Genesis): SealedHeader {
  const [bytes] = splitBlock(block.wire);
  return decodeSealedHeader(bytes);
}
