/**
 * Ports of loopback for nodes that must know each other before they start, or that are started again.
 *
 * They lie below those that systems hand out to callers (from 32,768 on Linux, `ip_local_port_range`): one of these could
 * be taken by any connection while its node is not up. The first to do so is whoever asks again and again whether the node
 * is up: from port P to port P, a caller even connects to itself.
 */
import { randomInt } from 'node:crypto';
import { once } from 'node:events';
import { createServer } from 'node:net';

const HOST = '127.0.0.1';
const FROM = 10_000;
const TO = 32_000;

/** `count` ports on which nobody listens just now, each the first of `neighbours` such ports. */
export async function freePorts(count: number, neighbours = 1): Promise<number[]> {
  const taken = new Set<number>();
  const firsts: number[] = [];
  while (firsts.length < count) {
    const first = randomInt(FROM, TO - neighbours);
    const run = Array.from({ length: neighbours }, (_, i) => first + i);
    if (run.some((port) => taken.has(port)) || !(await areFree(run))) continue;
    for (const port of run) taken.add(port);
    firsts.push(first);
  }
  return firsts;
}

async function areFree(ports: readonly number[]): Promise<boolean> {
  for (const port of ports) if (!(await isFree(port))) return false;
  return true;
}

async function isFree(port: number): Promise<boolean> {
  const server = createServer();
  // Rejects if somebody listens there.
  const ours = await once(server.listen(port, HOST), 'listening').catch(() => undefined);
  if (ours === undefined) return false;
  server.close();
  await once(server, 'close');
  return true;
}
