/** Valid inputs to start from: the vectors, taken apart into what they are made of. */
import { readFileSync } from 'node:fs';
import { decode } from '../../src/protocol/encoding.js';

interface Vectors {
  readonly chain: {
    readonly genesis_id: string;
    readonly blocks: readonly {
      block: string;
      certificate: string;
      transactions: readonly { wire: string }[];
    }[];
  };
  readonly encoding: {
    readonly encode: readonly { hex: string }[];
    readonly encode_bytes: readonly { hex: string }[];
  };
  readonly frames: {
    readonly frames: readonly { header: string; frame: string }[];
    readonly proposal: { proposal: string };
    readonly vote: { vote: string };
  };
  readonly genesis: { readonly block: string; readonly config: unknown };
  readonly genesis_more: {
    readonly accept: readonly { text: string }[];
    readonly refuse: readonly { text: string }[];
  };
  readonly keys: {
    readonly keys: readonly { private_key_pem: string; public_key_hex: string; address: string }[];
    readonly refuse_public_keys: readonly { public_key_hex: string }[];
  };
  readonly refuse: {
    readonly blocks: readonly { block: string; certificate: string }[];
    readonly transactions: readonly { wire: string }[];
  };
}

export function vectors<N extends keyof Vectors>(name: N): Vectors[N] {
  return JSON.parse(readFileSync(new URL(`../vectors/${name}.json`, import.meta.url), 'utf8'));
}

export function hex(text: string): Uint8Array {
  return Buffer.from(text, 'hex');
}

const chain = vectors('chain');
const frames = vectors('frames');
const refuse = vectors('refuse');

export const GENESIS_ID = hex(chain.genesis_id);
export const GENESIS_BLOCK = hex(vectors('genesis').block);
export const FRAMES = frames.frames.map(({ frame }) => hex(frame));
export const BLOCKS = [GENESIS_BLOCK, ...[...chain.blocks, ...refuse.blocks].map(({ block }) => hex(block))];
export const CERTIFICATES = chain.blocks.map(({ certificate }) => hex(certificate));
export const PROPOSALS = [hex(frames.proposal.proposal)];
export const VOTES = [hex(frames.vote.vote)];
export const TRANSACTIONS = [
  ...BLOCKS.flatMap((block) => (decode(block) as [unknown, unknown, unknown, Uint8Array[]])[3]),
  ...refuse.transactions.map(({ wire }) => hex(wire)),
].filter((wire) => wire.length > 0);
