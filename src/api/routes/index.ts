/** The table of all routes: one room of it a file. docs/api.md is held against it. */
import type { Route, RouteContext } from '../route.js';
import { accountRoutes } from './accounts.js';
import { blockRoutes } from './blocks.js';
import { nodeRoutes } from './node.js';
import { submissionRoutes } from './submissions.js';
import { transactionRoutes } from './transactions.js';

export function routes(context: RouteContext): Route[] {
  return [
    ...nodeRoutes(context),
    ...blockRoutes(context),
    ...submissionRoutes(context),
    ...transactionRoutes(context),
    ...accountRoutes(context),
  ];
}
