/** Final blocks: one, a page of them, one with every account as of it, and how many there are. */
import { Readable } from 'node:stream';
import type { FastifyReply } from 'fastify';
import type { FinalBlock } from '../../node/face.js';
import { type Hash, isHash } from '../../protocol/bytes.js';
import { ProtocolError } from '../../protocol/errors.js';
import type { BlockText } from '../block-texts.js';
import { ASKING_AGAIN, FOR_EVER, isHeld, isHeldById } from '../caching.js';
import { ApiError } from '../errors.js';
import { JSON_TYPE, type Route, type RouteContext } from '../route.js';
import { answers, params, queries } from '../schemas.js';
import { blockWireView } from '../views.js';

type Reference = number | Hash | 'latest';

interface BlockPage {
  readonly items: readonly BlockText[];
  readonly next: number | null;
}

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
        const { items, next } = await page(context, Number(from), Number(limit));
        const last = items.at(-1);
        // A block names all before it, so the last one names the page; but a page that ends at the head will grow.
        if (next !== null && last !== undefined && isHeld(request, reply, last.id, ASKING_AGAIN))
          return reply.send();
        return reply.type(JSON_TYPE).send(pageJson(items, next));
      },
    },
  ];
}

function blockHandler({ face, limits, blockTexts, onFailure }: RouteContext): Route['handler'] {
  let stateStreams = 0;

  function withAllAccounts(final: FinalBlock, reference: Reference, reply: FastifyReply) {
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
    if (form === 'wire' && state !== undefined)
      throw new ApiError('BAD_REQUEST', 'query: form=wire shows no state');
    const byId = isHash(reference);
    if (byId && isHeldById(request, reply, reference)) return reply.send();
    const kept = byId ? FOR_EVER : ASKING_AGAIN;
    if (form !== 'wire' && state !== 'all') {
      const { id, json } = (await blockTexts.get(reference)) ?? notFound(reference);
      return isHeld(request, reply, id, kept) ? reply.send() : reply.type(JSON_TYPE).send(json);
    }
    const final = (await face.block(reference)) ?? notFound(reference);
    if (isHeld(request, reply, final.block.id, kept)) return reply.send();
    return form === 'wire' ? blockWireView(final) : withAllAccounts(final, reference, reply);
  };
}

/** Blocks upwards from a number; shorter than asked for if they are large, with `next` to go on from. */
async function page({ limits, blockTexts }: RouteContext, from: number, limit: number): Promise<BlockPage> {
  const items: BlockText[] = [];
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
    if (block === undefined) return { items, next: null };
    if (block === PRUNED) break;
    items.push(block);
    bytes += block.json.length;
  }
  const more = (await at(next)) !== undefined;
  return { items, next: more ? next : null };
}

function pageJson(items: readonly BlockText[], next: number | null): Buffer {
  const parts = items.flatMap(({ json }, i) => (i === 0 ? [json] : [COMMA, json]));
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
