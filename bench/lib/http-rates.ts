/** Requests a second that a node answers, each path beside a bare fastify that returns the same bytes. */
import type { BareAnswer, BareJob } from './bare-server.js';
import { HelperProcess } from './helper-process.js';
import { askText } from './http.js';
import type { HttpLoadAnswer, HttpLoadJob } from './http-load.js';

const CONNECTIONS = 64;
const WARM_UP_MS = 500;

export interface Rates {
  readonly path: string;
  readonly bytes: number;
  /** Requests a second, one value a round. */
  readonly node: readonly number[];
  readonly bare: readonly number[];
}

/** Both in turns, so that what else the machine does is spread over both. */
export async function httpRates(
  http: string,
  paths: readonly string[],
  rounds: number,
  durationMs: number,
): Promise<readonly Rates[]> {
  const load = new HelperProcess<HttpLoadJob, HttpLoadAnswer>('./http-load.js');
  const server = new HelperProcess<BareJob, BareAnswer>('./bare-server.js');
  try {
    const texts = await Promise.all(paths.map((path) => askText(`${http}${path}`)));
    const { port } = await server.ask({
      bodies: Object.fromEntries(paths.map((path, i) => [path, texts[i] ?? ''])),
    });
    const measure = async (job: Omit<HttpLoadJob, 'connections'>) => {
      const { perSecond, error } = await load.ask({ ...job, connections: CONNECTIONS });
      if (perSecond === undefined) throw new Error(`${job.path}: ${error}`);
      return perSecond;
    };
    const rates: Rates[] = [];
    for (const [i, path] of paths.entries()) {
      const ports = { node: Number(new URL(http).port), bare: port };
      const node: number[] = [];
      const bare: number[] = [];
      for (const of of Object.values(ports)) await measure({ port: of, path, durationMs: WARM_UP_MS });
      for (let round = 0; round < rounds; round++) {
        node.push(await measure({ port: ports.node, path, durationMs }));
        bare.push(await measure({ port: ports.bare, path, durationMs }));
      }
      rates.push({ path, bytes: texts[i]?.length ?? 0, node, bare });
    }
    return rates;
  } finally {
    await Promise.all([load.close(), server.close()]);
  }
}
