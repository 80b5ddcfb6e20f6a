/** What this program calls itself towards peers and people. */
import { createRequire } from 'node:module';

// Two levels up from dist/plugins/lib, and from plugins/lib in the sources.
const require = createRequire(import.meta.url);

export const VERSION: string = (require('ccoin/package.json') as { version: string }).version;
export const AGENT = `ccoin/${VERSION}`;
