/** A consensus driver on a clock that stands, whose surroundings do nothing unless a test says otherwise. */
import { ConsensusDriver, type DriverDependencies } from '../../../src/node/consensus-driver.js';
import type { Address } from '../../../src/protocol/bytes.js';
import { ManualClock } from '../../support/manual-clock.js';
import { authoritySet, TIMEOUTS, ZERO_HASH } from '../consensus/fakes.js';

export const AUTHORITIES = authoritySet(4);
/** Its round 0 is led by authority 1. */
export const HEIGHT = 5;

export function addressOf(authority: number): Address {
  const known = AUTHORITIES.at(authority);
  if (known === undefined) throw new Error(`there is no authority ${authority}`);
  return known.address;
}

/**
 * @param own the authority that it signs for; null to follow only
 * @param signing is told of every signature that it makes, and whether beside other work
 */
export function quietDriver(
  own: number | null,
  dependencies: Partial<DriverDependencies> = {},
  clock = new ManualClock(),
  signing: (beside: boolean) => void = () => {},
): ConsensusDriver {
  const driver = new ConsensusDriver(
    {
      clock,
      random: { bytes: (count) => new Uint8Array(count), fraction: () => 0 },
      signer:
        own === null
          ? null
          : {
              address: addressOf(own),
              publicKey: new Uint8Array(0),
              sign: async (_, beside = false) => {
                signing(beside);
                return Uint8Array.of(9);
              },
            },
      genesisId: ZERO_HASH,
      timeouts: TIMEOUTS,
      height: HEIGHT,
      authorities: AUTHORITIES,
    },
    {
      validate: async () => true,
      isTimely: () => true,
      build: async () => null,
      commit: async () => {},
      peers: () => [],
      broadcast: () => {},
      persist: async () => {},
      evidence: () => {},
      stranger: () => {},
      broken: ({ id }) => new Error(id),
      fail: (error) => {
        throw error;
      },
      ...dependencies,
    },
  );
  driver.enterHeight(HEIGHT, AUTHORITIES, null);
  return driver;
}
