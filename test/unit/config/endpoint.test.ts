import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { formatEndpoint, isHost, parseEndpoint } from '../../../src/config/endpoint.js';

describe('an endpoint', () => {
  test.each([
    ['a.example:1', { host: 'a.example', port: 1 }],
    ['node_1:65535', { host: 'node_1', port: 65_535 }],
    ['127.0.0.1', { host: '127.0.0.1', port: undefined }],
    ['[::1]:80', { host: '::1', port: 80 }],
    ['[::1]', { host: '::1', port: undefined }],
  ])('%s', (text, endpoint) => {
    expect(parseEndpoint(text)).toEqual(endpoint);
  });

  test.each([
    '',
    ':1',
    'a:',
    'a:0',
    'a:65536',
    'a:1x',
    '::1',
    '[a]:1',
    '[1.2.3.4]:1',
    'a b:1',
    '1.2.3:4',
    '-a:1',
    'a/b:1',
  ])('is not %j', (text) => {
    expect(parseEndpoint(text)).toBeUndefined();
  });

  test('is read as it is written', () => {
    const hosts = fc.oneof(fc.ipV4(), fc.ipV6(), fc.domain());
    fc.assert(
      fc.property(hosts, fc.integer({ min: 1, max: 65_535 }), (host, port) => {
        expect(isHost(host)).toBe(true);
        expect(parseEndpoint(formatEndpoint(host, port))).toEqual({ host, port });
      }),
    );
  });
});
