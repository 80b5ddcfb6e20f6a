/** The shell around the consensus core: nothing leaves that is not on disk, whatever fails (section 8, "Own word kept"). */
import { describe, expect, it } from 'vitest';
import { ConsensusDriver, type DriverDependencies } from '../../../src/node/consensus-driver.js';
import { ManualClock, settle } from '../../support/manual-clock.js';
import { authoritySet, fakeBlock, prevotes, propose, TIMEOUTS, ZERO_HASH } from '../consensus/fakes.js';

const AUTHORITIES = authoritySet(4);
const HEIGHT = 5;
const [OWN, OTHER] = [AUTHORITIES.at(3), AUTHORITIES.at(0)].map((each) => each?.address ?? '');
/** Led by authority 1: (5 + 0) mod 4. */
const BLOCK = fakeBlock(HEIGHT, AUTHORITIES.at(1)?.address ?? '', 'a');

function driverWith(overrides: Partial<DriverDependencies>) {
  const sent: string[] = [];
  const failures: Error[] = [];
  const driver = new ConsensusDriver(
    {
      clock: new ManualClock(),
      signer: { address: OWN ?? '', publicKey: new Uint8Array(0), sign: async () => Uint8Array.of(9) },
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
      broadcast: (message, source) => sent.push(`${source === null ? 'send' : 'relay'} ${message.round}`),
      persist: async () => {},
      evidence: () => {},
      stranger: () => {},
      fail: (error) => failures.push(error),
      ...overrides,
    },
  );
  driver.enterHeight(HEIGHT, AUTHORITIES, null);
  driver.input({ type: 'acting', acting: true });
  driver.input({ type: 'due', height: HEIGHT });
  return { driver, sent, failures };
}

describe('the driver of consensus', () => {
  it('sends its own vote once that is on disk, not before', async () => {
    let written = () => {};
    const { driver, sent } = driverWith({
      persist: () =>
        new Promise((resolve) => {
          written = resolve;
        }),
    });
    driver.hear(propose(HEIGHT, 0, BLOCK, null), OTHER ?? '');
    await settle();
    expect(sent).toEqual(['relay 0']);
    written();
    await settle();
    expect(sent).toEqual(['relay 0', 'send 0']);
  });

  it('sends nothing any more once a write failed, whatever it hears until the node is stopped', async () => {
    const { driver, sent, failures } = driverWith({
      persist: async () => {
        throw new Error('the disk is gone');
      },
    });
    driver.hear(propose(HEIGHT, 0, BLOCK, null), OTHER ?? '');
    await settle();
    expect(failures.map(({ message }) => message)).toEqual(['the disk is gone']);

    for (const vote of prevotes(HEIGHT, 0, BLOCK, 0, 1, 2)) driver.hear(vote, OTHER ?? '');
    driver.behindEffects(() => sent.push('ADR'));
    await settle();
    expect(sent).toEqual(['relay 0']);
  });
});
