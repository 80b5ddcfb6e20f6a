/**
 * Checking what a node says without trusting it. All that has to be known beforehand is the genesis id: the genesis
 * block it belongs to names the authorities, and what a quorum of them signed is final.
 */
import type { AuthoritySet } from '../protocol/authorities.js';
import { type Block, decodeBlock, GENESIS_NUMBER, hashTxnsOf } from '../protocol/block.js';
import { fromBase64, fromHex, type Hash } from '../protocol/bytes.js';
import { certificateChecks, decodeCertificate } from '../protocol/certificate.js';
import { malformed, ProtocolError } from '../protocol/errors.js';
import { authoritiesOf, type GenesisConfig, readGenesisBlock } from '../protocol/genesis.js';
import { verify } from '../protocol/keys.js';
import type { BlockWireJson } from './types.js';

/**
 * The block, once it is proved final: its certificate is a quorum's, and its transactions are those that its header
 * commits to. Take from the block returned, not from what a node showed beside it.
 * @param wire what `GET /blk/{block}?form=wire` answers
 * @param authorities those that decide this block: in version 1 those of genesis, for every block
 * @throws ProtocolError MALFORMED, BAD_BLOCK, BAD_CERTIFICATE
 * @example
 * const { authorities } = verifyGenesis(await client.blockWire(1), genesisId);
 * const block = verifyBlock(await client.blockWire('latest'), authorities, genesisId);
 */
export function verifyBlock(wire: BlockWireJson, authorities: AuthoritySet, genesisId: Hash): Block {
  const network = fromHex(genesisId);
  const block = decodeBlock(bytesOf(wire.block), network);
  if (block.header.number === GENESIS_NUMBER) {
    if (block.id !== genesisId) throw badBlock('it is the genesis block of another network');
    return block;
  }
  if (wire.certificate === null) throw new ProtocolError('BAD_CERTIFICATE', 'there is no certificate');
  const certificate = decodeCertificate(bytesOf(wire.certificate));
  const place = { height: block.header.number, id: block.id };
  if (!certificateChecks(certificate, place, authorities, network).every(verify))
    throw new ProtocolError('BAD_CERTIFICATE', 'bad certificate: a signature is wrong');
  if (hashTxnsOf(block.transactions) !== block.header.hashTxns)
    throw badBlock('its transactions are not those of its header');
  return block;
}

/**
 * The configuration and authorities of a network, proved to be those of this genesis id.
 * @param wire what `GET /blk/1?form=wire` answers
 * @throws ProtocolError MALFORMED, BAD_GENESIS, BAD_BLOCK
 */
export function verifyGenesis(
  wire: BlockWireJson,
  genesisId: Hash,
): { readonly config: GenesisConfig; readonly authorities: AuthoritySet } {
  const { config, block } = readGenesisBlock(bytesOf(wire.block));
  if (block.id !== genesisId) throw badBlock('it is the genesis block of another network');
  return { config, authorities: authoritiesOf(config) };
}

function bytesOf(base64: string): Uint8Array {
  const bytes = fromBase64(base64);
  if (bytes === undefined) throw malformed('not standard, padded base64');
  return bytes;
}

function badBlock(why: string): ProtocolError {
  return new ProtocolError('BAD_BLOCK', `bad block: ${why}`);
}
