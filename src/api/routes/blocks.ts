/** Final blocks: one, a page of them, one with every account as of it, and how many there are. */
import { Readable } from 'node:stream';
import type { FastifyReply, FastifyRequest } from 'fastify';
import { type Hash, isHash } from '../../protocol/bytes.js';
import { ProtocolError } from '../../protocol/errors.js';
import { ApiError } from '../errors.js';
import type { Route, RouteContext } from '../route.js';
import { answers, params, queries } from '../schemas.js';
import { blockWireView } from '../views.js';

type Reference = number | Hash | 'latest';

const JSON_TYPE = 'application/json; charset=utf-8';
const COMMA = Buffer.from(',');
const PRUNED = 'PRUNED' as const;

export function blockRoutes(context: RouteContext): Route[] {
  const { face, limits } = context;
  const query = queries(limits);
  return [
    {
      method: 'GET',
      url: '/blk/cnt',
      schema: { querystring: query.none, response: { 200: answers.count } },
      handler: () => face.status().head.number,
    },
    {
      method: 'GET',
      url: '/blk/:block',
      schema: { params: params.block, querystring: query.block, response: { 200: answers.block } },
      handler: blockHandler(context),
    },
    {
      method: 'GET',
      url: '/blk',
      schema: { querystring: query.blocks, response: { 200: answers.blocks } },
      handler: async (request, reply) => {
        const { from, limit } = request.query as { from: string; limit: string };
        return reply.type(JSON_TYPE).send(await page(context, Number(from), Number(limit)));
      },
    },
  ];
}

function blockHandler({ face, limits, blockTexts, onFailure }: RouteContext): Route['handler'] {
  let stateStreams = 0;

  async function asWire(reference: Reference) {
    return blockWireView((await face.block(reference)) ?? notFound(reference));
  }

  async function withAllAccounts(reference: Reference, reply: FastifyReply) {
    const final = (await face.block(reference)) ?? notFound(reference);
    if (stateStreams >= limits.stateStreams)
      throw new ApiError(
        'TOO_BUSY',
        `${limits.stateStreams} answers with all accounts are under way already`,
      );
    stateStreams++;
    const stream = Readable.from(blockTexts.withAllAccounts(final), { objectMode: false });
    stream.once('close', () => stateStreams--);
    // The answer has begun by then: the caller sees it break off, not why.
    stream.once('error', (error) => onFailure(error, `GET /blk/${reference}?state=all`));
    return reply.type(JSON_TYPE).send(stream);
  }

  return async (request, reply) => {
    const reference = referenceOf((request.params as { block: string }).block);
    const { state, form } = request.query as { state?: string; form?: string };
    if (form === 'wire') {
      if (state !== undefined) throw new ApiError('BAD_REQUEST', 'query: form=wire shows no state');
      return asWire(reference);
    }
    if (state === 'all') return withAllAccounts(reference, reply);
    const block = (await blockTexts.get(reference)) ?? notFound(reference);
    if (isFresh(request, reply, block.id, isHash(reference))) return reply.code(304).send();
    return reply.type(JSON_TYPE).send(block.json);
  };
}

/**
 * Says how long the block may be kept: by id for ever, by number only after asking again, as another chain may be
 * served at the same place one day. True if the caller has it already.
 */
function isFresh(request: FastifyRequest, reply: FastifyReply, id: Hash, byId: boolean): boolean {
  // Weak, as nodes may hold different certificates of one block.
  const etag = `W/"${id}"`;
  reply.header('etag', etag);
  reply.header('cache-control', byId ? 'public, max-age=31536000, immutable' : 'no-cache');
  const wanted = request.headers['if-none-match'];
  return wanted?.split(',').some((tag) => tag.trim() === etag) ?? false;
}

/** Blocks upwards from a number; shorter than asked for if they are large, with `next` to go on from. */
async function page({ limits, blockTexts }: RouteContext, from: number, limit: number): Promise<Buffer> {
  const items: Buffer[] = [];
  let bytes = 0;
  let next = from;
  // Genesis is kept, and what follows it may not be: then the page that begins there says so.
  const at = async (number: number) => {
    try {
      return await blockTexts.get(number);
    } catch (error) {
      if (number > from && error instanceof ProtocolError && error.code === PRUNED) return PRUNED;
      throw error;
    }
  };
  for (; items.length < limit && bytes < limits.pageBytes; next++) {
    const block = await at(next);
    if (block === undefined) return pageOf(items, null);
    if (block === PRUNED) break;
    items.push(block.json);
    bytes += block.json.length;
  }
  const more = (await at(next)) !== undefined;
  return pageOf(items, more ? next : null);
}

function pageOf(items: readonly Buffer[], next: number | null): Buffer {
  const parts = items.flatMap((item, i) => (i === 0 ? [item] : [COMMA, item]));
  return Buffer.concat([Buffer.from('{"items":['), ...parts, Buffer.from(`],"next":${next}}`)]);
}

function referenceOf(text: string): Reference {
  return text === 'latest' || isHash(text) ? text : Number(text);
}

function notFound(reference: Reference): never {
  if (reference === 'latest') throw new ApiError('NOT_READY', 'this node has no block yet');
  const what = typeof reference === 'number' ? `block ${reference}` : `block with id ${reference}`;
  throw new ApiError('NOT_FOUND', `there is no final ${what} here`);
}
