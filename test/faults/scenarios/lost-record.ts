/** How an operator brings back a validator whose signer's record is gone, as docs/operations.md says. */
import { rm } from 'node:fs/promises';
import type { Member } from '../member.js';
import type { Network } from '../network.js';
import { must } from '../scenario.js';

/** While it is down all that it signed last becomes past. */
const MISSED_BLOCKS = 2;
const FOLLOWED_BLOCKS = 5;
const REFUSES = /signing could contradict what it said/;

/** Takes away its records, and lets it sign again from the next height on; then it has to do without the flag. */
export async function acceptLostRecord(network: Network, validator: Member): Promise<void> {
  if (validator.running) await validator.stop();
  await rm(validator.home.file('signer'), { recursive: true, force: true });
  await network.grows(MISSED_BLOCKS);
  validator.start({ args: ['--accept-lost-record'] });
  await network.untilLeads(validator);
  await validator.stop();
  validator.start();
  await network.untilLeads(validator);
}

/** Started on what is there, it follows the chain and signs nothing. `heard`: the last height it was heard at. */
export async function followsSilently(network: Network, validator: Member, heard: number): Promise<void> {
  const process = validator.start();
  await network.within(
    `${validator.name} refusing to sign`,
    process.until(({ msg }) => REFUSES.test(String(msg))),
  );
  await network.grows(FOLLOWED_BLOCKS);
  const now = network.witness.highest(validator.address);
  must(
    now <= heard,
    `${validator.name} signed at height ${now}, with no record of having signed up to ${heard}`,
  );
}

/** Ends a validator that does its work. @returns the last height that it was heard at */
export async function killAtWork(network: Network, validator: Member): Promise<number> {
  await network.untilLeads(validator);
  await validator.kill();
  // Whatever it had sent is heard by now.
  await network.grows(MISSED_BLOCKS);
  return network.witness.highest(validator.address);
}
