import { expect, it } from 'vitest';
import { LargeNetwork, type LargeNetworkOptions } from './large-network.js';
import { plotsOf, type Run } from './plots.js';

async function runOf(authorities: number, basics: number): Promise<Run> {
  const options: LargeNetworkOptions = {
    seed: 1,
    authorities,
    basics,
    blocks: 2,
    transfers: 1,
    delayMs: 50,
    uplinkBytesPerMs: 12_500,
  };
  return { options, growth: await new LargeNetwork(options).run() };
}

it('draws what grows against the number that grows, and nobody who is not there', async () => {
  const [seven, four, beside] = [await runOf(7, 0), await runOf(4, 0), await runOf(4, 2)];

  const byAuthorities = plotsOf([seven, four]);
  expect([...byAuthorities.keys()]).toEqual([
    'growth-authorities-time.svg',
    'growth-authorities-messages.svg',
  ]);
  const lines = (svg = '') => [...svg.matchAll(/<polyline points="([^"]*)"/g)].map(([, points]) => points);
  expect(lines(byAuthorities.get('growth-authorities-time.svg'))).toHaveLength(2);
  const [messages, ...others] = lines(byAuthorities.get('growth-authorities-messages.svg'));
  expect(others).toEqual([]);
  // From left to right, and upwards: y is counted from the top.
  const [[x1 = 0, y1 = 0] = [], [x2 = 0, y2 = 0] = []] = (messages ?? '')
    .split(' ')
    .map((at) => at.split(',').map(Number));
  expect(x1).toBeLessThan(x2);
  expect(y1).toBeGreaterThan(y2);

  const byBasics = plotsOf([beside, { ...beside, options: { ...beside.options, basics: 3 } }]);
  expect(lines(byBasics.get('growth-basics-messages.svg'))).toHaveLength(2);
});
