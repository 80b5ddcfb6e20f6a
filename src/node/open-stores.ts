/** What a node finds in its databases when it starts. */
import type { Files } from '../ports/files.js';
import type { Store } from '../ports/store.js';
import type { AuthoritySet } from '../protocol/authorities.js';
import { authoritiesOf, type GenesisConfig, readGenesisBlock } from '../protocol/genesis.js';
import type { SealedHeader } from '../protocol/sealed-header.js';
import type { StateTree } from '../protocol/state-tree.js';
import { ChainStore } from '../storage/chain-store.js';
import { SignerRecordStore } from '../storage/signer-record.js';
import type { StoredTree } from '../storage/tree-file.js';
import type { NodePorts } from './node-options.js';
import { openTree } from './tree-checkpoint.js';

export interface OpenedChain {
  readonly genesis: GenesisConfig;
  readonly authorities: AuthoritySet;
  readonly store: ChainStore;
  readonly tree: StateTree;
  /** See OpenedTree. */
  readonly copied: number;
  readonly head: SealedHeader;
}

export interface Opened extends OpenedChain {
  readonly record: SignerRecordStore;
}

/**
 * Opens the chain, or begins it with genesis, and takes up the state tree, or builds it from the accounts.
 * @throws StorageError for a chain that is damaged or of another genesis, or a signer's record that is damaged
 */
export async function openStores(
  ports: NodePorts,
  genesisBlock: Uint8Array,
  taken: StoredTree | null = null,
): Promise<Opened> {
  const opened = await openChain(ports.chain, genesisBlock, ports.files, taken);
  const record = SignerRecordStore.open(ports.signerRecord);
  await record.assertWhole();
  return { ...opened, record };
}

/** As `openStores`, for the chain's database alone. */
export async function openChain(
  chain: Store,
  genesisBlock: Uint8Array,
  files?: Files,
  taken: StoredTree | null = null,
): Promise<OpenedChain> {
  const { config, block, accounts: changes, supply } = readGenesisBlock(genesisBlock);
  const store =
    (await ChainStore.open(chain, block.id)) ??
    (await ChainStore.initialise(chain, { block, changes, supply }));
  const { tree, copied } = await openTree(store, files, taken);
  store.attach(tree);
  return {
    genesis: config,
    authorities: authoritiesOf(config),
    store,
    tree,
    copied,
    head: store.headBlock,
  };
}
