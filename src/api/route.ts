/** What a route is, and what all of them share. The table of all routes is `routes` in routes/index.ts. */
import type { FastifyReply, FastifyRequest } from 'fastify';
import type { NodeFace } from '../node/face.js';
import type { BlockTexts } from './block-texts.js';
import type { FinalEvents } from './final-events.js';
import type { FinalWaiters } from './final-waiters.js';
import type { ApiLimits } from './limits.js';
import type { Schema } from './validation.js';

/** The content type of JSON that is sent as text, past the response schema. */
export const JSON_TYPE = 'application/json; charset=utf-8';

export interface Route {
  readonly method: 'GET' | 'POST';
  readonly url: string;
  readonly schema: {
    readonly params?: Schema;
    readonly querystring: Schema;
    readonly body?: Schema;
    /** By status; absent for a stream that is no JSON. */
    readonly response?: Readonly<Record<number, Schema>>;
  };
  readonly bodyLimit?: number;
  /** False where answering HEAD would start something endless. */
  readonly exposeHeadRoute?: false;
  readonly handler: (request: FastifyRequest, reply: FastifyReply) => unknown;
}

/** Hears of a failure of our own: what was thrown, and the method and URL it happened at. */
export type OnFailure = (error: unknown, request: string) => void;

/** What the routes work with. */
export interface RouteContext {
  readonly face: NodeFace;
  readonly limits: ApiLimits;
  /** The bearer token for transfers signed by the node; undefined switches them off. */
  readonly token: string | undefined;
  readonly waiters: FinalWaiters;
  readonly events: FinalEvents;
  readonly blockTexts: BlockTexts;
  readonly onFailure: OnFailure;
}

/** A validated query string as numbers and texts: `limit` always stands, by its default. */
export interface PageQuery {
  readonly limit: string;
  readonly cursor?: string;
}

/** How long the caller wants to wait, of a validated query string with `wait` in seconds. */
export function waitMsOf({ query }: FastifyRequest): number {
  return Number((query as { readonly wait: string }).wait) * 1000;
}
