/**
 * The part of the storage tests that may not share their process: it is killed, or aborted by LevelDB. It runs the
 * compiled code, as Node cannot read TypeScript.
 *
 *   node child.mjs commit DIRECTORY COMMITS     commits the rest of the chain in the file, a line after each block
 *   node child.mjs sign DIRECTORY               signs two messages at one height after the other, a line after each height
 *   node child.mjs read DIRECTORY [DIRECTORY…]  a line for each: digests of all accounts and all else, or the error code
 */
import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';

const source = new URL('../../../dist/src/', import.meta.url);
const { ChainStore } = await import(new URL('storage/chain-store.js', source).href);
const { openLevelStore } = await import(new URL('storage/level-store.js', source).href);
const { decodeBlock } = await import(new URL('protocol/block.js', source).href);
const { openSignerStore } = await import(new URL('storage/signer-store.js', source).href);
const { SignerRecordStore } = await import(new URL('storage/signer-record.js', source).href);
const { systemClock } = await import(new URL('node/system-clock.js', source).href);
const { decodeCertificate } = await import(new URL('protocol/certificate.js', source).href);

const [mode, ...rest] = process.argv.slice(2);
if (mode === 'commit') await commit(...rest);
else if (mode === 'sign') await sign(...rest);
else for (const directory of rest) console.log(await read(directory));

async function commit(directory, file) {
  const { genesisId, commits } = JSON.parse(readFileSync(file, 'utf8'));
  const store = await ChainStore.open(await openLevelStore(directory), genesisId);
  for (const { block, certificate, changes, newKeys, supply } of commits.slice(store.head.number - 1)) {
    await store.commit({
      block: decodeBlock(Buffer.from(block, 'hex'), Buffer.from(genesisId, 'hex')),
      certificate: decodeCertificate(Buffer.from(certificate, 'hex')),
      changes: new Map(changes),
      newKeys: new Map(newKeys.map(([address, key]) => [address, Buffer.from(key, 'hex')])),
      supply,
    });
    console.log(store.head.number);
  }
}

/** Of all sizes: within a page, over many, too large to be waited for, and too large for the file. */
async function sign(directory) {
  const record = SignerRecordStore.open((await openSignerStore(directory, systemClock)).store);
  for (let height = (record.state?.height ?? 0) + 1; ; height++) {
    const message = (kind) => ({ kind, wire: Buffer.alloc(300 * 2 ** (height % 11), height % 251) });
    await record.persist({ height, slot: 2, locked: null, valid: null }, [message(1), message(2)]);
    console.log(height);
  }
}

async function read(directory) {
  let level;
  try {
    level = await openLevelStore(directory);
    const store = await ChainStore.open(level);
    const accounts = createHash('sha256');
    for await (const item of store.accountsAt(store.head.number)) accounts.update(JSON.stringify(item));
    const history = createHash('sha256');
    for (let n = 1; n <= store.head.number; n++) {
      const { block, certificate } = store.blockBytes(n);
      history.update(block).update(certificate ?? '');
      history.update(JSON.stringify(await store.touchedAccounts(n)));
      for await (const item of store.accountsAt(n)) history.update(JSON.stringify(item));
    }
    return `${accounts.digest('hex')} ${history.digest('hex')}`;
  } catch (error) {
    if (error.code === undefined) throw error;
    return error.code;
  } finally {
    await level?.close();
  }
}
