/**
 * What must hold before a proposal or vote is heard at all (section 8): signatures, and of a proposal's block the seal,
 * proof of work and hash_txns, which the leader's signature does not cover. Gives the signatures to check; a message is
 * admitted if all of them are good.
 */
import type { AuthoritySet } from '../protocol/authorities.js';
import { hashTxnsOf, sealCheck } from '../protocol/block.js';
import { ProtocolError } from '../protocol/errors.js';
import type { SignatureCheck } from '../protocol/keys.js';
import { meetsDifficulty } from '../protocol/proof-of-work.js';
import { type Proposal, proposalBytes, type Vote, voteBytes } from '../protocol/vote.js';
import { leaderOf } from './leader.js';
import { type ConsensusMessage, isProposal } from './message.js';

export function admissionChecks(
  message: ConsensusMessage,
  authorities: AuthoritySet,
  genesisId: Uint8Array,
): SignatureCheck[] | ProtocolError {
  return isProposal(message)
    ? proposalChecks(message, authorities, genesisId)
    : voteChecks(message, authorities, genesisId);
}

function voteChecks(
  vote: Vote,
  authorities: AuthoritySet,
  genesisId: Uint8Array,
): SignatureCheck[] | ProtocolError {
  const authority = authorities.at(vote.authority);
  if (authority === undefined) return refused(`there is no authority ${vote.authority}`);
  return [{ publicKey: authority.publicKey, message: voteBytes(vote, genesisId), signature: vote.signature }];
}

function proposalChecks(
  proposal: Proposal,
  authorities: AuthoritySet,
  genesisId: Uint8Array,
): SignatureCheck[] | ProtocolError {
  const { height, round, validRound, block } = proposal;
  const { header } = block;
  if (validRound !== null && validRound >= round)
    return refused(`valid round ${validRound} in round ${round}`);
  if (header.number !== height) return refused(`block ${header.number} proposed at height ${height}`);
  if (!meetsDifficulty(block.id, header.difficulty)) return refused('the proof of work is missing');
  if (hashTxnsOf(block.transactions) !== header.hashTxns)
    return refused('hash_txns is not that of the transactions');
  const miner = authorities.indexOf(header.coinbase);
  if (miner === undefined) return refused(`${header.coinbase} is no authority, so its seal proves nothing`);
  const leader = leaderOf(authorities, height, round);
  const signed = proposalBytes({ height, round, validRound, blockId: block.id }, genesisId);
  return [
    { publicKey: leader.publicKey, message: signed, signature: proposal.signature },
    sealCheck(block, (authorities.at(miner) as { publicKey: Uint8Array }).publicKey, genesisId),
  ];
}

function refused(why: string): ProtocolError {
  return new ProtocolError('BAD_VOTE', why);
}
