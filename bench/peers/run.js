/**
 * The same count of signed transfers through ccoin (one authority, and four) and through two development nodes for
 * Ethereum: how many a second, and how long one takes alone. Needs ccoin's build and `npm ci` in this folder.
 */
import { spawn } from 'node:child_process';
import { readFile } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { loadavg } from 'node:os';
import { dirname, join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { HDNodeWallet, Mnemonic } from 'ethers';
import { withDirectory } from '../../dist/bench/lib/cache.js';
import { ask } from '../../dist/bench/lib/http.js';
import { KeptConnection } from '../../dist/bench/lib/kept-connection.js';
import { Load, shareOut } from '../../dist/bench/lib/load.js';
import { freePorts } from '../../dist/bench/lib/ports.js';
import { processFigures } from '../../dist/bench/lib/process-figures.js';
import { median, percentile } from '../../dist/bench/lib/statistics.js';
import { submitUntilFinal } from '../../dist/bench/lib/submit.js';
import { withValidators } from '../../dist/bench/lib/throughput.js';
import { signedTransfers } from '../../dist/bench/lib/transfers.js';
import { BUSY, benchWorld, QUIET } from '../../dist/bench/lib/world.js';

const TRANSFERS = 5_000;
const ALONE = 200;
const SENDERS = 20;
const BATCH = 100;
/** A block of the peers, where they do not make one of each transfer; ccoin's min_bound in this run. */
const PER_BLOCK = 500;
const RUNS = 3;
const WARM_UP = 20;

const HERE = dirname(fileURLToPath(import.meta.url));
const MNEMONIC = 'test test test test test test test test test test test junk';
const CHAIN_ID = 31_337;
const GAS = 21_000;
const GWEI = 10n ** 9n;
const UP_WITHIN_MS = 60_000;
const MB = 1_000_000;

/** The development nodes: how each is started, and how it is told to make no block by itself. */
const PEERS = [
  {
    name: 'hardhat',
    args: (port) => ['node', '--port', port],
    stopMining: ['evm_setAutomine', [false]],
  },
  {
    name: 'ganache',
    args: (port) => [
      ...['--server.port', port, '--chain.chainId', String(CHAIN_ID), '--wallet.mnemonic', MNEMONIC],
      ...['--wallet.totalAccounts', String(SENDERS), '--wallet.defaultBalance', '1000000'],
      ...['--miner.blockGasLimit', String(4_000 * GAS), '--logging.quiet'],
    ],
    stopMining: ['miner_stop', []],
  },
];

const rows = [];
const wires = await signedByEthers();
for (const peer of PEERS) rows.push(await measurePeer(peer));
rows.push(await measureCcoin('ccoin, 1 authority', 1));
rows.push(await measureCcoin('ccoin, 4 authorities', 4));
print(rows);

/** Raw transactions: all accounts' nonce 0, then all their nonce 1, and so on. */
async function signedByEthers() {
  const mnemonic = Mnemonic.fromPhrase(MNEMONIC);
  const wallets = Array.from({ length: SENDERS }, (_, i) =>
    HDNodeWallet.fromMnemonic(mnemonic, `m/44'/60'/0'/0/${i}`),
  );
  const signed = (i) =>
    wallets[i % SENDERS].signTransaction({
      to: `0x${(0x1000 + (i % 1_000)).toString(16).padStart(40, '0')}`,
      value: 1n,
      nonce: Math.floor(i / SENDERS),
      gasLimit: GAS,
      chainId: CHAIN_ID,
      type: 2,
      maxFeePerGas: 1_000n * GWEI,
      maxPriorityFeePerGas: 1n,
    });
  return Promise.all(Array.from({ length: TRANSFERS + WARM_UP + ALONE }, (_, i) => signed(i)));
}

async function measurePeer(peer) {
  const version = await versionOf(peer.name);
  const eachItsBlock = [];
  const inBlocks = [];
  const alone = [];
  const resident = [];
  for (let run = 0; run < RUNS; run++) {
    await withPeer(peer, async ({ rpc, residentMb }) => {
      eachItsBlock.push(await perSecond(() => submitAll(rpc, null)));
      alone.push(...(await aloneMs(rpc)));
      resident.push(await residentMb());
    });
    await withPeer(peer, async ({ rpc }) => {
      await rpc([peer.stopMining]);
      inBlocks.push(await perSecond(() => submitAll(rpc, PER_BLOCK)));
    });
  }
  return { name: `${peer.name} ${version}`, eachItsBlock, inBlocks, alone, resident };
}

/**
 * Hands in all transfers, and makes a block after each `perBlock`, or leaves it to the node. Left to it, each sender has one
 * transfer in a request: hardhat takes those of one request in any order, and then none whose nonce is not the next.
 */
async function submitAll(rpc, perBlock) {
  const batch = perBlock === null ? SENDERS : BATCH;
  for (let at = 0; at < TRANSFERS; at += batch) {
    await rpc(wires.slice(at, at + batch).map((wire) => ['eth_sendRawTransaction', [wire]]));
    if (perBlock !== null && (at + batch) % perBlock === 0) await rpc([['evm_mine', []]]);
  }
  await assertMined(rpc);
}

/** Every sender's nonce says that all of its transfers are in blocks. */
async function assertMined(rpc) {
  const [accounts] = await rpc([['eth_accounts', []]]);
  const counts = await rpc(
    accounts.slice(0, SENDERS).map((each) => ['eth_getTransactionCount', [each, 'latest']]),
  );
  const mined = counts.reduce((sum, count) => sum + Number(count), 0);
  if (mined !== TRANSFERS) throw new Error(`${mined} of ${TRANSFERS} transfers are in blocks`);
}

/** Milliseconds from submission until the receipt is there, one after the other. */
async function aloneMs(rpc) {
  const times = [];
  for (const wire of wires.slice(TRANSFERS)) {
    const startMs = performance.now();
    const [hash] = await rpc([['eth_sendRawTransaction', [wire]]]);
    for (;;) {
      const [receipt] = await rpc([['eth_getTransactionReceipt', [hash]]]);
      if (receipt !== null) break;
    }
    times.push(performance.now() - startMs);
  }
  return times.slice(WARM_UP);
}

async function withPeer({ name, args }, use) {
  const [port] = await freePorts(1);
  const script = createRequire(import.meta.url).resolve(`${name}/package.json`);
  const { bin } = JSON.parse(await readFile(script, 'utf8'));
  const command = join(dirname(script), bin[name]);
  const child = spawn(process.execPath, [command, ...args(String(port))], { cwd: HERE, stdio: 'ignore' });
  const rpc = async (calls) => {
    const body = calls.map(([method, params], id) => ({ jsonrpc: '2.0', id, method, params }));
    const answers = await ask(`http://127.0.0.1:${port}/`, JSON.stringify(body));
    return answers
      .sort((a, b) => a.id - b.id)
      .map(({ result, error }) => {
        if (error !== undefined) throw new Error(`${name}: ${error.message}`);
        return result;
      });
  };
  try {
    await untilUp(rpc);
    return await use({ rpc, residentMb: async () => (await processFigures(child.pid)).residentBytes / MB });
  } finally {
    child.kill();
    if (child.exitCode === null) await new Promise((resolve) => child.once('exit', resolve));
  }
}

async function untilUp(rpc) {
  const untilMs = performance.now() + UP_WITHIN_MS;
  for (;;) {
    try {
      await rpc([['eth_chainId', []]]);
      return;
    } catch (error) {
      if (performance.now() > untilMs) throw error;
      await sleep(100);
    }
  }
}

async function measureCcoin(name, validators) {
  const busy = await benchWorld(SENDERS, { ...BUSY, minBound: PER_BLOCK }, validators);
  const quiet = await benchWorld(SENDERS, QUIET, validators);
  const many = await signedTransfers(busy, TRANSFERS);
  const few = await signedTransfers(quiet, WARM_UP + ALONE);
  const inBlocks = [];
  const alone = [];
  const resident = [];
  for (let run = 0; run < RUNS; run++) {
    await withDirectory((directory) =>
      withValidators(directory, busy, async ({ nodes }, count) => {
        const load = new Load(nodes, shareOut(many, SENDERS, validators));
        const all = async () => {
          // As many under way as the pools of a network hold of so few senders.
          await load.keepUnderWay(TRANSFERS / 2, count);
          while (count.transactions < TRANSFERS) await count.next();
        };
        inBlocks.push(await perSecond(all));
        const figures = await Promise.all(nodes.map(({ child }) => processFigures(child.pid)));
        resident.push(figures.reduce((sum, { residentBytes }) => sum + residentBytes, 0) / MB);
      }),
    );
    await withDirectory((directory) =>
      withValidators(directory, quiet, async ({ nodes }, count) => {
        const times = [];
        const connection = await KeptConnection.open(nodes[0].http);
        for (const wire of few) {
          const { ms, blockNumber } = await submitUntilFinal(connection, wire);
          times.push(ms);
          await count.reaches(blockNumber);
        }
        connection.close();
        alone.push(...times.slice(WARM_UP));
      }),
    );
  }
  return { name, eachItsBlock: null, inBlocks, alone, resident };
}

async function perSecond(all) {
  const startMs = performance.now();
  await all();
  return (TRANSFERS * 1_000) / (performance.now() - startMs);
}

async function versionOf(name) {
  const { dependencies } = JSON.parse(await readFile(join(HERE, 'package.json'), 'utf8'));
  return dependencies[name];
}

function print(measured) {
  console.log(`${TRANSFERS} transfers, medians of ${RUNS} runs; load average ${loadavg()[0]?.toFixed(1)}\n`);
  console.log(
    '| | each its block, /s | in blocks of about 500, /s | one alone, p50 / p99 ms | resident, MB |',
  );
  console.log('| --- | --- | --- | --- | --- |');
  const whole = (values) => (values === null ? '' : Math.round(median(values)).toLocaleString('en'));
  for (const { name, eachItsBlock, inBlocks, alone, resident } of measured) {
    const times = `${percentile(alone, 50).toFixed(1)} / ${percentile(alone, 99).toFixed(1)}`;
    console.log(`| ${name} | ${whole(eachItsBlock)} | ${whole(inBlocks)} | ${times} | ${whole(resident)} |`);
  }
}
