/** The chain against the vectors: what must be accepted, what refused, and that a refusal changes nothing. */
import { readFileSync } from 'node:fs';
import { beforeEach, describe, expect, it } from 'vitest';
import { rulesOf } from '../../../src/ledger/rules.js';
import { Chain, type Committed } from '../../../src/node/chain.js';
import { inlineWorker } from '../../../src/node/inline-worker.js';
import type { NodePorts } from '../../../src/node/node-options.js';
import { openStores } from '../../../src/node/open-stores.js';
import { SignatureCache } from '../../../src/node/signature-cache.js';
import { assembleBlock, decodeBlock } from '../../../src/protocol/block.js';
import { fromHex } from '../../../src/protocol/bytes.js';
import { decodeCertificate } from '../../../src/protocol/certificate.js';
import { encode } from '../../../src/protocol/encoding.js';
import { OtherParentError } from '../../../src/protocol/errors.js';
import type { StateTree } from '../../../src/protocol/state-tree.js';
import { MemoryStore } from '../../../src/storage/memory-store.js';
import { expectRecords } from '../../support/account-records.js';

const vectors = (name: string) =>
  JSON.parse(readFileSync(new URL(`../../vectors/${name}.json`, import.meta.url), 'utf8'));
const genesis = vectors('genesis');
const { blocks } = vectors('chain') as {
  blocks: { number: number; block: string; certificate: string; id: string }[];
};
const refuse = vectors('refuse') as {
  blocks: { why: string; block: string; certificate: string }[];
  accept: { block: string; certificate: string };
};

interface Opened {
  readonly chain: Chain;
  readonly tree: StateTree;
  readonly database: MemoryStore;
  readonly committed: Committed[];
}

async function open(upTo: number): Promise<Opened> {
  const stores = { chain: new MemoryStore(), signerRecord: new MemoryStore() };
  const opened = await openStores(stores as unknown as NodePorts, fromHex(genesis.block));
  const committed: Committed[] = [];
  const chain = new Chain(
    {
      ...opened,
      rules: rulesOf(opened.genesis, genesis.id),
      worker: inlineWorker(),
      verified: new SignatureCache(),
    },
    (blocks) => committed.push(...blocks),
  );
  for (const { block, certificate } of blocks.slice(0, upTo)) {
    expect(await chain.applyCertified(fromHex(block), fromHex(certificate))).toBeNull();
  }
  return { chain, tree: opened.tree, database: stores.chain, committed };
}

describe('the chain', () => {
  let chain: Chain;
  let committed: Committed[];

  beforeEach(async () => {
    ({ chain, committed } = await open(blocks.length));
  });

  it('applies certified blocks in order and tells of each', () => {
    expect(chain.head.id).toBe(blocks.at(-1)?.id);
    expect(committed.map(({ block, synced }) => [block.header.number, synced])).toEqual(
      blocks.map(({ number }) => [number, true]),
    );
  });

  it.each(refuse.blocks)('refuses a block: $why', async ({ why, block, certificate }) => {
    const { head, supply } = chain;
    const error = await chain.applyCertified(fromHex(block), fromHex(certificate));
    expect(error instanceof OtherParentError).toBe(why === 'wrong parent');
    expect(error?.code).toMatch(/^(BAD_BLOCK|BAD_CERTIFICATE|BAD_SIGNATURE|MALFORMED)$/);
    expect(chain.head).toBe(head);
    expect(chain.supply).toBe(supply);
    const accept = await chain.applyCertified(
      fromHex(refuse.accept.block),
      fromHex(refuse.accept.certificate),
    );
    expect(accept).toBeNull();
  });

  it('takes genesis or an old block given again as known, and changes nothing', async () => {
    const { head } = chain;
    for (const { block, certificate } of [{ block: genesis.block, certificate: '9000' }, ...blocks]) {
      expect(await chain.applyCertified(fromHex(block), fromHex(certificate))).toBeNull();
    }
    expect(chain.head).toBe(head);
    expect(committed).toHaveLength(blocks.length);
  });

  it('calls a block on another parent false if its certificate does not hold', async () => {
    const [wrong, good] = [refuse.blocks.find(({ why }) => why === 'wrong parent'), refuse.accept];
    const error = await chain.applyCertified(fromHex(wrong?.block ?? ''), fromHex(good.certificate));
    expect(error).not.toBeInstanceOf(OtherParentError);
    expect(error?.code).toBe('BAD_CERTIFICATE');
  });

  it('answers a genesis block in the place of a certified one without applying it', async () => {
    const fresh = await open(0);
    expect(await fresh.chain.applyCertified(fromHex(genesis.block), encode([0, []]))).toBeNull();
    expect(fresh.chain.head.header.number).toBe(1);
  });

  it('checks each wire form of a block: its id covers neither the seal nor the transactions carried', async () => {
    const { chain: fresh } = await open(0);
    const good = decodeBlock(fromHex((blocks[0] as { block: string }).block), fresh.rules.genesisId);
    expect(await fresh.validate(good)).toBeNull();

    const brokenSeal = assembleBlock(good.header, good.nonce, new Uint8Array(256), good.transactions);
    expect(brokenSeal.id).toBe(good.id);
    expect((await fresh.validate(brokenSeal))?.code).toBe('BAD_SIGNATURE');

    const otherBody = assembleBlock(good.header, good.nonce, good.signature, good.transactions.slice(1));
    expect(otherBody.id).toBe(good.id);
    expect((await fresh.validate(otherBody))?.code).toBe('BAD_BLOCK');
  });

  it('has the accounts of a block that consensus decided, and their trails, as their records are', async () => {
    const { chain: fresh, tree, database } = await open(0);
    for (const { block: wire, certificate } of blocks) {
      const block = decodeBlock(fromHex(wire), fresh.rules.genesisId);
      expect(await fresh.validate(block)).toBeNull();
      await fresh.commit(block, decodeCertificate(fromHex(certificate)));
      await expectRecords(tree, database);
    }
    expect(fresh.head.id).toBe(chain.head.id);
  });

  it('says that a block is not judged when the head moved while it was checked', async () => {
    const { chain: fresh } = await open(0);
    const first = blocks[0] as (typeof blocks)[number];
    const block = decodeBlock(fromHex(first.block), fresh.rules.genesisId);
    const applying = fresh.applyCertified(fromHex(first.block), fromHex(first.certificate));
    const verdicts = await Promise.all([fresh.validate(block), applying]);
    expect(verdicts[1]).toBeNull();
    expect((await fresh.validate(block))?.code).toBe('BAD_BLOCK');
  });

  it('serialises those that move the head: the same block from two sides is applied once', async () => {
    const fresh = await open(0);
    const first = blocks[0] as (typeof blocks)[number];
    const both = await Promise.all(
      [1, 2].map(() => fresh.chain.applyCertified(fromHex(first.block), fromHex(first.certificate))),
    );
    expect(both).toEqual([null, null]);
    expect(fresh.committed).toHaveLength(1);
  });
});
