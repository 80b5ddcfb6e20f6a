/**
 * Requests that a node answers in a second of processor time, each path beside a bare fastify that returns the same
 * bytes. Processor time, of all threads of the server: what one core does when nothing else wants it, so that neither
 * the process that asks nor whatever else the machine does is measured too.
 */
import type { BareAnswer, BareJob } from './bare-server.js';
import { HelperProcess } from './helper-process.js';
import { askText } from './http.js';
import type { HttpLoadAnswer, HttpLoadJob } from './http-load.js';
import { processFigures } from './process-figures.js';

const CONNECTIONS = 64;
const WARM_UP_MS = 500;

export interface Rates {
  readonly path: string;
  readonly bytes: number;
  /** Requests for a second of processor time, one value a round. */
  readonly node: readonly number[];
  readonly bare: readonly number[];
}

/** @param server of a node: where it listens, and the id of its process */
export async function httpRates(
  server: { readonly http: string; readonly pid: number },
  paths: readonly string[],
  rounds: number,
  durationMs: number,
): Promise<readonly Rates[]> {
  const load = new HelperProcess<HttpLoadJob, HttpLoadAnswer>('./http-load.js');
  const bareServer = new HelperProcess<BareJob, BareAnswer>('./bare-server.js');
  try {
    const texts = await Promise.all(paths.map((path) => askText(`${server.http}${path}`)));
    const bodies = Object.fromEntries(paths.map((path, i) => [path, texts[i] ?? '']));
    const { port } = await bareServer.ask({ bodies });
    const of = { pid: server.pid, port: Number(new URL(server.http).port) };
    const beside = { pid: bareServer.pid, port };
    const rates: Rates[] = [];
    for (const [i, path] of paths.entries()) {
      const node: number[] = [];
      const bare: number[] = [];
      for (const each of [of, beside]) await perProcessorSecond(load, each, path, WARM_UP_MS);
      for (let round = 0; round < rounds; round++) {
        node.push(await perProcessorSecond(load, of, path, durationMs));
        bare.push(await perProcessorSecond(load, beside, path, durationMs));
      }
      rates.push({ path, bytes: texts[i]?.length ?? 0, node, bare });
    }
    return rates;
  } finally {
    await Promise.all([load.close(), bareServer.close()]);
  }
}

async function perProcessorSecond(
  load: HelperProcess<HttpLoadJob, HttpLoadAnswer>,
  { pid, port }: { readonly pid: number; readonly port: number },
  path: string,
  durationMs: number,
): Promise<number> {
  const before = await processorMs(pid);
  const { answers, error } = await load.ask({ port, path, connections: CONNECTIONS, durationMs });
  if (answers === undefined) throw new Error(`${path}: ${error}`);
  return (answers * 1_000) / ((await processorMs(pid)) - before);
}

async function processorMs(pid: number): Promise<number> {
  const figures = await processFigures(pid);
  if (figures === undefined) throw new Error('a server ended');
  return figures.processorMs;
}
