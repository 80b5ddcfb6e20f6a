/** All faults, in the order in which they are played. */
import type { Scenario } from '../scenario.js';
import { clock } from './clock.js';
import { deleted } from './deleted.js';
import { diskFull } from './disk-full.js';
import { flip } from './flip.js';
import { forgotten } from './forgotten.js';
import { kill } from './kill.js';
import { late } from './late.js';
import { partition } from './partition.js';
import { pause } from './pause.js';
import { restored } from './restored.js';
import { slow } from './slow.js';

export const SCENARIOS: readonly Scenario[] = [
  kill,
  pause,
  partition,
  slow,
  diskFull,
  flip,
  forgotten,
  deleted,
  restored,
  clock,
  late,
];
