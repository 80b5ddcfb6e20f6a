/**
 * A process that asks for some paths in turn, over and over, on many kept connections with one request each at a time, and counts the
 * answers. Raw sockets: an HTTP client would cost more than the servers that are measured. Each connection comes from an
 * address of its own (127.0.0.2 and so on, which Linux takes for this machine), as a node lets no single one have all.
 */
import { connect, type Socket } from 'node:net';
import { readHead } from './http-answer.js';

export interface HttpLoadJob {
  readonly port: number;
  /** Each connection asks for them in turn. */
  readonly paths: readonly string[];
  readonly connections: number;
  readonly durationMs: number;
}

export interface HttpLoadAnswer {
  readonly answers?: number;
  readonly error?: string;
}

process.on('message', (job: HttpLoadJob) => {
  measure(job).then(
    (answers) => process.send?.({ answers } satisfies HttpLoadAnswer),
    (error: Error) => process.send?.({ error: error.message } satisfies HttpLoadAnswer),
  );
});

async function measure({ port, paths, connections, durationMs }: HttpLoadJob): Promise<number> {
  const requests = paths.map((path) =>
    Buffer.from(`GET ${path} HTTP/1.1\r\nhost: 127.0.0.1:${port}\r\n\r\n`),
  );
  const startMs = performance.now();
  let answers = 0;
  const over = () => performance.now() - startMs >= durationMs;
  await Promise.all(
    Array.from({ length: connections }, async (_, i) => {
      const socket = connect({
        port,
        host: '127.0.0.1',
        localAddress: `127.0.0.${2 + (i % 250)}`,
        noDelay: true,
      });
      try {
        await askUntil(socket, requests, i, () => {
          answers++;
          return over();
        });
      } finally {
        socket.destroy();
      }
    }),
  );
  return answers;
}

/** Asks on after each whole answer, until `answered` says that it is enough. */
function askUntil(
  socket: Socket,
  requests: readonly Buffer[],
  first: number,
  answered: () => boolean,
): Promise<void> {
  return new Promise((resolve, reject) => {
    let turn = first;
    const ask = () => socket.write(requests[turn++ % requests.length] as Buffer);
    /** Bytes of the present answer that are still to come; 0 before its head. */
    let missing = 0;
    socket.on('error', reject);
    socket.on('close', () => reject(new Error('the server closed a connection')));
    socket.on('data', (chunk) => {
      try {
        missing = (missing > 0 ? missing : bytesOf(chunk)) - chunk.length;
      } catch (error) {
        return reject(error);
      }
      if (missing > 0) return;
      if (answered()) resolve();
      else ask();
    });
    ask();
  });
}

/** The length of the whole answer that begins with `chunk`. @throws Error unless it is a success */
function bytesOf(chunk: Buffer): number {
  const head = readHead(chunk);
  if (head?.status !== 200) throw new Error(`not the answer: ${chunk.toString('latin1', 0, 200)}`);
  return head.totalBytes;
}
