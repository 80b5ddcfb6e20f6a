/** All targets. */
import type { Target } from '../target.js';
import { FRAME_TARGETS } from './frames.js';
import { HANDSHAKE } from './handshake.js';
import { HTTP_TARGETS } from './http.js';
import { SIGNED } from './signed.js';
import { TEXT_TARGETS } from './texts.js';

export const TARGETS: readonly Target[] = [
  ...SIGNED,
  ...FRAME_TARGETS,
  HANDSHAKE,
  ...TEXT_TARGETS,
  ...HTTP_TARGETS,
];

/** @throws Error naming all targets if there is none of this name */
export function targetNamed(name: string): Target {
  const target = TARGETS.find((each) => each.name === name);
  if (target !== undefined) return target;
  throw new Error(`there is no target ${name}: choose of ${TARGETS.map((each) => each.name).join(', ')}`);
}
