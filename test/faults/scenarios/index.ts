/** All faults, in the order in which they are played. */
import type { Scenario } from '../scenario.js';
import { kill } from './kill.js';

export const SCENARIOS: readonly Scenario[] = [kill];
