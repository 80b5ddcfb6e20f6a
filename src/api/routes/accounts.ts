/** Accounts: one, now or as of a block, and all of them in pages. */
import type { Address } from '../../protocol/bytes.js';
import { ASKING_AGAIN, isHeld } from '../caching.js';
import { ApiError } from '../errors.js';
import type { PageQuery, Route, RouteContext } from '../route.js';
import { answers, params, queries } from '../schemas.js';
import { accountView } from '../views.js';

export function accountRoutes({ face, limits }: RouteContext): Route[] {
  const query = queries(limits);
  return [
    {
      method: 'GET',
      url: '/account/:address',
      schema: { params: params.address, querystring: query.account, response: { 200: answers.account } },
      handler: async (request, reply) => {
        const { address } = request.params as { address: Address };
        const { block } = request.query as { block?: string };
        const number = block === undefined ? undefined : Number(block);
        if (number !== undefined && number > face.status().head.number)
          throw new ApiError('NOT_FOUND', `there is no final block ${number} here`);
        const account = await face.account(address, number);
        if (account === undefined) {
          const when = number === undefined ? '' : ` at block ${number}`;
          throw new ApiError('NOT_FOUND', `there is no account ${address}${when}`);
        }
        const { nonce, balance, stake } = account.account;
        if (number !== undefined && isHeld(request, reply, `${nonce}-${balance}-${stake}`, ASKING_AGAIN))
          return reply.send();
        return accountView(account);
      },
    },
    {
      method: 'GET',
      url: '/accounts',
      schema: { querystring: query.page, response: { 200: answers.accounts } },
      handler: async (request) => {
        const { limit, cursor } = request.query as PageQuery;
        const { items, next } = await face.accounts(cursor, Number(limit));
        return { items: items.map(accountView), next };
      },
    },
  ];
}
