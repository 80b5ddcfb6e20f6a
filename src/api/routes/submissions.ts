/** Transactions coming in: signed elsewhere, or to be signed with the node's own account. The only routes that change anything. */
import { timingSafeEqual } from 'node:crypto';
import type { FastifyReply, FastifyRequest } from 'fastify';
import type { KnownTransaction, NodeFace, SubmitResult, TransferOrder } from '../../node/face.js';
import { fromBase64, utf8 } from '../../protocol/bytes.js';
import { malformed, ProtocolError } from '../../protocol/errors.js';
import { sha256, sha256Hex } from '../../protocol/hash.js';
import { type DataJson, dataFromJson } from '../../protocol/json.js';
import { ApiError, problemOf } from '../errors.js';
import { IdempotencyKeys } from '../idempotency.js';
import { recipientOf } from '../recipient.js';
import { type Route, type RouteContext, waitMsOf } from '../route.js';
import { answers, bodies, queries } from '../schemas.js';
import { shortTransactionView, transactionView } from '../views.js';

/** The body of a transfer that the node signs. */
interface TransferBody {
  readonly sendto_address: string;
  readonly amount: number;
  readonly fee?: number;
  readonly data?: DataJson;
}

type SubmissionBody = { readonly wire: string } | TransferBody;
type Accepted = Extract<SubmitResult, { accepted: true }>;

const ACCEPTED = 202;
const MAX_IDEMPOTENCY_KEY_CHARS = 255;

export function submissionRoutes(context: RouteContext): Route[] {
  const { face, limits, token, waiters } = context;
  const query = queries(limits);
  const body = bodies(limits);
  const tokenHash = token === undefined ? undefined : sha256(utf8(token));
  const answered = new IdempotencyKeys<SubmitResult>(limits.idempotencyKeys);

  /** Signs and submits, once for each Idempotency-Key; the transaction of a repeated key is shown as it stands now. */
  async function transfer(request: FastifyRequest, transferBody: TransferBody): Promise<Accepted> {
    assertToken(request, tokenHash);
    const order = orderOf(transferBody);
    const key = idempotencyKeyOf(request);
    if (key === undefined) return acceptedOrThrow(await face.transfer(order));
    const { to, amount, fee, data } = order;
    const fingerprint = sha256Hex(JSON.stringify([to, amount, fee ?? null, data ? sha256Hex(data) : null]));
    const result = acceptedOrThrow(
      await answered.run(
        key,
        fingerprint,
        () => face.transfer(order),
        ({ accepted }) => accepted,
      ),
    );
    const status = (await face.transaction(result.transaction.id))?.status;
    return status === undefined ? result : { ...result, status };
  }

  /** What is taken stays taken when there is no room to wait: it is answered as it stands. */
  async function whenFinal(result: Accepted, waitMs: number, { raw }: FastifyReply): Promise<Accepted> {
    if (result.status.state !== 'pending' || waiters.full) return result;
    const known = await waiters.transaction(result.transaction.id, waitMs, raw);
    return known === undefined ? result : { ...result, status: known.status };
  }

  return [
    {
      method: 'POST',
      url: '/txn',
      bodyLimit: limits.bodyBytes,
      schema: {
        querystring: query.transaction,
        body: body.submission,
        response: { 200: answers.transaction, [ACCEPTED]: answers.transaction },
      },
      handler: async (request, reply) => {
        const submission = request.body as SubmissionBody;
        const result =
          'wire' in submission
            ? acceptedOrThrow((await submitTexts(face, [submission.wire]))[0])
            : await transfer(request, submission);
        const waitMs = waitMsOf(request);
        return answerAccepted(reply, waitMs === 0 ? result : await whenFinal(result, waitMs, reply));
      },
    },
    {
      method: 'POST',
      url: '/txns',
      bodyLimit: limits.batchBodyBytes,
      schema: { querystring: query.batch, body: body.batch, response: { [ACCEPTED]: answers.batch } },
      handler: async (request, reply) => {
        const batch = request.body as readonly string[] | { readonly wires: readonly string[] };
        const results = await submitTexts(face, 'wires' in batch ? batch.wires : batch);
        const { form } = request.query as { form?: string };
        const view = form === 'short' ? shortTransactionView : transactionView;
        return reply.code(ACCEPTED).send({ items: results.map((result) => batchItem(result, view)) });
      },
    },
  ];
}

/** 202 while it waits; 200 for one that is decided. */
function answerAccepted(reply: FastifyReply, result: Accepted) {
  const { transaction, status } = result;
  reply.code(status.state === 'pending' ? ACCEPTED : 200).header('location', `/txn/${transaction.id}`);
  return transactionView(result);
}

function batchItem(result: SubmitResult, view: (known: KnownTransaction) => unknown) {
  if (result.accepted) return { accepted: true, transaction: view(result) };
  return { accepted: false, error: problemOf(result.code, result.message) };
}

/** Submits what is base64 at all; one answer each, in order. */
async function submitTexts(face: NodeFace, texts: readonly string[]): Promise<SubmitResult[]> {
  const wires = texts.map(fromBase64);
  const results = await face.submit(wires.filter((wire) => wire !== undefined));
  const next = results.values();
  return wires.map((wire) => {
    const result = wire === undefined ? NOT_BASE64 : next.next().value;
    if (result === undefined) throw new Error('the node gave fewer answers than transactions');
    return result;
  });
}

const { code, message } = malformed('the wire form is not standard, padded base64');
const NOT_BASE64: SubmitResult = { accepted: false, code, message };

function acceptedOrThrow(result: SubmitResult | undefined): Accepted {
  if (result === undefined) throw new Error('the node gave no answer to a transaction');
  if (!result.accepted) throw new ProtocolError(result.code, result.message);
  return result;
}

function orderOf({ sendto_address, amount, fee, data }: TransferBody): TransferOrder {
  const bytes = dataFromJson(data ?? null);
  if (bytes === undefined) throw new Error('data passed its schema and is none');
  return {
    to: recipientOf(sendto_address),
    amount,
    ...(fee === undefined ? {} : { fee }),
    ...(bytes === null ? {} : { data: bytes }),
  };
}

/** Compares hashes, so that the time taken tells neither the token's length nor its beginning. */
function assertToken(request: FastifyRequest, tokenHash: Uint8Array | undefined): void {
  if (tokenHash === undefined)
    throw new ApiError('UNAUTHORIZED', 'this node signs no transfers: it was started without a token');
  const given = /^Bearer +([^\s]+) *$/i.exec(request.headers.authorization ?? '')?.[1];
  if (given === undefined)
    throw new ApiError('UNAUTHORIZED', 'a transfer signed by the node needs its bearer token');
  if (!timingSafeEqual(sha256(utf8(given)), tokenHash))
    throw new ApiError('UNAUTHORIZED', 'the bearer token is not the one of this node');
}

function idempotencyKeyOf(request: FastifyRequest): string | undefined {
  const key = request.headers['idempotency-key'];
  if (key === undefined) return undefined;
  if (typeof key !== 'string' || key === '' || key.length > MAX_IDEMPOTENCY_KEY_CHARS)
    throw new ApiError(
      'BAD_REQUEST',
      `the Idempotency-Key header must be one of 1 to ${MAX_IDEMPOTENCY_KEY_CHARS} characters`,
    );
  return key;
}
