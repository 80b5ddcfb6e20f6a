/** What grows with a network, drawn: time to finality, and what a node hears of a block. */
import { linePlot, type Series } from '../../../bench/lib/plot.js';
import { median } from '../../../bench/lib/statistics.js';
import type { Growth, LargeNetworkOptions } from './large-network.js';
import type { RoleTraffic } from './traffic.js';

export interface Run {
  readonly options: LargeNetworkOptions;
  readonly growth: Growth;
}

/**
 * The plots of `runs` by the names of their files, against the number of authorities or, where that is always the same,
 * of the nodes beside them.
 */
export function plotsOf(runs: readonly Run[]): ReadonlyMap<string, string> {
  const by = new Set(runs.map(({ options }) => options.authorities)).size > 1 ? 'authorities' : 'basics';
  const xLabel = by === 'authorities' ? 'authorities' : 'nodes that only follow, beside the authorities';
  const ordered = [...runs].sort((a, b) => a.options[by] - b.options[by]);
  const series = (name: string, of: (growth: Growth) => number): Series => ({
    name,
    points: ordered.map(({ options, growth }) => [options[by], of(growth)]),
  });
  const received = (name: string, role: 'authorities' | 'basics') =>
    runs.every(({ growth }) => growth.traffic[role].nodes > 0)
      ? [series(name, ({ traffic, blocks }) => framesOf(traffic[role], blocks.length))]
      : [];
  const time = (of: (block: Growth['blocks'][number]) => number) => (growth: Growth) =>
    median(growth.blocks.map(of));
  return new Map([
    [
      `growth-${by}-time.svg`,
      linePlot({
        title: 'From the first proposal on the wire until final, median',
        xLabel,
        yLabel: 'ms',
        series: [
          series(
            'at a quorum',
            time(({ quorumMs }) => quorumMs),
          ),
          series(
            'everywhere',
            time(({ allMs }) => allMs),
          ),
        ],
      }),
    ],
    [
      `growth-${by}-messages.svg`,
      linePlot({
        title: 'Messages that a node receives for a block',
        xLabel,
        yLabel: 'messages',
        series: [...received('an authority', 'authorities'), ...received('another node', 'basics')],
      }),
    ],
  ]);
}

function framesOf({ nodes, received }: RoleTraffic, blocks: number): number {
  return received.frames / nodes / blocks;
}
