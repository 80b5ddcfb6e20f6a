/** The peers of a network as the parts of a node know them, by address. To one that is gone nothing is said or done. */
import type { Network } from '../network/network.js';
import type { Offence } from '../network/offences.js';
import type { Address } from '../protocol/bytes.js';
import type { Message } from '../protocol/messages.js';

export class PeersByAddress {
  readonly #network: Network;

  constructor(network: Network) {
    this.#network = network;
  }

  send(address: Address, message: Message): void {
    const peer = this.#network.peers.get(address);
    if (peer !== undefined) this.#network.send(peer, message);
  }

  /** To all, or to those for which `isFor` holds, to those for which `isFirst` does before the others; encoded once. */
  broadcast(
    message: Message,
    isFor?: (address: Address) => boolean,
    isFirst?: (address: Address) => boolean,
  ): void {
    this.#network.broadcast(
      message,
      isFor && (({ address }) => isFor(address)),
      isFirst && (({ address }) => isFirst(address)),
    );
  }

  /** @param offence undefined for what is none, and is passed over */
  offend(address: Address, offence: Offence | undefined, detail: string): void {
    const peer = this.#network.peers.get(address);
    if (peer !== undefined && offence !== undefined) this.#network.offend(peer, offence, detail);
  }
}
