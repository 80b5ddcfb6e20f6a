/** One process of a crew: plays the seeds that it is handed, and reports each. */
import { readOptions } from './options.js';
import { play } from './player.js';

const options = readOptions(process.argv.slice(2));

process.on('message', async (seed: number) => {
  const report = await play(seed, options);
  process.send?.(report);
});
