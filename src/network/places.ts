/**
 * Who gets a place among the peers. Authorities always do: consensus needs each of them, so where all places are
 * taken one of a basic node is cleared.
 */
import type { Address } from '../protocol/bytes.js';
import { LIMITS } from './limits.js';

interface Seated {
  readonly address: Address;
  readonly inbound: boolean;
  readonly connectedAtMs: number;
}

export interface PlaceRules {
  readonly maxInbound: number;
  /** Of the whole network's genesis; 0 is no limit. It binds authorities too. */
  readonly maxPeers: number;
  /** Whether we are an authority: then dialed authorities do not count among the dialed. */
  readonly authority: boolean;
  isAuthority(address: Address): boolean;
}

/** `free`: there is a place. A peer: it would have to go. `none`: no place. */
export type Place<P> = 'free' | 'none' | P;

export function findPlace<P extends Seated>(
  peers: Iterable<P>,
  newcomer: { readonly address: Address; readonly inbound: boolean },
  rules: PlaceRules,
): Place<P> {
  const seated = [...peers];
  const authority = rules.isAuthority(newcomer.address);
  const crowded = rules.maxPeers > 0 && seated.length >= rules.maxPeers;
  const sideFull = newcomer.inbound
    ? seated.filter((peer) => peer.inbound).length >= rules.maxInbound
    : otherDialPlaces(seated, rules) <= 0 && !(authority && rules.authority);
  if (!crowded && !sideFull) return 'free';
  if (!authority) return 'none';

  const victims = seated.filter(
    (peer) => !rules.isAuthority(peer.address) && (crowded || peer.inbound === newcomer.inbound),
  );
  // The newest has the least to lose.
  const [first, ...rest] = victims;
  if (first === undefined) return crowded ? 'none' : 'free';
  return rest.reduce((newest, peer) => (peer.connectedAtMs > newest.connectedAtMs ? peer : newest), first);
}

/** How many more peers may be dialed beside the authorities (by basic nodes: in all). */
export function otherDialPlaces(peers: Iterable<Seated>, rules: PlaceRules): number {
  let taken = 0;
  for (const { inbound, address } of peers) {
    if (!inbound && !(rules.authority && rules.isAuthority(address))) taken++;
  }
  return LIMITS.otherDials - taken;
}
