/** The shell around the consensus core: nothing leaves that is not on disk, whatever fails (section 8, "Own word kept"). */
import { describe, expect, it } from 'vitest';
import type { DriverDependencies } from '../../../src/node/consensus-driver.js';
import { settle } from '../../support/manual-clock.js';
import { fakeBlock, prevotes, propose } from '../consensus/fakes.js';
import { addressOf, HEIGHT, quietDriver } from './quiet-driver.js';

const PEER = addressOf(0);
const BLOCK = fakeBlock(HEIGHT, addressOf(1), 'a');

/** An authority at work on a block that is due. */
function driverWith(overrides: Partial<DriverDependencies>) {
  const sent: string[] = [];
  const failures: Error[] = [];
  const driver = quietDriver(3, {
    broadcast: (message, source) => sent.push(`${source === null ? 'send' : 'relay'} ${message.round}`),
    fail: (error) => failures.push(error),
    ...overrides,
  });
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
    driver.hear(propose(HEIGHT, 0, BLOCK, null), PEER);
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
    driver.hear(propose(HEIGHT, 0, BLOCK, null), PEER);
    await settle();
    expect(failures.map(({ message }) => message)).toEqual(['the disk is gone']);

    for (const vote of prevotes(HEIGHT, 0, BLOCK, 0, 1, 2)) driver.hear(vote, PEER);
    driver.behindEffects(() => sent.push('ADR'));
    await settle();
    expect(sent).toEqual(['relay 0']);
  });
});
