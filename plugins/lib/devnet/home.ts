/**
 * A devnet's directory: a directory for each node with its ccoin.json, key and chain, the load accounts' keys, the
 * genesis, and `devnet.json`, which says what is there. It is written last, so a devnet is whole or not there.
 */
import { mkdir, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { type Account, createAccount, loadAccount } from '../../../src/keys/account.js';
import { writeGenesisFile } from '../../../src/node/genesis-file.js';
import type { Address, Hash } from '../../../src/protocol/bytes.js';
import { genesisBlock, parseGenesis } from '../../../src/protocol/genesis.js';
import {
  configOf,
  genesisOf,
  LOAD_ACCOUNTS,
  type NodePlan,
  nodeNames,
  refusedWish,
  type Shape,
  shapeOf,
  type Wishes,
} from './plan.js';

const MANIFEST = 'devnet.json';
/** Stands in a directory while a devnet is made in it, so that a half-made one is known as ours. */
const UNFINISHED = 'devnet.unfinished';

interface Manifest {
  readonly genesis_id: Hash;
  readonly shape: Shape;
  readonly nodes: readonly NodePlan[];
  readonly load: readonly Address[];
}

export class Home {
  readonly path: string;
  readonly genesisId: Hash;
  readonly nodes: readonly NodePlan[];
  readonly #load: readonly Address[];

  private constructor(path: string, { genesis_id, nodes, load }: Manifest) {
    this.path = path;
    this.genesisId = genesis_id;
    this.nodes = nodes;
    this.#load = load;
  }

  /**
   * The devnet in `path`, made if there is none.
   * @param reset throws away the one that is there
   * @throws Error if the directory is in other use, or its devnet is not as wished
   */
  static async open(path: string, wishes: Wishes, reset: boolean, nowMs: number): Promise<Home> {
    const home = resolve(path);
    const names = await readdir(home).catch(noneIfMissing);
    const ours = names.includes(MANIFEST) || names.includes(UNFINISHED);
    if (names.length > 0 && !ours)
      throw new Error(`${home} holds something else than a devnet: name another directory`);
    if (names.includes(MANIFEST) && !reset) return Home.#continue(home, wishes);
    await rm(home, { recursive: true, force: true });
    return new Home(home, await make(home, shapeOf(wishes), nowMs));
  }

  static async #continue(home: string, wishes: Wishes): Promise<Home> {
    const manifest: Manifest = JSON.parse(await readFile(join(home, MANIFEST), 'utf8'));
    const refused = refusedWish(manifest.shape, wishes);
    if (refused !== undefined)
      throw new Error(`the devnet in ${home} has ${refused}: --reset makes a new one`);
    return new Home(home, manifest);
  }

  directoryOf(name: string): string {
    return join(this.path, name);
  }

  /** Writes each node's ccoin.json, and returns its path by the node's name. */
  async configure(discoveryPort: number): Promise<ReadonlyMap<string, string>> {
    const paths = new Map<string, string>();
    for (const { name, address } of this.nodes) {
      const path = join(this.directoryOf(name), 'ccoin.json');
      await writeFile(path, pretty(configOf(address, this.genesisId, discoveryPort)));
      paths.set(name, path);
    }
    return paths;
  }

  loadAccounts(): Promise<Account[]> {
    return Promise.all(this.#load.map((address) => loadAccount(join(this.path, 'load'), address)));
  }
}

async function make(home: string, shape: Shape, nowMs: number): Promise<Manifest> {
  await mkdir(home, { recursive: true, mode: 0o700 });
  await writeFile(join(home, UNFINISHED), '');
  await mkdir(join(home, 'discovery'), { mode: 0o700 });
  const made = await Promise.all(
    nodeNames(shape).map(async ({ name, role }) => {
      const account = await createAccount(join(home, name));
      return { node: { name, role, address: account.address }, account };
    }),
  );
  const senders = Array.from({ length: LOAD_ACCOUNTS }, () => createAccount(join(home, 'load')));
  const load = (await Promise.all(senders)).map(({ address }) => address);

  const nodes = made.map(({ node }) => node);
  const validators = made.filter(({ node }) => node.role === 'validator').map(({ account }) => account);
  const addresses = nodes.map(({ address }) => address);
  const text = pretty(genesisOf(shape, validators, addresses, load, nowMs));
  await writeFile(join(home, 'genesis.json'), text);
  const genesis = genesisBlock(parseGenesis(text).config);
  for (const { name, address } of nodes) {
    await writeGenesisFile(join(home, name), address, genesis);
  }
  const manifest: Manifest = { genesis_id: genesis.block.id, shape, nodes, load };
  await writeFile(join(home, MANIFEST), pretty(manifest));
  await rm(join(home, UNFINISHED));
  return manifest;
}

function pretty(value: object): string {
  return `${JSON.stringify(value, null, 2)}\n`;
}

function noneIfMissing(error: NodeJS.ErrnoException): string[] {
  if (error.code === 'ENOENT') return [];
  throw error;
}
