/** `host:port` as people write it: a name, an IPv4 address, or an IPv6 address in brackets. */
import { isIP } from 'node:net';

export interface HostPort {
  readonly host: string;
  /** Undefined if the text has none. */
  readonly port: number | undefined;
}

const FORM = /^(?:\[([0-9a-fA-F:.]+)\]|([^\s:[\]]+))(?::([0-9]{1,5}))?$/;
/** RFC 1123; underscores too, as container networks use them. */
const HOST_NAME =
  /^(?=.{1,253}$)[a-zA-Z0-9_](?:[a-zA-Z0-9_-]{0,62})(?:\.[a-zA-Z0-9_](?:[a-zA-Z0-9_-]{0,62}))*\.?$/;

/** The parts of `text`, or undefined if it has another form. */
export function parseEndpoint(text: string): HostPort | undefined {
  const [, bracketed, name, digits] = FORM.exec(text) ?? [];
  const host = bracketed ?? name;
  if (host === undefined || !isHost(host) || (bracketed !== undefined && isIP(host) !== 6)) return undefined;
  if (digits === undefined) return { host, port: undefined };
  const port = Number(digits);
  return port >= 1 && port <= 65_535 ? { host, port } : undefined;
}

export function formatEndpoint(host: string, port: number): string {
  return isIP(host) === 6 ? `[${host}]:${port}` : `${host}:${port}`;
}

/** Whether `text` is an IP address (IPv6 without brackets) or a host name. */
export function isHost(text: string): boolean {
  // What looks like an IPv4 address must be one: 300.1.1.1 is no host name either.
  return isIP(text) !== 0 || (HOST_NAME.test(text) && !/^[0-9.]+$/.test(text));
}
