/** A process with nothing but fastify, which answers each path with the bytes that it was told. */
import type { AddressInfo } from 'node:net';
import Fastify from 'fastify';

export interface BareJob {
  /** By path. */
  readonly bodies: Readonly<Record<string, string>>;
}

export interface BareAnswer {
  readonly port: number;
}

process.on('message', async ({ bodies }: BareJob) => {
  const app = Fastify({ logger: false });
  for (const [path, body] of Object.entries(bodies))
    app.get(path, (_, reply) => reply.type('application/json; charset=utf-8').send(body));
  await app.listen({ host: '127.0.0.1', port: 0 });
  process.send?.({ port: (app.server.address() as AddressInfo).port } satisfies BareAnswer);
});
