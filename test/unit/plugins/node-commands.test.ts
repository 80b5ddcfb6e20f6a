/** send, account and status against the HTTP API of a node, as their users call them. */
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import yargs, { type CommandModule } from 'yargs';
import accountCommand from '../../../plugins/account.js';
import { UsageError } from '../../../plugins/lib/errors.js';
import { configuredUrl } from '../../../plugins/lib/node.js';
import send from '../../../plugins/send.js';
import statusCommand, { troubleOf } from '../../../plugins/status.js';
import { type HttpServer, startHttp } from '../../../src/api/server.js';
import { nodeStatusView } from '../../../src/api/views.js';
import { loadConfig } from '../../../src/config/config.js';
import { AUTHORITIES, FakeFace, GENESIS, testKey } from '../api/fake-face.js';

const sender = testKey(1);
const to = testKey(0).address;

let directory: string;
let config: string;
let face: FakeFace;
let server: HttpServer;
let lines: string[];

beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), 'ccoin-commands-'));
  config = join(directory, 'ccoin.json');
  face = new FakeFace();
  server = await startHttp(face, { host: '127.0.0.1', port: 0 });
  await writeConfig({});
  const keys = join(directory, sender.address, '.keys');
  await mkdir(keys, { recursive: true });
  const pem = sender.privateKey.export({ type: 'pkcs8', format: 'pem' });
  await writeFile(join(keys, 'id_rsa'), pem, { mode: 0o600 });
  lines = [];
  vi.spyOn(console, 'log').mockImplementation((line: string) => {
    lines.push(line);
  });
});
afterEach(async () => {
  vi.restoreAllMocks();
  await server.close();
  await rm(directory, { recursive: true });
});

function writeConfig(more: object): Promise<void> {
  const content = {
    app: { base_path: '.' },
    client: { account_address: sender.address },
    http: { host: '127.0.0.1', port: server.port },
    ...more,
  };
  return writeFile(config, JSON.stringify(content));
}

async function run(plugin: unknown, ...args: string[]): Promise<string> {
  await yargs([...args, '-c', config])
    .command(plugin as CommandModule<object, object>)
    .strict()
    .fail((message, error) => {
      throw error ?? new UsageError(message);
    })
    .exitProcess(false)
    .parseAsync();
  return lines.join('\n');
}

describe('send', () => {
  it('signs here, with the next nonce and the least fee, and hands it in', async () => {
    const account = await face.account(sender.address);
    const printed = await run(send, 'send', '--to', to, '--amount', '25', '--data', 'Miete');
    const [known] = face.pending.values();
    expect(known?.transaction).toMatchObject({
      from: sender.address,
      to,
      amount: 25,
      fee: GENESIS.transaction.min_fee,
      nonce: account?.nextNonce,
      data: Buffer.from('Miete'),
    });
    expect(printed).toContain(known?.transaction.id);
    expect(printed).toMatch(/status +pending, ready/);
  });

  it('prints JSON for programs, and takes another fee and node', async () => {
    await writeConfig({ http: { port: 1 } });
    const node = `http://127.0.0.1:${server.port}`;
    const printed = await run(
      send,
      'send',
      '--to',
      to,
      '--amount',
      '1',
      '--fee',
      '9',
      '--json',
      '--node',
      node,
    );
    expect(JSON.parse(printed).transaction).toMatchObject({
      amount: 1,
      fee: 9,
      status: { state: 'pending' },
    });
  });

  it('waits until it is final and prints the block', async () => {
    const submit = face.submit.bind(face);
    face.submit = async (wires) => {
      const [result] = await submit(wires);
      if (!result?.accepted) throw new Error('refused');
      const { transaction } = result;
      face.pending.set(transaction.id, {
        transaction,
        status: { state: 'final', blockNumber: 4, index: 1, blockTimeMs: 0 },
      });
      return [result];
    };
    const printed = await run(send, 'send', '--to', to, '--amount', '1', '--wait');
    expect(printed).toContain('Final in block 4, as number 2 of 4:');
    lines.length = 0;
    const json = JSON.parse(await run(send, 'send', '--to', to, '--amount', '1', '--wait', '--json'));
    expect(json).toMatchObject({ transaction: { status: { state: 'final' } }, block: { number: 4 } });
  });

  it('refuses what cannot be meant, before anything is signed', async () => {
    for (const args of [
      ['--to', 'abc', '--amount', '1'],
      ['--to', to, '--amount', '1.5'],
      ['--to', to, '--amount', '1e3'],
      ['--to', to, '--amount=-1'],
      ['--to', to, '--amount', '9007199254740992'],
      ['--to', to, '--amount', '1', '--fee', 'x'],
      ['--to', to, '--amount', '1', '--from', 'x'],
      ['--to', to, '--amount', '1', '--timeout', '0'],
      ['--to', to],
      ['--amount', '1'],
      ['--to', to, '--amount', '1', '--node', 'nonsense'],
    ]) {
      await expect(run(send, 'send', ...args), args.join(' ')).rejects.toThrow(UsageError);
    }
    expect(face.changes).toEqual([]);
  });

  it('will not sign for another network than the pinned one', async () => {
    await writeConfig({ network: { genesis_id: 'a'.repeat(64) } });
    await expect(run(send, 'send', '--to', to, '--amount', '1')).rejects.toThrow(
      /^the node is of the network 0007/,
    );
    expect(face.changes).toEqual([]);
  });

  it('says what is missing: the key, the account on the ledger, the node', async () => {
    const args = ['send', '--to', to, '--amount', '1'];
    await expect(run(send, ...args, '--from', to)).rejects.toThrow(/id_rsa/);
    face.account = async () => undefined;
    await expect(run(send, ...args)).rejects.toThrow(/must receive something before it can send/);
    await expect(run(send, ...args, '--node', 'http://127.0.0.1:1')).rejects.toThrow(
      /^no node can be reached/,
    );
  });
});

describe('account', () => {
  it('shows the account of the configuration, or any, now or as of a block', async () => {
    const now = await face.account(sender.address);
    expect(await run(accountCommand, 'account')).toMatch(new RegExp(`balance +${now?.account.balance}\n`));
    lines.length = 0;
    const miner = GENESIS.genesis_block.coinbase;
    const json = JSON.parse(await run(accountCommand, 'account', miner, '--block', '2', '--json'));
    expect(json).toMatchObject({ address: miner, nonce: 2, block_number: 2 });
  });

  it('keeps an address of digits as it is', async () => {
    const digits = '1234567890'.repeat(4);
    await expect(run(accountCommand, 'account', digits)).rejects.toThrow(`there is no account ${digits}`);
  });

  it('refuses what is no address or block', async () => {
    await expect(run(accountCommand, 'account', 'abc')).rejects.toThrow(UsageError);
    await expect(run(accountCommand, 'account', '--block', '0')).rejects.toThrow(UsageError);
  });
});

describe('status', () => {
  it('shows peers, head, round, leader, quorum and pool', async () => {
    const printed = await run(statusCommand, 'status');
    for (const row of [
      /peers +1/,
      /head +block 4/,
      /round +0 of height 5/,
      /leader +\w{40}/,
      /quorum +3 of 4/,
    ]) {
      expect(printed).toMatch(row);
    }
    expect(printed).toMatch(/pool +0 ready/);
    expect(printed).not.toContain('stands still');
    lines.length = 0;
    expect(JSON.parse(await run(statusCommand, 'status', '--json')).head.number).toBe(4);
  });

  it('says who is missing when the network stands still', () => {
    const status = nodeStatusView(face.status());
    const [a = '', b = '', c = '', d = ''] = AUTHORITIES.list.map(({ address }) => address);
    const withConsensus = (change: object) => ({ ...status, consensus: { ...status.consensus, ...change } });
    expect(troubleOf(status)).toBeUndefined();
    const trouble = troubleOf(withConsensus({ authorities_present: [a, b], authorities_missing: [c, d] }));
    expect(trouble).toContain('2 of 4 authorities are present, and 3 are needed');
    expect(trouble?.endsWith(`Missing authorities:\n  ${c}\n  ${d}`)).toBe(true);
    expect(troubleOf(withConsensus({ stalled_ms: 42_000 }))).toContain('due for 42 s');
  });

  it('takes a basic node with few connections for what it is, no network that stands still', () => {
    const status = nodeStatusView({ ...face.status(), role: 'basic' });
    const consensus = { ...status.consensus, authorities_present: [] };
    expect(troubleOf({ ...status, consensus })).toBeUndefined();
    expect(troubleOf({ ...status, consensus: { ...consensus, stalled_ms: 42_000 } })).toContain(
      'stands still',
    );
  });

  it('waits until the node is ready and has its quorum, and says at last why it is not', async () => {
    const { status, readiness } = { status: face.status(), readiness: face.readiness() };
    const answers = [{ ready: false, reasons: ['the node is still boot'] }];
    face.readiness = () => answers.shift() ?? { ...readiness, ready: true };
    const alone = { ...status, consensus: { ...status.consensus, authoritiesPresent: [] } };
    const statuses = [alone, alone];
    face.status = () => statuses.shift() ?? status;
    expect(await run(statusCommand, 'status', '--wait')).toMatch(/phase|ready/);
    expect([answers, statuses]).toEqual([[], []]);

    face.readiness = () => ({ ready: false, reasons: ['the node is still boot'] });
    await expect(run(statusCommand, 'status', '--wait', '--timeout', '1')).rejects.toThrow(
      'not ready after 1 s: the node is still boot',
    );
    await expect(run(statusCommand, 'status', '--wait', '--timeout', 'x')).rejects.toThrow(UsageError);
    await expect(
      run(statusCommand, 'status', '--wait', '--timeout', '1', '--node', 'http://127.0.0.1:1'),
    ).rejects.toThrow('not ready after 1 s: no node can be reached');
  });

  it('asks the node that the configuration describes', async () => {
    const urlOf = async (http: object, p2p: object) => {
      await writeConfig({ http, p2p });
      return configuredUrl(await loadConfig(config, {}));
    };
    expect(await urlOf({ port: 80 }, { port: 7000 })).toBe('http://127.0.0.1:80');
    expect(await urlOf({}, { port: 7000 })).toBe('http://127.0.0.1:7001');
    expect(await urlOf({ host: '0.0.0.0' }, { port: 7000 })).toBe('http://127.0.0.1:7001');
    expect(await urlOf({ host: '::' }, { port: 7000 })).toBe('http://[::1]:7001');
    await expect(urlOf({}, { port: 0 })).rejects.toThrow(UsageError);
  });
});
