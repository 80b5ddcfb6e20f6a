/** The discovery service as a process runs it: its HTTP face over a database of its own, by the real clock. */
import { startDiscoveryServer } from '../discovery/server.js';
import { openLevelStore } from '../storage/level-store.js';
import { systemClock } from './system-clock.js';

export interface DiscoveryService {
  /** The port in fact listened on. */
  readonly port: number;
  close(): Promise<void>;
}

/**
 * @param options.directory of the database; made if it is missing
 * @throws StorageError, or an error of node:net if the address cannot be had
 */
export async function startDiscoveryService(options: {
  readonly host: string;
  readonly port: number;
  readonly directory: string;
  /** Told of what fails inside the service. */
  readonly onFailure: (error: unknown) => void;
}): Promise<DiscoveryService> {
  const store = await openLevelStore(options.directory);
  try {
    const server = await startDiscoveryServer(options, { store, clock: systemClock }, options.onFailure);
    return {
      port: server.port,
      async close() {
        await server.close();
        await store.close();
      },
    };
  } catch (error) {
    await store.close();
    throw error;
  }
}
