/** Accounts, signed commands, a clock and a store for the tests of the discovery service. */
import { createPrivateKey } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { type SignedParts, signedBytes } from '../../../src/discovery/messages.js';
import type { Clock } from '../../../src/ports/clock.js';
import type { Signer } from '../../../src/ports/signer.js';
import { fromHex, toBase64 } from '../../../src/protocol/bytes.js';
import { sign } from '../../../src/protocol/keys.js';

const vectors = JSON.parse(readFileSync(join(import.meta.dirname, '../../vectors/keys.json'), 'utf8'));

/** The test accounts of the vectors. */
export const SIGNERS: readonly Signer[] = vectors.keys.map(
  (key: { private_key_pem: string; public_key_hex: string; address: string }) => {
    const privateKey = createPrivateKey(key.private_key_pem);
    return {
      address: key.address,
      publicKey: fromHex(key.public_key_hex),
      sign: async (message: Uint8Array) => sign(privateKey, message),
    };
  },
);

export function signer(index: number): Signer {
  return SIGNERS[index] as Signer;
}

export const NETWORK = 'aa'.repeat(32);
export const START_MS = 1_790_000_000_000;

/** A clock that stands still until it is told how late it is, and fires timers then. */
export class HandClock implements Clock {
  nowMs = START_MS;
  readonly timers = new Set<{ at: number; fire: () => void }>();

  now(): number {
    return this.nowMs;
  }

  monotonic(): number {
    return this.nowMs - START_MS;
  }

  after(delayMs: number, fire: () => void) {
    const timer = { at: this.nowMs + delayMs, fire };
    this.timers.add(timer);
    return { cancel: () => this.timers.delete(timer) };
  }

  advance(byMs: number): void {
    this.nowMs += byMs;
    for (const timer of [...this.timers]) {
      if (timer.at > this.nowMs || !this.timers.delete(timer)) continue;
      timer.fire();
    }
  }
}

/** The body of a signed command; `changes` are made to the body after signing, `parts` before. */
export async function signed(by: Signer, parts: Partial<SignedParts> = {}, changes: object = {}) {
  const full: SignedParts = {
    command: 'add',
    network: NETWORK,
    address: by.address,
    ip: '10.0.0.1',
    port: 5000,
    time: START_MS,
    ...parts,
  };
  const { command, network, address, ip, port, time } = full;
  const about = command === 'add' ? { peer: { id: address, ip, port } } : { peer_id: address };
  return {
    command,
    ...about,
    network,
    time,
    public_key: toBase64(by.publicKey),
    signature: toBase64(await by.sign(signedBytes(full))),
    ...changes,
  };
}

export const removal = { command: 'remove', ip: null, port: null } as const;
