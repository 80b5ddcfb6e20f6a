/**
 * How long an answer may be kept, and whether the caller has it already (RFC 9110 section 13.1.2, RFC 9111): decided here
 * alone. An answer is about now and must not be kept, unless a route says that it shows what is final.
 */
import type { FastifyReply, FastifyRequest } from 'fastify';
import type { Hash } from '../protocol/bytes.js';

/** What is named by its id: nothing else will ever have that name. */
export const FOR_EVER = 'public, max-age=31536000, immutable';
/** What is named by a number: another chain may be served at the same place one day. */
export const ASKING_AGAIN = 'no-cache';
const NOT_AT_ALL = 'no-store';

/** For what is about now, and for every refusal, whatever was said of the answer before. */
export function notKept(reply: FastifyReply): void {
  reply.header('cache-control', NOT_AT_ALL);
  if (reply.hasHeader('etag')) reply.removeHeader('etag');
}

/**
 * Says that the answer is final, and how it may be kept. True if the caller has it: then it is 304, without a body.
 * @param tag differs wherever the answer at this URL could differ
 */
export function isHeld(
  request: FastifyRequest,
  reply: FastifyReply,
  tag: string,
  kept: typeof FOR_EVER | typeof ASKING_AGAIN,
): boolean {
  // Weak, as nodes may hold different certificates of one block.
  reply.header('etag', `W/"${tag}"`).header('cache-control', kept);
  const held = request.headers['if-none-match']?.trim() === '*' || namesTag(request, tag);
  if (held) reply.code(304);
  return held;
}

/**
 * The same for a block or transaction that is asked for by its id, before it is looked for: its tag is given only with
 * what is final, so whoever names it has what every node has, or will have, or has kept no longer.
 */
export function isHeldById(request: FastifyRequest, reply: FastifyReply, id: Hash): boolean {
  return namesTag(request, id) && isHeld(request, reply, id, FOR_EVER);
}

/** By weak comparison: what was on the way may have made a tag strong, or weak. */
function namesTag({ headers }: FastifyRequest, tag: string): boolean {
  for (const [, named] of headers['if-none-match']?.matchAll(/"([^"]*)"/g) ?? [])
    if (named === tag) return true;
  return false;
}
