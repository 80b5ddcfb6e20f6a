/**
 * Requests that a node answers in a second of processor time, each sort of them beside a bare fastify that returns the
 * same bytes. Processor time, of all threads of the server: what one core does when nothing else wants it, so that neither
 * the process that asks nor whatever else the machine does is measured too.
 */
import type { BareAnswer, BareJob } from './bare-server.js';
import { HelperProcess } from './helper-process.js';
import { askText } from './http.js';
import type { HttpLoadAnswer, HttpLoadJob } from './http-load.js';
import { processFigures } from './process-figures.js';

const CONNECTIONS = 64;
/** Until V8 has optimised what either of them does for such a request. */
const WARM_UP_MS = 2_000;

export interface Rates {
  /** Of the answers, in the mean. */
  readonly bytes: number;
  /** Requests for a second of processor time, one value a round. */
  readonly node: readonly number[];
  readonly bare: readonly number[];
}

/**
 * @param server of a node: where it listens, and the id of its process
 * @param sorts of requests: for each the paths that are asked for in turn
 * @returns of each sort its rates
 */
export async function httpRates(
  server: { readonly http: string; readonly pid: number },
  sorts: readonly (readonly string[])[],
  rounds: number,
  durationMs: number,
): Promise<readonly Rates[]> {
  const load = new HelperProcess<HttpLoadJob, HttpLoadAnswer>('./http-load.js');
  const bareServer = new HelperProcess<BareJob, BareAnswer>('./bare-server.js');
  try {
    const bodies: Record<string, string> = {};
    for (const path of sorts.flat()) bodies[path] = await askText(`${server.http}${path}`);
    const { port } = await bareServer.ask({ bodies });
    const of = { pid: server.pid, port: Number(new URL(server.http).port) };
    const beside = { pid: bareServer.pid, port };
    const rates: Rates[] = [];
    for (const paths of sorts) {
      const node: number[] = [];
      const bare: number[] = [];
      for (const each of [of, beside]) await perProcessorSecond(load, each, paths, WARM_UP_MS);
      for (let round = 0; round < rounds; round++) {
        node.push(await perProcessorSecond(load, of, paths, durationMs));
        bare.push(await perProcessorSecond(load, beside, paths, durationMs));
      }
      const bytes = paths.reduce((sum, path) => sum + Buffer.byteLength(bodies[path] ?? ''), 0);
      rates.push({ bytes: Math.round(bytes / paths.length), node, bare });
    }
    return rates;
  } finally {
    await Promise.all([load.close(), bareServer.close()]);
  }
}

async function perProcessorSecond(
  load: HelperProcess<HttpLoadJob, HttpLoadAnswer>,
  { pid, port }: { readonly pid: number; readonly port: number },
  paths: readonly string[],
  durationMs: number,
): Promise<number> {
  const before = await processorMs(pid);
  const { answers, error } = await load.ask({ port, paths, connections: CONNECTIONS, durationMs });
  if (answers === undefined) throw new Error(`${paths[0]}: ${error}`);
  return (answers * 1_000) / ((await processorMs(pid)) - before);
}

async function processorMs(pid: number): Promise<number> {
  const figures = await processFigures(pid);
  if (figures === undefined) throw new Error('a server ended');
  return figures.processorMs;
}
