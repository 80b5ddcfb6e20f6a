/**
 * How requests are held against their schemas: nothing is coerced, nothing unknown is let through, and a refusal says
 * which member is wrong and what was expected. Schemas say that in their `description`.
 */
import type { Ajv } from 'ajv';
import { dataFromJson } from '../protocol/json.js';
import { ApiError } from './errors.js';

/** A JSON schema with the two keywords of our own below. */
export type Schema = { readonly [key: string]: unknown };

/** `digits: [min, max]`: a query string's text that is a plain decimal integer within bounds. */
function digitsWithin([min, max]: readonly [number, number], text: string): boolean {
  return /^(?:0|[1-9]\d{0,15})$/.test(text) && Number(text) >= min && Number(text) <= max;
}

/** Adds what JSON schema cannot say. */
export function addKeywords(ajv: Ajv): Ajv {
  ajv.addKeyword({ keyword: 'digits', type: 'string', validate: digitsWithin, errors: false });
  ajv.addKeyword({
    keyword: 'dataForm',
    validate: (_: unknown, value: unknown) => dataFromJson(value) !== undefined,
    errors: false,
  });
  return ajv;
}

/** For fastify's `ajv` option. `verbose` keeps the schema of what failed, for its description. */
export const ajvOptions = {
  customOptions: {
    coerceTypes: false,
    removeAdditional: false,
    useDefaults: true,
    allErrors: false,
    verbose: true,
  },
  plugins: [addKeywords],
};

interface Violation {
  readonly keyword: string;
  readonly instancePath: string;
  readonly message?: string | undefined;
  readonly params: Readonly<Record<string, unknown>>;
  readonly parentSchema?: { readonly description?: unknown } | undefined;
}

/** Turns the first violation into one sentence. `part` is body, querystring or params. */
export function violationError(violations: readonly Violation[], part: string): ApiError {
  const violation = violations[0];
  const name = part === 'querystring' ? 'query' : part;
  if (violation === undefined) return new ApiError('BAD_REQUEST', `the ${name} is not as expected`);
  const { keyword, instancePath, params, parentSchema, message } = violation;
  const where = `${name}${instancePath}`;
  if (keyword === 'additionalProperties')
    return new ApiError(
      'BAD_REQUEST',
      `${where} has an unknown member ${JSON.stringify(params.additionalProperty)}`,
    );
  if (keyword === 'required')
    return new ApiError('BAD_REQUEST', `${where} lacks ${JSON.stringify(params.missingProperty)}`);
  const expected = parentSchema?.description;
  return new ApiError(
    'BAD_REQUEST',
    `${where} ${typeof expected === 'string' ? `must be ${expected}` : message}`,
  );
}
