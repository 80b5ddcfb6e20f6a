/** All that a node is pressed with. */
import type { Attack } from './attack.js';
import { httpFlood } from './http-flood.js';
import { silentReader } from './silent-reader.js';
import { slowHandshakes } from './slow-handshakes.js';
import { uselessMessages } from './useless-messages.js';

export const attacks: readonly Attack[] = [httpFlood, slowHandshakes, uselessMessages, silentReader];
