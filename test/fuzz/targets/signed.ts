/** What is hashed or signed, and so has one encoding: whatever is accepted must be exactly what encoding it gives. */
import { Unpackr } from 'msgpackr';
import { decodeBlock, encodeHeader } from '../../../src/protocol/block.js';
import { equalBytes, toHex } from '../../../src/protocol/bytes.js';
import { decodeCertificate } from '../../../src/protocol/certificate.js';
import { decode, encode, type Value } from '../../../src/protocol/encoding.js';
import { ProtocolError } from '../../../src/protocol/errors.js';
import { readGenesisBlock } from '../../../src/protocol/genesis.js';
import { decodeSealedHeader, splitBlock } from '../../../src/protocol/sealed-header.js';
import { StateAssembly } from '../../../src/protocol/state-assembly.js';
import {
  decodeAccounts,
  decodeSubtrees,
  encodeAccounts,
  encodeSubtrees,
} from '../../../src/protocol/state-part.js';
import {
  assertCarriedKey,
  decodeTransaction,
  encodePayload,
  encodeTransaction,
} from '../../../src/protocol/transaction.js';
import { decodeProposal, decodeVote, encodeProposal, encodeVote } from '../../../src/protocol/vote.js';
import {
  BLOCKS,
  CERTIFICATES,
  GENESIS_BLOCK,
  GENESIS_ID,
  hex,
  PROPOSALS,
  TRANSACTIONS,
  VOTES,
  vectors,
} from '../corpus.js';
import { MSGPACK } from '../msgpack-dialect.js';
import { ALL_ACCOUNTS, PARTS, ROOT, SPLITS } from '../state-corpus.js';
import { Broken, changed, reader, type Target } from '../target.js';

const unpackr = new Unpackr({ mapsAsObjects: false, useRecords: false });
const isProtocolError = (error: unknown) => error instanceof ProtocolError;

function target(
  name: string,
  corpus: readonly Uint8Array[],
  reencoded: (input: Uint8Array) => Uint8Array,
): Target {
  const read = (input: Uint8Array) => {
    const again = reencoded(input);
    if (!equalBytes(again, input)) throw new Broken(`accepted, but its own encoding is ${toHex(again)}`);
  };
  return { name, input: changed(corpus, MSGPACK), open: reader(read, isProtocolError) };
}

const { encode: values, encode_bytes: byteStrings } = vectors('encoding');

export const SIGNED: readonly Target[] = [
  target(
    'encoding',
    [...[...values, ...byteStrings].map((value) => hex(value.hex)), ...BLOCKS, ...VOTES],
    (input) => {
      const value = decode(input);
      // The same by an independent reader, which is laxer than ours.
      const other = unpackr.unpack(input);
      if (!same(value, other)) throw new Broken('another MessagePack reader reads another value');
      return encode(value);
    },
  ),
  target('transaction', TRANSACTIONS, (input) => {
    const transaction = decodeTransaction(input, GENESIS_ID);
    try {
      assertCarriedKey(transaction);
    } catch (error) {
      if (!isProtocolError(error)) throw error;
    }
    return encodeTransaction(encodePayload(transaction), transaction.signature);
  }),
  target('block', BLOCKS, (input) => {
    const { header, nonce, signature, transactions } = decodeBlock(input, GENESIS_ID);
    return encode([encodeHeader(header), nonce, signature, transactions.map(({ wire }) => wire)]);
  }),
  target('genesis-block', [GENESIS_BLOCK], (input) => readGenesisBlock(input).block.wire),
  target(
    'sealed-header',
    BLOCKS.map((block) => splitBlock(block)[0]),
    (input) => {
      const { header, nonce, signature } = decodeSealedHeader(input);
      return encode([encodeHeader(header), nonce, signature]);
    },
  ),
  target('accounts', PARTS, (input) => {
    const entries = decodeAccounts(input);
    // Of the whole state there is one text.
    const assembly = new StateAssembly(ROOT.hash);
    try {
      assembly.take(ROOT, entries);
    } catch (error) {
      if (!isProtocolError(error)) throw error;
      if (assembly.wanted('') === undefined) throw new Broken('a part that was refused is there');
      return encodeAccounts(entries);
    }
    return ALL_ACCOUNTS;
  }),
  target('subtrees', SPLITS, (input) => {
    const subtrees = decodeSubtrees(ROOT, input);
    new StateAssembly(ROOT.hash).split('', subtrees);
    return encodeSubtrees('', subtrees);
  }),
  target('certificate', CERTIFICATES, (input) => {
    const { round, signatures } = decodeCertificate(input);
    return encode([round, signatures.map(({ authority, signature }) => [authority, signature])]);
  }),
  target('vote', VOTES, (input) => {
    const vote = decodeVote(input);
    return encodeVote(vote, vote.authority, vote.signature).wire;
  }),
  target('proposal', PROPOSALS, (input) => {
    const proposal = decodeProposal(input, GENESIS_ID);
    return encodeProposal(proposal, proposal.signature).wire;
  }),
];

/** Whether another reader's value is ours; its integers above 2^32 may be bigints. */
function same(ours: Value, theirs: unknown): boolean {
  if (ours instanceof Uint8Array) return theirs instanceof Uint8Array && equalBytes(ours, theirs);
  if (Array.isArray(ours)) {
    return (
      Array.isArray(theirs) &&
      ours.length === theirs.length &&
      ours.every((value, i) => same(value, theirs[i]))
    );
  }
  return ours === theirs || (typeof theirs === 'bigint' && BigInt(ours as number) === theirs);
}
