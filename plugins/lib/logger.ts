/** Where a node's log goes: standard output, as JSON lines or, on a terminal, for people. */
import pino from 'pino';
import pretty from 'pino-pretty';
import type { Log } from '../../src/node/log.js';

/** @param forPeople undefined to go by whether standard output is a terminal */
export function createLog(level: string, forPeople: boolean | undefined): Log {
  const logger =
    (forPeople ?? process.stdout.isTTY === true)
      ? pino({ level }, pretty({ ignore: 'pid,hostname', translateTime: 'SYS:HH:MM:ss.l', sync: true }))
      : pino({ level, base: undefined }, pino.destination({ sync: true }));
  return (severity, fields, text) => logger[severity](fields, text);
}
