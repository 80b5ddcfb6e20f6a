/**
 * The test vectors that an independent implementation made. `VECTORS=DIR npm run test:vectors` runs the same cases from
 * another folder, so no test here knows a value or a number of cases.
 */
import { readFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { ProtocolError } from '../../../src/protocol/errors.js';

// npm changes to the project's folder; a relative DIR means the folder where the command was typed.
const FOLDER = process.env.VECTORS
  ? resolve(process.env.INIT_CWD ?? '.', process.env.VECTORS)
  : join(import.meta.dirname, '../../vectors');

/** The contents of NAME.json, in the shape that the test of that file expects. */
export function vectors<T>(name: string): T {
  return JSON.parse(readFileSync(join(FOLDER, `${name}.json`), 'utf8')) as T;
}

/** The code with which `act` refuses, undefined if it does not; an error of ours that is no refusal is thrown on. */
export function refusalOf(act: () => unknown): string | undefined {
  try {
    act();
  } catch (error) {
    if (error instanceof ProtocolError) return error.code;
    throw error;
  }
  return undefined;
}

/** Names cases that say nothing of themselves by what they hold, short enough to read. */
export function brief(value: unknown): string {
  const text = typeof value === 'string' ? value : JSON.stringify(value);
  return text.length > 48 ? `${text.slice(0, 45)}… (${text.length} characters)` : text;
}
