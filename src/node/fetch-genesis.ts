/** Takes the genesis block from a peer (GLK, section 9), for a node that has none. */

import type { KnownEndpoint } from '../network/hints.js';
import { Network, type NetworkPorts } from '../network/network.js';
import type { Endpoint } from '../ports/transport.js';
import type { Address, Hash } from '../protocol/bytes.js';
import { ProtocolError } from '../protocol/errors.js';
import { readGenesisBlock } from '../protocol/genesis.js';
import type { Role } from './face.js';
import type { Log } from './log.js';

const ASK_DISCOVERY_EVERY_MS = 2_000;

export interface FetchGenesisOptions {
  readonly role: Role;
  readonly agent: string;
  readonly listen: Endpoint;
  readonly peers: readonly Endpoint[];
  readonly allow: readonly Address[];
  readonly maxInbound: number;
  /** The only genesis to take; null to take the first that is sound. */
  readonly pinnedGenesisId: Hash | null;
  readonly log: Log;
}

/**
 * The wire form of a genesis block whose id, state root and proof of work were recomputed; waits for as long as nobody
 * gives one.
 * @param discover endpoints that discovery knows for the pinned network; failures are its own to report
 */
export async function fetchGenesis(
  ports: NetworkPorts,
  options: FetchGenesisOptions,
  discover: () => Promise<readonly KnownEndpoint[]>,
): Promise<Uint8Array> {
  const { pinnedGenesisId, log } = options;
  let take: (block: Uint8Array) => void;
  const taken = new Promise<Uint8Array>((resolve) => {
    take = resolve;
  });
  const network = new Network(
    ports,
    // It only dials: a node without genesis has nothing to say to those who come.
    {
      ...options,
      listen: { host: options.listen.host, port: 0 },
      advertise: null,
      genesis: null,
      maxPeers: 0,
      authorities: () => new Set(),
      height: () => 0,
    },
    {
      peerUp: () => {},
      peerDown: () => {},
      message: () => {},
      genesis: (wire, from) => {
        const refusal = refusalOf(wire, pinnedGenesisId);
        if (refusal === null) take(wire);
        else log('warn', { peer: from.address }, `a peer's genesis block is not taken: ${refusal}`);
      },
      log,
    },
  );
  log('info', {}, 'no genesis block here: asking peers for it');
  await network.start();
  let timer = ports.clock.after(0, ask);
  function ask(): void {
    discover().then(
      (endpoints) => network.addEndpoints(endpoints),
      () => undefined,
    );
    timer = ports.clock.after(ASK_DISCOVERY_EVERY_MS, ask);
  }
  try {
    return await taken;
  } finally {
    timer.cancel();
    await network.stop();
  }
}

function refusalOf(wire: Uint8Array, pinned: Hash | null): string | null {
  try {
    const { block } = readGenesisBlock(wire);
    return pinned === null || block.id === pinned ? null : `it is ${block.id}, not ${pinned}`;
  } catch (error) {
    if (error instanceof ProtocolError) return error.message;
    throw error;
  }
}
