/** One valid message at least of every type. */

import { toHex } from '../../src/protocol/bytes.js';
import type { Message } from '../../src/protocol/messages.js';
import { splitBlock } from '../../src/protocol/sealed-header.js';
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
} from './corpus.js';
import { ALL_ACCOUNTS, SPLITS } from './state-corpus.js';

export function sampleMessages(): readonly Message[] {
  const [key] = vectors('keys').keys;
  const [block] = BLOCKS.slice(1);
  const [certificate] = CERTIFICATES;
  const [proposal] = PROPOSALS;
  const [vote] = VOTES;
  if (!key || !block || !certificate || !proposal || !vote) throw new Error('the vectors are incomplete');
  const genesisId = toHex(GENESIS_ID);
  const introduction = {
    address: key.address,
    public_key: hex(key.public_key_hex),
    node_type: 'validator',
    port: 4_000,
    agent: 'ccoin/1',
    challenge: new Uint8Array(32).fill(7),
  } as const;
  return [
    { type: 'HEY', version: 1, request_id: 1, network_id: 1, genesis_id: genesisId, ...introduction },
    { type: 'HEY', version: 1, request_id: 1, network_id: null, genesis_id: null, ...introduction },
    {
      type: 'ACK',
      request_id: 1,
      height: 4,
      time: 1_790_000_000_000,
      genesis_id: genesisId,
      signature: new Uint8Array(256).fill(1),
      ...introduction,
    },
    { type: 'ACK', request_id: 1, height: 4, time: 5, signature: new Uint8Array(256).fill(1) },
    { type: 'GLK', block: GENESIS_BLOCK },
    { type: 'RBH', request_id: 2, block_number: 4 },
    { type: 'BLH', request_id: 2, block_number: 4, block_id: genesisId },
    { type: 'RBL', request_id: 3, start_from_block: 2, count: 100 },
    {
      type: 'ABL',
      request_id: 3,
      blocks: [
        [GENESIS_BLOCK, null],
        [block, certificate],
      ],
    },
    { type: 'TXN', txns: TRANSACTIONS.slice(0, 3) },
    { type: 'BLK', block, certificate },
    { type: 'PRP', proposal },
    { type: 'VOT', vote },
    {
      type: 'LDR',
      request_id: 4,
      address: key.address,
      height: 5,
      round: 1,
      holds: [
        [0, 0, Uint8Array.of(1), genesisId],
        [0, 1, Uint8Array.of(7), null],
      ],
    },
    {
      type: 'ADR',
      request_id: 4,
      address: key.address,
      height: 5,
      round: 1,
      proposals: [proposal],
      votes: [vote],
      more: false,
    },
    { type: 'BLH', request_id: 2, block_number: 4, block_id: genesisId, snapshot: 3 },
    { type: 'RSN', request_id: 7, block_number: 3 },
    { type: 'ASN', request_id: 7, header: splitBlock(block)[0], certificate },
    { type: 'ASN', request_id: 7, header: null, certificate: null },
    { type: 'RSP', request_id: 8, block_number: 3, depth: 11, prefix: Uint8Array.of(0xa5, 0xe0) },
    { type: 'ASP', request_id: 8, subtrees: SPLITS[0] ?? null, accounts: null },
    { type: 'ASP', request_id: 8, subtrees: null, accounts: ALL_ACCOUNTS },
    { type: 'PNG', request_id: 5 },
    { type: 'PON', request_id: 5, time: 1_790_000_000_000 },
    { type: 'RPR', request_id: 6 },
    { type: 'PRS', request_id: 6, peers: [{ id: key.address, ip: '10.0.0.1', port: 4_000 }] },
    { type: 'BYE', code: 'STOPPING', reason: 'the node stops' },
  ];
}
