import { Simulation } from './simulation.js';

const from = Number(process.argv[2] ?? 1),
  count = Number(process.argv[3] ?? 1);
for (let seed = from; seed < from + count; seed++) {
  const t = performance.now();
  const o = await new Simulation(seed, process.argv[4] ? console.log : undefined).run();
  console.log(
    seed,
    o.hash,
    'events',
    o.events,
    'virt',
    Math.round(o.virtualMs),
    'ms',
    Math.round(performance.now() - t),
    'auth',
    o.plan.authorities.length,
    'basic',
    o.plan.basics.length,
    'liars',
    o.plan.liars.size,
    'blocks',
    o.tallies.blocks,
    'txs',
    o.tallies.transactions,
    o.beyond ?? '',
    o.violation?.message.slice(0, 600) ?? 'ok',
  );
}
