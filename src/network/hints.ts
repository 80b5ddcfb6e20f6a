/** Hints about where others listen (RPR and PRS): what is handed out, and what of the others' is worth trying. */
import type { Endpoint } from '../ports/transport.js';
import type { Address } from '../protocol/bytes.js';
import type { MessageOf } from '../protocol/messages.js';
import { LIMITS } from './limits.js';

export interface KnownEndpoint {
  readonly endpoint: Endpoint;
  readonly address?: Address;
}

const HOST = /^[0-9A-Za-z][0-9A-Za-z.:_-]{0,252}$|^::[0-9A-Fa-f:.]{0,43}$/;
const LOOPBACK = /^(localhost|127\.[0-9.]+|::1|::ffff:127\.[0-9.]+)$/i;
const ANY_HOST = /^(0\.0\.0\.0|::)?$/;

export function isLoopback(host: string): boolean {
  return LOOPBACK.test(host);
}

/** Whether it means "every address of this machine", which nobody can dial. */
export function isAnyHost(host: string): boolean {
  return ANY_HOST.test(host);
}

/** What to answer to an RPR from `asker`. Loopback leads nobody but our own machine to where we mean. */
export function hintsFor(
  asker: { readonly address: Address; readonly remote: Endpoint },
  known: Iterable<{ readonly address: Address; readonly dialable: Endpoint | null }>,
): MessageOf<'PRS'>['peers'] {
  const hints: MessageOf<'PRS'>['peers'][number][] = [];
  for (const { address, dialable } of known) {
    if (hints.length >= LIMITS.hintsPerMessage) break;
    if (dialable === null || address === asker.address) continue;
    if (isLoopback(dialable.host) && !isLoopback(asker.remote.host)) continue;
    hints.push({ id: address, ip: dialable.host, port: dialable.port });
  }
  return hints;
}

/** The endpoints of a PRS that can be dialed at all. */
export function endpointsOf({ peers }: MessageOf<'PRS'>): KnownEndpoint[] {
  return peers
    .slice(0, LIMITS.hintsPerMessage)
    .filter(({ ip, port }) => HOST.test(ip) && !isAnyHost(ip) && port > 0 && port <= 65_535)
    .map(({ id, ip, port }) => ({ endpoint: { host: ip, port }, address: id }));
}
