/** Faults inside of a node, loaded into its process before its own code: nothing in that code knows of them. */
import type { StartOptions } from './member.js';

/** @param env what the module `preload/NAME.ts` reads */
export function preloaded(name: 'clock' | 'full-disk', env: Readonly<Record<string, string>>): StartOptions {
  const { href } = new URL(`./preload/${name}.js`, import.meta.url);
  return { env: { ...env, NODE_OPTIONS: `--import ${href}` } };
}
