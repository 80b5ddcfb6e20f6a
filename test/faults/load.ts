/**
 * A load on the network through its HTTP APIs: accounts that each send one transfer after another, to any node that
 * answers, and hand it in again until a node says that it is final. Such a word is acknowledged, and must stay true.
 */
import { generateKeyPairSync, type KeyObject } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import { CcoinClient, signTransfer } from '../../src/client/index.js';
import { publicKeyOf } from '../../src/client/transfer.js';
import type { Address, Hash } from '../../src/protocol/bytes.js';
import { addressOf } from '../../src/protocol/keys.js';
import type { Chance } from '../simulation/chance.js';
import type { Member } from './member.js';

const ACCOUNTS = 8;
/** A node that was killed or stopped answers nothing: then another one is asked. */
const ANSWER_WITHIN_MS = 3_000;
/** What a client waits before it tries again: a network without a quorum is not to be flooded. */
const RETRY_AFTER_MS = 100;

export interface LoadAccount {
  readonly address: Address;
  readonly privateKey: KeyObject;
}

/** A transfer that a node said to be final in that block. */
export interface Acknowledged {
  readonly id: Hash;
  readonly block: number;
  readonly by: string;
}

export function makeAccounts(): readonly LoadAccount[] {
  return Array.from({ length: ACCOUNTS }, () => {
    const { privateKey } = generateKeyPairSync('rsa', { modulusLength: 2048 });
    return { privateKey, address: addressOf(publicKeyOf(privateKey)) };
  });
}

export class Load {
  readonly acknowledged: Acknowledged[] = [];
  /** What a client heard last that was no acknowledgement. */
  lastRefusal = '';
  readonly #members: readonly Member[];
  readonly #genesisId: Hash;
  readonly #chance: Chance;
  readonly #accounts: Promise<unknown>;
  #stopping = false;
  #abandoned = false;

  constructor(accounts: readonly LoadAccount[], members: readonly Member[], genesisId: Hash, chance: Chance) {
    this.#members = members;
    this.#genesisId = genesisId;
    this.#chance = chance;
    this.#accounts = Promise.all(accounts.map((account) => this.#send(account)));
  }

  /** Begins nothing new, and resolves once what was handed in is final. */
  async stop(): Promise<void> {
    this.#stopping = true;
    await this.#accounts;
  }

  /** Leaves off at once, whatever became of what was handed in. */
  abandon(): void {
    this.#stopping = true;
    this.#abandoned = true;
  }

  async #send({ privateKey, address }: LoadAccount): Promise<void> {
    for (let nonce = 0; !this.#stopping; nonce++) {
      const { id, wire } = signTransfer({ to: address, amount: 1, nonce }, privateKey, this.#genesisId);
      const acknowledged = await this.#untilFinal(id, wire);
      if (acknowledged !== undefined) this.acknowledged.push(acknowledged);
    }
  }

  async #untilFinal(id: Hash, wire: Uint8Array): Promise<Acknowledged | undefined> {
    while (!this.#abandoned) {
      try {
        const { client, name } = this.#anyNode();
        await client.submit(wire);
        const { status } = await client.waitFinal(id, ANSWER_WITHIN_MS);
        if (status.state === 'final') return { id, block: status.block_number, by: name };
      } catch (error) {
        this.lastRefusal = error instanceof Error ? error.message : String(error);
      }
      await sleep(RETRY_AFTER_MS);
    }
    return undefined;
  }

  #anyNode(): { client: CcoinClient; name: string } {
    const { name, process } = this.#chance.pick(
      this.#members.filter(({ running, paused }) => running && !paused),
    );
    const http = process.lines.all.find(({ event }) => event === 'http');
    if (http === undefined) throw new Error(`${name} is still starting`);
    const client = new CcoinClient(`http://127.0.0.1:${http.http_port}`, { timeoutMs: ANSWER_WITHIN_MS });
    return { client, name };
  }
}
