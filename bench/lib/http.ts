/** A plain HTTP client: connections kept, nothing in between that would be measured too. */
import { Agent, request } from 'node:http';

const agent = new Agent({ keepAlive: true, noDelay: true });

/**
 * The JSON that is answered.
 * @param body sent as it is, if given, with POST
 * @throws Error for an answer that is no success
 */
export async function ask<T>(url: string, body?: string): Promise<T> {
  return JSON.parse(await askText(url, body)) as T;
}

/** As `ask`, the text that is answered. */
export async function askText(url: string, body?: string): Promise<string> {
  for (;;) {
    const answer = await askOnce(url, body);
    if (answer !== HUNG_UP) return answer;
  }
}

/** What comes of a kept connection that the node closed, having been idle for long, just when it was asked again. */
const HUNG_UP = Symbol('the node hung up a kept connection');

function askOnce(url: string, body?: string): Promise<string | typeof HUNG_UP> {
  return new Promise((resolve, reject) => {
    const headers = body === undefined ? {} : { 'content-type': 'application/json' };
    const asked = request(url, { agent, method: body === undefined ? 'GET' : 'POST', headers }, (answer) => {
      const chunks: Buffer[] = [];
      answer.on('data', (chunk: Buffer) => chunks.push(chunk));
      answer.on('error', reject);
      answer.on('end', () => {
        const text = Buffer.concat(chunks).toString();
        const { statusCode = 0 } = answer;
        if (statusCode < 200 || statusCode > 299)
          reject(new Error(`${url} answers ${statusCode}: ${text.slice(0, 500)}`));
        else resolve(text);
      });
    });
    asked.on('error', (error: NodeJS.ErrnoException) => {
      if (asked.reusedSocket && error.code === 'ECONNRESET') resolve(HUNG_UP);
      else reject(error);
    });
    asked.end(body);
  });
}
