/** LDR and ADR: saying what one holds of a height, and finding what another lacks of it (sections 7 and 8). */
import type { AuthoritySet } from '../protocol/authorities.js';
import type { Hash } from '../protocol/bytes.js';
import type { HeightLog } from './height-log.js';
import { blockIdOfMessage, type ConsensusMessage, kindOf, signerIndexOf } from './message.js';

/** LDR's `holds`: [round, type, authority bitmap, block id or nil], one entry per round, type and block. */
export type Holds = readonly [round: number, type: number, authorities: Uint8Array, blockId: Hash | null][];

/** As many as fit a frame with ease; of more rounds than that the oldest are left out, and offered to us again. */
const MAX_HOLDS = 20_000;

export function holdsOf(log: HeightLog, authorities: AuthoritySet): Holds {
  const entries = new Map<string, [number, number, Uint8Array, Hash | null]>();
  for (const message of log.messages()) {
    const key = keyOf(message);
    let entry = entries.get(key);
    if (entry === undefined) {
      entry = [
        message.round,
        kindOf(message),
        new Uint8Array(Math.ceil(authorities.size / 8)),
        blockIdOfMessage(message),
      ];
      entries.set(key, entry);
    }
    const signer = signerIndexOf(message, authorities);
    const bitmap = entry[2];
    // Bit i of byte i >> 3, least significant first.
    bitmap[signer >> 3] = (bitmap[signer >> 3] as number) | (1 << (signer & 7));
  }
  return [...entries.values()].sort(([a], [b]) => b - a).slice(0, MAX_HOLDS);
}

export function missingFrom(log: HeightLog, authorities: AuthoritySet, holds: Holds): ConsensusMessage[] {
  const held = new Map(
    holds.map(([round, type, bitmap, blockId]) => [`${round} ${type} ${blockId}`, bitmap]),
  );
  return [...log.messages()].filter((message) => {
    const bitmap = held.get(keyOf(message));
    const signer = signerIndexOf(message, authorities);
    return bitmap === undefined || (((bitmap[signer >> 3] ?? 0) >> (signer & 7)) & 1) === 0;
  });
}

/** Whether `holds` names anything that we lack. */
export function knowsMore(log: Holds, holds: Holds): boolean {
  const ours = new Map(log.map(([round, type, bitmap, blockId]) => [`${round} ${type} ${blockId}`, bitmap]));
  return holds.some(([round, type, bitmap, blockId]) => {
    const known = ours.get(`${round} ${type} ${blockId}`);
    return bitmap.some((byte, i) => (byte & ~(known?.[i] ?? 0)) !== 0);
  });
}

function keyOf(message: ConsensusMessage): string {
  return `${message.round} ${kindOf(message)} ${blockIdOfMessage(message)}`;
}
