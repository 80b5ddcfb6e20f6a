/** Transactions looked up: one, waited for, where it stands, and lists of them. */
import type { Address, Hash } from '../../protocol/bytes.js';
import { FOR_EVER, isHeld, isHeldById } from '../caching.js';
import { ApiError } from '../errors.js';
import { type PageQuery, type Route, type RouteContext, waitMsOf } from '../route.js';
import { answers, bodies, params, queries } from '../schemas.js';
import { transactionView } from '../views.js';

interface TransactionsQuery extends PageQuery {
  readonly since?: string;
  readonly account?: Address;
}

export function transactionRoutes(context: RouteContext): Route[] {
  const { face, limits, waiters } = context;
  const query = queries(limits);
  const list = (account: Address | undefined, { since, limit, cursor }: TransactionsQuery) =>
    transactionsPage(context, account, since, Number(limit), cursor);
  return [
    {
      method: 'GET',
      url: '/txn/:id',
      schema: { params: params.id, querystring: query.transaction, response: { 200: answers.transaction } },
      handler: async (request, reply) => {
        const { id } = request.params as { id: Hash };
        if (isHeldById(request, reply, id)) return reply.send();
        const waitMs = waitMsOf(request);
        const known =
          waitMs === 0 ? await face.transaction(id) : await waiters.transaction(id, waitMs, reply.raw);
        // The id of a transaction names its network, and what is final never changes.
        if (known?.status.state === 'final' && isHeld(request, reply, id, FOR_EVER)) return reply.send();
        return transactionView(known ?? notFound(context, id));
      },
    },
    {
      method: 'POST',
      url: '/txn/:id',
      schema: {
        params: params.id,
        querystring: query.none,
        body: bodies(limits).placed,
        response: { 200: answers.transaction },
      },
      handler: async (request) => {
        const { id } = request.params as { id: Hash };
        const { block_number } = request.body as { block_number: number };
        const known = (await face.transaction(id)) ?? (await notFoundIn(context, id, block_number));
        if (known.status.state !== 'final' || known.status.blockNumber !== block_number)
          throw new ApiError('NOT_FOUND', `transaction ${id} is not in block ${block_number}`);
        return transactionView(known);
      },
    },
    {
      method: 'GET',
      url: '/txns',
      schema: { querystring: query.transactions, response: { 200: answers.transactions } },
      handler: (request) => {
        const transactions = request.query as TransactionsQuery;
        return list(transactions.account, transactions);
      },
    },
    {
      method: 'GET',
      url: '/account/:address/txns',
      schema: {
        params: params.address,
        querystring: query.accountTransactions,
        response: { 200: answers.transactions },
      },
      handler: (request) =>
        list((request.params as { address: Address }).address, request.query as TransactionsQuery),
    },
    {
      method: 'GET',
      url: '/pool',
      schema: { querystring: query.page, response: { 200: answers.pool } },
      handler: (request) => {
        const { limit, cursor } = request.query as PageQuery;
        const { ready, waiting, bytes } = face.status().pool;
        const { items, next } = face.pool(cursor, Number(limit));
        return { ready, waiting, bytes, items: items.map(transactionView), next };
      },
    },
  ];
}

async function transactionsPage(
  { face }: RouteContext,
  account: Address | undefined,
  since: string | undefined,
  limit: number,
  cursor: string | undefined,
) {
  const { items, next } = await face.transactions({
    limit,
    ...(account === undefined ? {} : { account }),
    ...(since === undefined ? {} : { sinceMs: Math.round(Number(since) * 1000) }),
    ...(cursor === undefined ? {} : { cursor }),
  });
  return { items: items.map(transactionView), next };
}

function notFound({ face }: RouteContext, id: Hash): never {
  const { base } = face.status();
  const kept = base === 0 ? '' : `, and those of blocks up to ${base} are not kept any more`;
  throw new ApiError('NOT_FOUND', `no transaction ${id} is known here${kept}`);
}

/** @throws ProtocolError PRUNED if the block is one whose transactions are not kept any more, or else ApiError */
async function notFoundIn(context: RouteContext, id: Hash, blockNumber: number): Promise<never> {
  await context.face.block(blockNumber);
  return notFound(context, id);
}
