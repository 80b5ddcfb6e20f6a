/**
 * A process with nothing but fastify, which answers each path with the bytes that it was told, kept as bytes: a text
 * would be encoded anew for every answer, which for a block takes longer than all the rest.
 */
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
  for (const [path, text] of Object.entries(bodies)) {
    const body = Buffer.from(text);
    app.get(path, (_, reply) => reply.type('application/json; charset=utf-8').send(body));
  }
  await app.listen({ host: '127.0.0.1', port: 0 });
  process.send?.({ port: (app.server.address() as AddressInfo).port } satisfies BareAnswer);
});
