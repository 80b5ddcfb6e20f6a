/**
 * Guards a node on loopback against DNS rebinding: a web page whose own host name was pointed at 127.0.0.1 could
 * otherwise read the API from within a browser on the same machine. Such requests carry that name in `Host`.
 */
import { isIP } from 'node:net';

/** Whether a listening address can be reached from this machine only. */
export function isLoopback(host: string): boolean {
  return host === 'localhost' || host === '::1' || /^127\.\d+\.\d+\.\d+$/.test(host);
}

/** Whether a `Host` header is one that no other party's DNS decides: an IP address or localhost. */
export function isLocalHostHeader(header: string | undefined): boolean {
  const name = header?.replace(/:\d{1,5}$/, '').toLowerCase();
  if (name === undefined || name === '') return false;
  const bare = name.startsWith('[') && name.endsWith(']') ? name.slice(1, -1) : name;
  return bare === 'localhost' || bare.endsWith('.localhost') || isIP(bare) !== 0;
}

/** `isLocalHostHeader`, which looks at each name once: nearly all callers of a node know it by the same. */
export function localHostGuard(): (header: string | undefined) => boolean {
  let known: string | undefined;
  return (header) => {
    if (header === undefined || header !== known) {
      if (!isLocalHostHeader(header)) return false;
      known = header;
    }
    return true;
  };
}
