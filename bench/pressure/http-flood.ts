/** 5,000 requests at once, again and again, beside 200 connections that say nothing. */
import { setMaxListeners } from 'node:events';
import { Agent, type RequestOptions, request } from 'node:http';
import { connect } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import { type Attack, HOST, type Target } from './attack.js';
import { closing } from './stranger.js';

const REQUESTS = 5_000;
/** So many of these requests come from each address, every one on a connection of its own. */
const SOCKETS = 1_000;
const CALLERS = Array.from({ length: REQUESTS / SOCKETS }, (_, i) => `127.0.0.${i + 1}`);
const IDLE = 200;
const PAUSE_MS = 1_000;

/** Every fourth is refused, as its transaction is none. */
const ASKS = [
  ['GET', '/status'],
  ['GET', '/blk/latest'],
  ['GET', '/accounts'],
  ['POST', '/txn'],
] as const;

export const httpFlood: Attack = {
  name: 'http',
  what: `${REQUESTS} HTTP requests at once, each on its own connection, ${IDLE} idle connections`,
  async run({ httpPort }, signal, press) {
    const idle = keepIdle(httpPort, IDLE, signal);
    const counts = new Map<number, number>();
    let busyMs = 0;
    while (!signal.aborted) {
      press(true);
      const startedMs = performance.now();
      for (const status of await flood(httpPort, REQUESTS, SOCKETS, CALLERS))
        counts.set(status, (counts.get(status) ?? 0) + 1);
      busyMs += performance.now() - startedMs;
      press(false);
      await sleep(PAUSE_MS);
    }
    await idle;
    const answers = [...counts.values()].reduce((sum, count) => sum + count, 0);
    const by = [...counts].sort().map(([status, count]) => `${count} of ${status || 'no answer'}`);
    return `${Math.round((answers * 1000) / busyMs)} answers/s: ${by.join(', ')}`;
  },
};

/**
 * The statuses of all answers, in the order of the requests; 0 where the connection ended instead.
 * @param sockets of each caller at the most
 * @param callers addresses of this machine, in turn
 */
export async function flood(
  port: number,
  requests: number,
  sockets: number,
  callers: readonly string[] = [HOST],
): Promise<number[]> {
  const agent = new Agent({ keepAlive: true, maxSockets: sockets });
  const statuses = Array.from({ length: requests }, (_, i) => {
    const [method, path] = ASKS[i % ASKS.length] ?? ASKS[0];
    return statusOf({ agent, port, method, path, localAddress: callers[i % callers.length] ?? HOST });
  });
  try {
    return await Promise.all(statuses);
  } finally {
    agent.destroy();
  }
}

function statusOf(options: RequestOptions): Promise<number> {
  return new Promise((resolve) => {
    const headers = { 'content-type': 'application/json' };
    const asked = request({ ...options, host: HOST, headers }, (response) => {
      response.resume().on('end', () => resolve(response.statusCode ?? 0));
      response.on('error', () => resolve(0));
    });
    asked.on('error', () => resolve(0)).end(options.method === 'POST' ? '{"wire":"AAAA"}' : undefined);
  });
}

/** As many connections as said, opened anew when they are closed for saying nothing. */
async function keepIdle(port: Target['httpPort'], count: number, signal: AbortSignal): Promise<void> {
  setMaxListeners(count, signal);
  await Promise.all(
    Array.from({ length: count }, async () => {
      while (!signal.aborted) {
        const socket = connect(port, HOST).on('error', () => {});
        const ended = () => socket.destroy();
        signal.addEventListener('abort', ended, { once: true });
        await closing(socket.resume());
        signal.removeEventListener('abort', ended);
      }
    }),
  );
}
