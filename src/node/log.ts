/** How a node says what happens to it. Fields are for machines, the text for people. */
export type LogLevel = 'debug' | 'info' | 'warn' | 'error';
export type Log = (level: LogLevel, fields: Readonly<Record<string, unknown>>, text: string) => void;
