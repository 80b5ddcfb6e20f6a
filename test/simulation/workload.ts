/** Those who use the network: transfers handed to nodes as the API does it, and now and then what nobody should send. */
import type { Node } from '../../src/node/node.js';
import { type Address, fromHex, type Hash } from '../../src/protocol/bytes.js';
import {
  decodeTransaction,
  encodePayload,
  encodeTransaction,
  signedTransactionBytes,
} from '../../src/protocol/transaction.js';
import { StorageError } from '../../src/storage/errors.js';
import type { Chance } from './chance.js';
import { EPOCH_MS } from './clock.js';
import type { SimKey } from './keys.js';
import type { Machine } from './machine.js';
import type { Plan } from './plan.js';
import { violated } from './violation.js';

export interface WorkloadCounts {
  submitted: number;
  accepted: number;
  refused: number;
  /** Transactions that a node, asked later, called final. */
  acknowledged: number;
}

/** Of those that were accepted last one is asked for now and then. */
const MAX_ASKED_FOR = 50;

export class Workload {
  readonly counts: WorkloadCounts = { submitted: 0, accepted: 0, refused: 0, acknowledged: 0 };
  readonly #plan: Plan;
  readonly #chance: Chance;
  readonly #genesisId: Uint8Array;
  readonly #places: readonly Address[];
  readonly #accepted: Hash[] = [];
  /** Who called which transaction final. */
  readonly #acknowledged = new Map<Hash, string>();

  constructor(plan: Plan, chance: Chance) {
    this.#plan = plan;
    this.#chance = chance;
    this.#genesisId = fromHex(plan.genesis.block.id);
    const known = [...plan.clients, ...plan.authorities].map(({ address }) => address);
    this.#places = [...known, 'ee'.repeat(20)];
  }

  /** Hands one transaction to `machine`. */
  submit(machine: Machine, nowMs: number): void {
    const { node } = machine;
    if (node === undefined) return;
    const client = this.#chance.pick(this.#plan.clients);
    const odd = this.#chance.chance(this.#plan.oddity);
    const wire = this.#transfer(client, node.mempool.nextNonce(client.address), nowMs, odd);
    const { id } = decodeTransaction(wire, this.#genesisId);
    this.counts.submitted++;
    const { life } = machine;
    node.intake.submit([wire], null).then(
      ([result]) => {
        if (machine.life !== life) return;
        if (result?.accepted) this.#accept(id);
        else this.counts.refused++;
        machine.say(`submitted ${id.slice(0, 8)} ${result?.accepted ? result.status.state : result?.code}`);
        if (result?.accepted && result.status.state === 'final') this.#assertFinal(machine, id);
      },
      (error: unknown) => {
        if (machine.life === life && !machine.excuse(error))
          violated(`${machine.name} failed over a submission: ${error}`);
      },
    );
  }

  /** Asks `machine` what became of a transaction that some node accepted. */
  ask({ node, name, honest }: Machine): void {
    if (node === undefined || !honest || this.#accepted.length === 0) return;
    const id = this.#chance.of(`ask ${this.counts.submitted}`).pick(this.#accepted);
    if (this.#acknowledged.has(id) || statusOf(node, id) !== 'final') return;
    this.counts.acknowledged++;
    this.#acknowledged.set(id, name);
  }

  /** @throws Violation if what was called final is not among the transactions that are */
  assertKept(finals: ReadonlyMap<Hash, string>): void {
    for (const [id, name] of this.#acknowledged)
      if (!finals.has(id)) violated(`${name} called transaction ${id} final, and it is gone`);
  }

  #accept(id: Hash): void {
    this.counts.accepted++;
    this.#accepted.push(id);
    if (this.#accepted.length > MAX_ASKED_FOR) this.#accepted.shift();
  }

  #assertFinal({ name, node }: Machine, id: Hash): void {
    if (node?.reader.status(id)?.state !== 'final') violated(`${name} calls ${id} final, and then not`);
  }

  #transfer(client: SimKey, nextNonce: number, nowMs: number, odd: boolean): Uint8Array {
    const chance = this.#chance;
    const { transaction } = this.#plan.genesis.config;
    const trouble = odd ? chance.pick(['nonce', 'gap', 'fee', 'amount', 'data', 'signature', 'key']) : '';
    const nonce =
      trouble === 'nonce'
        ? chance.below(nextNonce + 1)
        : trouble === 'gap'
          ? nextNonce + 1 + chance.below(3)
          : nextNonce;
    const fee = trouble === 'fee' ? 0 : transaction.min_fee + chance.below(5);
    const amount =
      trouble === 'amount' ? Number.MAX_SAFE_INTEGER - fee : chance.below(chance.pick([2, 1_000]));
    const size =
      trouble === 'data' ? transaction.max_data + 1 : Math.min(transaction.max_data, chance.below(100));
    const payload = encodePayload({
      kind: 0,
      from: client.address,
      nonce,
      to: chance.pick(this.#places),
      amount,
      fee,
      data: chance.chance(0.5) && trouble !== 'data' ? null : chance.bytes(size),
      time: Math.floor(EPOCH_MS + nowMs),
      publicKey: (nonce === 0) !== (trouble === 'key') ? client.publicKey : null,
    });
    const signature = client.sign(signedTransactionBytes(payload, this.#genesisId));
    if (trouble === 'signature') signature[3] = (signature[3] ?? 0) ^ 1;
    return encodeTransaction(payload, signature);
  }
}

/** Undefined where the store is damaged. */
function statusOf({ reader }: Node, id: Hash): string | undefined {
  try {
    return reader.status(id)?.state;
  } catch (error) {
    if (error instanceof StorageError) return undefined;
    throw error;
  }
}
