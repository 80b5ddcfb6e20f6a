/**
 * The handshake of one connection, from either side, as two scripts that read like section 7. A script does nothing
 * itself: it yields what is to be done (send, receive, sign, verify) and is given the outcome; `handshake-run.ts`
 * does it. A script ends with whom it met, or throws a Refusal, which becomes a BYE.
 */
import type { Address, Hash } from '../protocol/bytes.js';
import { ProtocolError } from '../protocol/errors.js';
import { MAX_HEIGHT } from '../protocol/fields.js';
import { answererText, openerText } from '../protocol/handshake.js';
import { addressOf, assertPublicKey, type SignatureCheck } from '../protocol/keys.js';
import type { ByeCode, Message, MessageBody, MessageOf } from '../protocol/messages.js';

export const PROTOCOL_VERSION = 1;
const CHALLENGE_BYTES = 32;
const MAX_PORT = 65_535;

export type Role = MessageBody<'HEY'>['node_type'];

/** Why we do not want this connection. */
export class Refusal extends Error {
  override readonly name = 'Refusal';
  readonly code: ByeCode;

  constructor(code: ByeCode, reason: string) {
    super(reason);
    this.code = code;
  }
}

/** What the other side says of itself. */
export interface Claim {
  readonly address: Address;
  readonly publicKey: Uint8Array;
  readonly role: Role;
  readonly agent: string;
  readonly listenPort: number;
  readonly challenge: Uint8Array;
  /** Only an opener may lack one. */
  readonly hasGenesis: boolean;
}

/** A claim proven by a signature. */
export interface Acquaintance extends Claim {
  readonly height: number;
}

/** Who we are, and on which connection. */
export interface HandshakeContext {
  readonly address: Address;
  readonly publicKey: Uint8Array;
  readonly role: Role;
  readonly agent: string;
  readonly listenPort: number;
  readonly genesis: { readonly id: Hash; readonly networkId: number } | null;
  /** 32 unpredictable bytes of ours, for this handshake only. */
  readonly challenge: Uint8Array;
  readonly requestId: number;
  readonly channel: Uint8Array;
  readonly certified: Address | undefined;
  height(): number;
  nowMs(): number;
  /** Whether we want to go on with one who claims to be this; nothing is proven yet. @throws Refusal */
  judge(claim: Claim): void;
}

export type Step =
  | { readonly do: 'send'; readonly message: Message }
  | { readonly do: 'receive' }
  | { readonly do: 'sign'; readonly text: Uint8Array }
  | { readonly do: 'verify'; readonly check: SignatureCheck };

/** Is given, after each step: nothing, the message, the signature, whether the signature is good. */
export type Handshake = Generator<Step, Acquaintance, unknown>;

/** The side that dialed: HEY, ACK, last ACK. */
export function* opener(self: HandshakeContext): Handshake {
  const genesisId = self.genesis?.id ?? null;
  yield* send({
    type: 'HEY',
    version: PROTOCOL_VERSION,
    request_id: self.requestId,
    network_id: self.genesis?.networkId ?? null,
    genesis_id: genesisId,
    ...introduction(self),
  });

  const ack = complete(yield* receive('ACK'));
  if (ack.request_id !== self.requestId) throw new Refusal('PROTOCOL_ERROR', 'ACK of another HEY');
  if (genesisId !== null && ack.genesis_id !== genesisId) throw wrongNetwork(ack.genesis_id);
  const claim = claimOf(ack, self, true);
  const height = heightOf(ack);
  yield* verify({
    publicKey: claim.publicKey,
    signature: ack.signature,
    message: answererText({
      genesisId,
      challenge: self.challenge,
      challenger: self.address,
      signer: claim.address,
      channel: self.channel,
    }),
  });

  const signature = yield* sign(
    openerText({
      genesisId,
      challenge: claim.challenge,
      challenger: claim.address,
      signer: self.address,
      channel: self.channel,
    }),
  );
  yield* send({
    type: 'ACK',
    request_id: self.requestId,
    height: self.height(),
    time: self.nowMs(),
    signature,
  });
  return { ...claim, height };
}

/** The side that was dialed. */
export function* answerer(self: HandshakeContext): Handshake {
  const hey = yield* receive('HEY');
  if (hey.version !== PROTOCOL_VERSION) {
    throw new Refusal('BAD_VERSION', `version ${hey.version}, here ${PROTOCOL_VERSION}`);
  }
  if (self.genesis === null) throw new Refusal('WRONG_NETWORK', 'no genesis block here yet');
  if ((hey.network_id === null) !== (hey.genesis_id === null)) {
    throw new Refusal('PROTOCOL_ERROR', 'network_id and genesis_id must be nil together');
  }
  const hasGenesis = hey.genesis_id !== null;
  if (hasGenesis && hey.genesis_id !== self.genesis.id) throw wrongNetwork(hey.genesis_id);
  if (hasGenesis && hey.network_id !== self.genesis.networkId) {
    throw new Refusal('WRONG_NETWORK', `network ${hey.network_id}, here ${self.genesis.networkId}`);
  }
  const claim = claimOf(hey, self, hasGenesis);

  const signature = yield* sign(
    answererText({
      genesisId: hey.genesis_id,
      challenge: claim.challenge,
      challenger: claim.address,
      signer: self.address,
      channel: self.channel,
    }),
  );
  yield* send({
    type: 'ACK',
    request_id: hey.request_id,
    ...introduction(self),
    height: self.height(),
    time: self.nowMs(),
    genesis_id: self.genesis.id,
    signature,
  });

  const last = yield* receive('ACK');
  const height = heightOf(last);
  yield* verify({
    publicKey: claim.publicKey,
    signature: last.signature,
    message: openerText({
      genesisId: hey.genesis_id,
      challenge: self.challenge,
      challenger: self.address,
      signer: claim.address,
      channel: self.channel,
    }),
  });
  return { ...claim, height };
}

function introduction(self: HandshakeContext) {
  return {
    address: self.address,
    public_key: self.publicKey,
    node_type: self.role,
    port: self.listenPort,
    agent: self.agent,
    challenge: self.challenge,
  };
}

type Introduction = Pick<
  MessageOf<'HEY'>,
  'address' | 'public_key' | 'node_type' | 'port' | 'agent' | 'challenge'
>;

function complete(ack: MessageOf<'ACK'>): Introduction & MessageOf<'ACK'> & { genesis_id: Hash } {
  const { address, public_key, node_type, port, agent, challenge, genesis_id } = ack;
  if (
    address === undefined ||
    public_key === undefined ||
    node_type === undefined ||
    port === undefined ||
    agent === undefined ||
    challenge === undefined ||
    genesis_id === undefined
  ) {
    throw new Refusal('PROTOCOL_ERROR', 'an answer to HEY that lacks fields');
  }
  return { ...ack, address, public_key, node_type, port, agent, challenge, genesis_id };
}

/** Checks all of a claim that needs no signature. */
function claimOf(said: Introduction, self: HandshakeContext, hasGenesis: boolean): Claim {
  if (said.port > MAX_PORT) throw new Refusal('PROTOCOL_ERROR', `port ${said.port}`);
  try {
    assertPublicKey(said.public_key);
  } catch (error) {
    if (!(error instanceof ProtocolError)) throw error;
    throw new Refusal('BAD_KEY', error.message);
  }
  if (addressOf(said.public_key) !== said.address) {
    throw new Refusal('BAD_KEY', 'the address is not that of the public key');
  }
  if (self.certified !== undefined && self.certified !== said.address) {
    throw new Refusal('BAD_KEY', `the certificate is of ${self.certified}`);
  }
  if (said.challenge.length !== CHALLENGE_BYTES) throw new Refusal('PROTOCOL_ERROR', 'challenge length');
  const claim: Claim = {
    address: said.address,
    publicKey: said.public_key,
    role: said.node_type,
    agent: said.agent,
    listenPort: said.port,
    challenge: said.challenge,
    hasGenesis,
  };
  self.judge(claim);
  return claim;
}

function heightOf({ height }: { height: number }): number {
  if (height > MAX_HEIGHT) throw new Refusal('PROTOCOL_ERROR', `height ${height}`);
  return height;
}

function wrongNetwork(theirs: Hash | null): Refusal {
  return new Refusal('WRONG_NETWORK', `genesis ${theirs} is not ours`);
}

function* send(message: Message): Generator<Step, void, unknown> {
  yield { do: 'send', message };
}

function* receive<T extends 'HEY' | 'ACK'>(type: T): Generator<Step, MessageOf<T>, unknown> {
  const message = (yield { do: 'receive' }) as Message;
  if (message.type !== type) throw new Refusal('PROTOCOL_ERROR', `${message.type} where ${type} was due`);
  return message as MessageOf<T>;
}

function* sign(text: Uint8Array): Generator<Step, Uint8Array, unknown> {
  return (yield { do: 'sign', text }) as Uint8Array;
}

function* verify(check: SignatureCheck): Generator<Step, void, unknown> {
  const good = (yield { do: 'verify', check }) as boolean;
  if (!good) throw new Refusal('BAD_SIGNATURE', 'the signature of the handshake is wrong');
}
