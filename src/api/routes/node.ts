/** The node itself: who it is, whom it knows, how it is, and a stream of what becomes final. */
import { ApiError } from '../errors.js';
import { onceATurn } from '../once-a-turn.js';
import { JSON_TYPE, type Route, type RouteContext } from '../route.js';
import { answers, problem, queries } from '../schemas.js';
import { authorityView, evidenceView, nodeStatusView, nodeView, peerView } from '../views.js';

export function nodeRoutes({ face, limits, events }: RouteContext): Route[] {
  const query = queries(limits);
  const statusText = onceATurn(() => JSON.stringify(nodeStatusView(face.status())));
  return [
    {
      method: 'GET',
      url: '/',
      schema: { querystring: query.none, response: { 200: answers.node } },
      handler: () => nodeView(face.status(), face.peers()),
    },
    {
      method: 'GET',
      url: '/status',
      schema: { querystring: query.none, response: { 200: answers.status } },
      handler: (_, reply) => {
        reply.type(JSON_TYPE);
        return statusText();
      },
    },
    {
      method: 'GET',
      url: '/peers',
      schema: { querystring: query.none, response: { 200: answers.peers } },
      handler: () => ({ items: face.peers().map(peerView), next: null }),
    },
    {
      method: 'GET',
      url: '/authorities',
      schema: { querystring: query.none, response: { 200: answers.authorities } },
      handler: () => ({
        quorum: face.status().consensus.quorum,
        items: face.authorities().map(authorityView),
        next: null,
      }),
    },
    {
      method: 'GET',
      url: '/evidence',
      schema: { querystring: query.none, response: { 200: answers.evidence } },
      handler: async () => ({ items: (await face.evidence()).map(evidenceView), next: null }),
    },
    {
      method: 'GET',
      url: '/events',
      exposeHeadRoute: false,
      schema: { querystring: query.none },
      handler: (_, reply) => reply.type('text/event-stream').send(events.listen()),
    },
    {
      method: 'GET',
      url: '/health/live',
      schema: { querystring: query.none, response: { 200: answers.live } },
      handler: () => ({ live: true }),
    },
    {
      method: 'GET',
      url: '/health/ready',
      schema: { querystring: query.ready, response: { 200: answers.ready, 503: problem } },
      handler: (request) => {
        const { max_behind } = request.query as { max_behind: string };
        const { ready, reasons } = face.readiness(Number(max_behind));
        if (!ready) throw new ApiError('NOT_READY', reasons.join('; '), { reasons });
        return { ready: true };
      },
    },
  ];
}
