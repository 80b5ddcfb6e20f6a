/** The HTTP API over the fake node, the discovery service, and the discovery client that a service may lie to. */
import { createApi } from '../../../src/api/api.js';
import { DiscoveryClient } from '../../../src/discovery/client.js';
import { Registry } from '../../../src/discovery/registry.js';
import { discoveryServer } from '../../../src/discovery/server.js';
import { toBase64 } from '../../../src/protocol/bytes.js';
import { MemoryStore } from '../../../src/storage/memory-store.js';
import { FakeFace, finalBlock, testKey } from '../../unit/api/fake-face.js';
import { HandClock, NETWORK, removal, signed, signer } from '../../unit/discovery/fixtures.js';
import { TRANSACTIONS } from '../corpus.js';
import type { Dice } from '../dice.js';
import { exchange, judgeAnswer } from '../http-exchange.js';
import { JSON_DIALECT } from '../json-dialect.js';
import { mutateBytes } from '../mutate-bytes.js';
import { Broken, changed, type Target } from '../target.js';

const TOKEN = 'a-token-of-the-tests';
const ADDRESS = testKey(1).address;
const { block } = finalBlock(2);
const transactionId = block.transactions[0]?.id ?? '';
const [wire = ''] = TRANSACTIONS.map(toBase64);

const PATHS = [
  '/',
  '/status',
  '/peers',
  '/authorities',
  '/evidence',
  '/events',
  '/health/live',
  '/health/ready?max_behind=3',
  '/blk/cnt',
  '/blk/2',
  '/blk/latest',
  `/blk/${block.id}`,
  '/blk/2?state=all',
  '/blk/2?form=wire',
  '/blk?from=1&limit=2',
  `/txn/${transactionId}`,
  `/txn/${transactionId}?wait=5`,
  `/txn/${'ab'.repeat(32)}?wait=1`,
  `/txns?since=1.5&account=${ADDRESS}&limit=2&cursor=1`,
  `/account/${ADDRESS}?block=2`,
  `/account/${ADDRESS}/txns?limit=1`,
  '/accounts?limit=1&cursor=1',
  '/pool?limit=10',
  `/${testKey(0).address}/blk/1/`,
  '/nowhere',
];
const POSTS: readonly (readonly [path: string, body: unknown])[] = [
  ['/txn', { wire }],
  ['/txn', { sendto_address: ADDRESS, amount: 5, fee: 1, data: 'hello' }],
  ['/txn', { sendto_address: toBase64(testKey(1).publicKey), amount: 0, data: { base64: 'AAEC' } }],
  ['/txns', [wire, wire]],
  ['/txns', { wires: [wire] }],
  [`/txn/${transactionId}`, { block_number: 2 }],
];
const HEADERS = [
  `authorization: Bearer ${TOKEN}`,
  'authorization: Bearer',
  'authorization: Basic YTpi',
  'idempotency-key: a',
  'idempotency-key: ',
  `if-none-match: W/"${block.id}"`,
  'accept-encoding: gzip',
  'connection: close',
  'expect: 100-continue',
  'transfer-encoding: chunked',
  'content-length: 5',
  'content-length: -1',
  'content-encoding: gzip',
  'upgrade: websocket',
  'host: evil.example',
  'origin: http://evil.example',
  'content-type: text/plain',
  'content-type: application/json; charset=latin1',
  'content-type: multipart/form-data',
  `x-long: ${'x'.repeat(20_000)}`,
  'range: bytes=0-1',
  'accept: text/event-stream',
];
const PATH_PIECES = [
  '%',
  '%00',
  '%ff',
  '%2e%2e%2f',
  '..',
  '//',
  '?',
  '&',
  '=',
  '#',
  '[]',
  '__proto__',
  '\u00e9',
  '\\',
  '*',
  ';',
];
const METHODS = [
  'GET',
  'HEAD',
  'POST',
  'PUT',
  'DELETE',
  'OPTIONS',
  'TRACE',
  'CONNECT',
  'PATCH',
  'PROPFIND',
  'QUERY',
  'get',
];

/** A request line, headers and a body, each valid or not. */
function requestInput(
  paths: readonly string[],
  posts: readonly (readonly [string, Uint8Array])[],
  dice: Dice,
): Uint8Array {
  const [postPath, postBody] = dice.pick(posts);
  const withBody = dice.oneIn(2);
  const bodyOfPost = withBody ? changed([postBody], JSON_DIALECT)(dice) : Buffer.alloc(0);
  const method = dice.oneIn(8) ? dice.pick(METHODS) : withBody ? 'POST' : 'GET';
  const path = changedPath(withBody && !dice.oneIn(8) ? postPath : dice.pick(paths), dice);
  const headers = ['host: localhost'];
  if (withBody && !dice.oneIn(20)) headers.push('content-type: application/json');
  if (withBody && !dice.oneIn(20)) headers.push(`content-length: ${bodyOfPost.length}`);
  if (dice.oneIn(2)) headers.push(`authorization: Bearer ${TOKEN}`);
  while (dice.oneIn(3)) headers.push(dice.pick(HEADERS));
  const head = Buffer.from(`${method} ${path} HTTP/1.1\r\n${headers.join('\r\n')}\r\n\r\n`, 'latin1');
  const request = Uint8Array.from(Buffer.concat([head, bodyOfPost]));
  return dice.oneIn(8) ? mutateBytes(request, dice, [request]) : request;
}

function changedPath(path: string, dice: Dice): string {
  if (!dice.oneIn(2)) return path;
  const at = dice.below(path.length + 1);
  const piece = dice.oneIn(4) ? Buffer.from(dice.bytes(4)).toString('latin1') : dice.pick(PATH_PIECES);
  return path.slice(0, at) + piece.replace(/[\r\n ]/g, '') + path.slice(at + dice.below(3));
}

const encoded = (list: readonly (readonly [string, unknown])[]) =>
  list.map(([path, body]) => [path, Uint8Array.from(Buffer.from(JSON.stringify(body)))] as const);

const API: Target = {
  name: 'http-api',
  input: (dice) => requestInput(PATHS, encoded(POSTS), dice),
  async open() {
    const timers = new Set<() => void>();
    const failures: unknown[] = [];
    const app = createApi(new FakeFace(), {
      token: TOKEN,
      localHostsOnly: true,
      onFailure: (error) => failures.push(error),
      after: (_, fire) => {
        timers.add(fire);
        return () => timers.delete(fire);
      },
    });
    await app.ready();
    return {
      async take(input) {
        const answer = await exchange(app.server, input, () => ringAll(timers));
        const [failure] = failures.splice(0);
        if (failure !== undefined) throw failure;
        return judgeAnswer(answer);
      },
      close: () => app.close(),
    };
  },
};

function ringAll(timers: Set<() => void>): void {
  for (const fire of [...timers]) if (timers.delete(fire)) fire();
}

const commands = await Promise.all([
  signed(signer(0)),
  signed(signer(1), { ip: 'node.example', port: 1 }),
  signed(signer(2), removal),
  { command: 'get_all', network: NETWORK },
]);

const DISCOVERY: Target = {
  name: 'discovery-service',
  input: (dice) =>
    requestInput(
      ['/', '/members', `/members?network=${NETWORK}`, '/health', '/nowhere'],
      encoded(commands.map((command) => ['/', command])),
      dice,
    ),
  async open() {
    const server = discoveryServer(await Registry.open(new MemoryStore(), new HandClock()));
    await server.ready();
    return {
      take: async (input) => judgeAnswer(await exchange(server.server, input, () => {})),
      close: () => server.close(),
    };
  },
};

const MEMBERS = [{ id: ADDRESS, ip: '10.0.0.1', port: 4_000 }];
const ANSWERS = [MEMBERS, true, { title: 'Bad', status: 400, detail: 'no', code: 'MALFORMED' }];

/** The first byte decides the status, the rest is the answer's body. */
const LYING_SERVICE: Target = {
  name: 'discovery-answer',
  input: (dice) => {
    const body = changed(
      ANSWERS.map((answer) => Uint8Array.from(Buffer.from(JSON.stringify(answer)))),
      JSON_DIALECT,
    )(dice);
    return Uint8Array.from([dice.below(2), ...body]);
  },
  async open() {
    let answer: Uint8Array = Uint8Array.of(0);
    const client = new DiscoveryClient({
      url: 'http://discovery.example:4444',
      network: NETWORK,
      clock: new HandClock(),
      signer: signer(0),
      fetch: async () =>
        new Response(Buffer.from(answer.subarray(1)), { status: answer[0] === 0 ? 200 : 400 }),
    });
    return {
      async take(input) {
        answer = input;
        const members = await client.members();
        const { ok } = await client.remove();
        if (members.ok) return 'accepted';
        if (/\p{Cc}/u.test(members.reason)) throw new Broken('a reason that would write into a terminal');
        return ok ? 'accepted' : 'refused';
      },
    };
  },
};

export const HTTP_TARGETS: readonly Target[] = [API, DISCOVERY, LYING_SERVICE];
