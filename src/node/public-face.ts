/** The node's public face (face.ts), over a running node. */
import { leaderOf } from '../consensus/leader.js';
import type { Clock } from '../ports/clock.js';
import type { Random } from '../ports/random.js';
import type { Signer } from '../ports/signer.js';
import type { Address } from '../protocol/bytes.js';
import {
  encodePayload,
  encodeTransaction,
  type Payload,
  signedTransactionBytes,
  TRANSFER,
} from '../protocol/transaction.js';
import { placeholderData } from './block-builder.js';
import type {
  AuthorityInfo,
  EvidenceInfo,
  NodeFace,
  NodeStatus,
  PeerInfo,
  Readiness,
  SubmitResult,
  TransferOrder,
} from './face.js';
import type { Node } from './node.js';
import { assessReadiness, credibleHeight } from './readiness.js';

export class PublicFace implements NodeFace {
  readonly #node: Node;
  readonly #clock: Clock;
  readonly #random: Random;
  readonly #signer: Signer;
  /** Transfers of our own account follow each other: each takes the next nonce. */
  #lastTransfer: Promise<unknown> = Promise.resolve();

  constructor(
    node: Node,
    ports: { readonly clock: Clock; readonly random: Random; readonly signer: Signer },
  ) {
    this.#node = node;
    this.#clock = ports.clock;
    this.#random = ports.random;
    this.#signer = ports.signer;
  }

  get address(): NodeFace['address'] {
    return this.#node.address;
  }

  get genesisId(): NodeFace['genesisId'] {
    return this.#node.genesisId;
  }

  get genesis(): NodeFace['genesis'] {
    return this.#node.genesis;
  }

  status(): NodeStatus {
    const node = this.#node;
    const { authorities, mempool } = node;
    const { head } = node.chain;
    const { height, round, currentStep: step } = node.consensus.core;
    const present = node.presentAuthorities;
    return {
      address: node.address,
      agent: node.agent,
      genesisId: node.genesisId,
      networkId: node.genesis.network_id,
      role: node.role,
      phase: node.phase,
      head: { number: head.header.number, id: head.id, timeMs: head.header.time },
      bestKnownHeight: node.bestKnownHeight,
      base: node.reader.base,
      consensus: {
        height,
        round,
        step,
        leader: leaderOf(authorities, height, round).address,
        quorum: authorities.quorum,
        authorities: authorities.size,
        authoritiesPresent: present,
        authoritiesMissing: authorities.list
          .map(({ address }) => address)
          .filter((each) => !present.includes(each)),
        stalledMs: Math.round(node.consensus.stalledMs),
      },
      pool: { ready: mempool.readyCount, waiting: mempool.waitingCount, bytes: mempool.bytes },
      peers: node.peers.size,
      supply: node.chain.supply,
      uptimeMs: Math.round(this.#clock.monotonic() - node.startedMs),
    };
  }

  readiness(maxBehind: number): Readiness {
    const node = this.#node;
    return assessReadiness({
      phase: node.phase,
      head: node.chain.head.header.number,
      credibleHeight: credibleHeight(node.peers.values(), node.authorities),
      outOfReach: node.outOfReach,
      maxBehind,
      timeoutProposeMs: node.genesis.consensus.timeout_propose_ms,
      quorumLostMs: node.quorumLostMs,
      stalledMs: node.consensus.stalledMs,
      peerClockOffsetsMs: [...node.peers.values()].flatMap(({ clockOffsetMs }) => clockOffsetMs ?? []),
    });
  }

  peers(): readonly PeerInfo[] {
    return [...this.#node.peers.values()].map((peer) => ({
      address: peer.address,
      host: peer.remote.host,
      port: peer.listenPort,
      inbound: peer.inbound,
      role: peer.role,
      agent: peer.agent,
      height: peer.height,
      score: Math.round(peer.score),
      clockOffsetMs: Math.round(peer.clockOffsetMs ?? 0),
      roundTripMs: peer.roundTripMs === null ? null : Math.round(peer.roundTripMs),
      connectedMs: Math.round(this.#clock.now() - peer.connectedAtMs),
    }));
  }

  authorities(): readonly AuthorityInfo[] {
    const present = new Set(this.#node.presentAuthorities);
    return this.#node.authorities.list.map(({ address, publicKey }, index) => ({
      address,
      publicKey,
      index,
      connected: present.has(address),
    }));
  }

  evidence(): Promise<readonly EvidenceInfo[]> {
    return this.#node.evidence.list();
  }

  block(reference: Parameters<NodeFace['block']>[0]): ReturnType<NodeFace['block']> {
    return this.#node.reader.block(reference);
  }

  touchedAccounts(number: number): ReturnType<NodeFace['touchedAccounts']> {
    return this.#node.reader.touchedAccounts(number);
  }

  accountsAt(number: number): ReturnType<NodeFace['accountsAt']> {
    return this.#node.reader.accountsAt(number);
  }

  account(address: Address, blockNumber?: number): ReturnType<NodeFace['account']> {
    return this.#node.reader.account(address, blockNumber);
  }

  accounts(cursor: string | undefined, limit: number): ReturnType<NodeFace['accounts']> {
    return this.#node.reader.accounts(cursor, limit);
  }

  transaction(id: string): ReturnType<NodeFace['transaction']> {
    return this.#node.reader.transaction(id);
  }

  transactions(query: Parameters<NodeFace['transactions']>[0]): ReturnType<NodeFace['transactions']> {
    return this.#node.reader.transactions(query);
  }

  pool(cursor: string | undefined, limit: number): ReturnType<NodeFace['pool']> {
    return this.#node.reader.pool(cursor, limit);
  }

  submit(wires: readonly Uint8Array[]): Promise<SubmitResult[]> {
    return this.#node.intake.submit(wires, null);
  }

  transfer(order: TransferOrder): Promise<SubmitResult> {
    const transfer = this.#lastTransfer.then(() => this.#transfer(order));
    this.#lastTransfer = transfer.catch(() => undefined);
    return transfer;
  }

  onFinal(listener: Parameters<NodeFace['onFinal']>[0]): () => void {
    return this.#node.onFinal(listener);
  }

  async #transfer({ to, amount, fee, data }: TransferOrder): Promise<SubmitResult> {
    const { genesis, mempool, address, chain } = this.#node;
    const nonce = mempool.nextNonce(address);
    const payload: Payload = {
      kind: TRANSFER,
      from: address,
      nonce,
      to,
      amount,
      fee: fee ?? genesis.transaction.min_fee,
      data: data ?? placeholderData(genesis.transaction.placeholder_data, this.#random),
      time: this.#clock.now(),
      publicKey: nonce === 0 ? this.#signer.publicKey : null,
    };
    const bytes = encodePayload(payload);
    const signature = await this.#signer.sign(signedTransactionBytes(bytes, chain.rules.genesisId), true);
    const [result] = await this.submit([encodeTransaction(bytes, signature)]);
    if (result === undefined) throw new Error('a submission without an answer');
    return result;
  }
}
