/** The API over the fake face, and the checks that every answer must pass. */
import { Ajv } from 'ajv';
import type { FastifyInstance, InjectOptions, LightMyRequestResponse } from 'fastify';
import { expect } from 'vitest';
import { type ApiOptions, createApi } from '../../../src/api/api.js';
import { problem } from '../../../src/api/schemas.js';
import { addKeywords, type Schema } from '../../../src/api/validation.js';
import { FakeFace } from './fake-face.js';

const ajv = addKeywords(new Ajv({ strict: false }));

export const TOKEN = 'a-token-of-the-tests';

export interface TestApi {
  readonly face: FakeFace;
  readonly app: FastifyInstance;
  get(url: string, headers?: Record<string, string>): Promise<LightMyRequestResponse>;
  post(url: string, body: unknown, headers?: Record<string, string>): Promise<LightMyRequestResponse>;
}

export function testApi(options: ApiOptions = {}): TestApi {
  const face = new FakeFace();
  const app = createApi(face, { token: TOKEN, ...options });
  const inject = (request: InjectOptions) => app.inject(request);
  return {
    face,
    app,
    get: (url, headers = {}) => inject({ method: 'GET', url, headers }),
    post: (url, body, headers = {}) =>
      inject({
        method: 'POST',
        url,
        headers: { 'content-type': 'application/json', ...headers },
        payload: typeof body === 'string' || Buffer.isBuffer(body) ? body : JSON.stringify(body),
      }),
  };
}

/** The answer's JSON, after it was found to have exactly the members that its schema names. */
export function answerOf(response: LightMyRequestResponse, status: number, schema: Schema) {
  expect(response.statusCode, response.body).toBe(status);
  expect(response.headers['content-type']).toMatch(/^application\/json/);
  const body = response.json();
  expect(ajv.validate(schema, body), ajv.errorsText()).toBe(true);
  return body;
}

/** The problem details of a refusal, which must carry this code and status. */
export function refusalOf(response: LightMyRequestResponse, status: number, code: string) {
  expect(response.statusCode, response.body).toBe(status);
  expect(response.headers['content-type']).toMatch(/^application\/problem\+json/);
  const body = response.json();
  expect(ajv.validate(problem, body), ajv.errorsText()).toBe(true);
  expect(body).toMatchObject({ status, code });
  return body;
}
