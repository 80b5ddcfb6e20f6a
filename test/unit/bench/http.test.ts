import { once } from 'node:events';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterEach, expect, it } from 'vitest';
import { ask } from '../../../bench/lib/http.js';

let server: Server | undefined;

afterEach(() => {
  server?.closeAllConnections();
  server?.close();
});

/** A server that hangs up, without a word, on the requests of these numbers. */
async function serverHangingUpOn(...numbers: readonly number[]): Promise<string> {
  let requests = 0;
  server = createServer((request, response) => {
    if (numbers.includes(++requests)) request.socket.resetAndDestroy();
    else response.end(JSON.stringify({ request: requests }));
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
}

it("asks again where a kept connection was closed meanwhile, which is nobody's fault", async () => {
  const http = await serverHangingUpOn(2);
  expect(await ask(http)).toEqual({ request: 1 });
  expect(await ask(http)).toEqual({ request: 3 });
});

it('throws where a new connection is closed', async () => {
  const http = await serverHangingUpOn(1);
  await expect(ask(http)).rejects.toThrow();
});
